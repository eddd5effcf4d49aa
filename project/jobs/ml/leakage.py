"""Finds features that alone predict the target: often computed from it and unknown in real use."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from project.jobs.ml.features import Feature
from project.jobs.ml.scoring import main_score
from project.jobs.ml.targets import Target

SUSPICIOUS = 0.99
_ROWS = 10_000

Array = Any
"""A numpy array."""


def find_leaks(
    features: Sequence[Feature],
    target: Target,
    inputs: Array,
    truth: Array,
    check: Callable[[], None],
) -> list[tuple[str, float]]:
    """Find features with which, alone, a small tree scores SUSPICIOUS or more."""
    step = max(1, len(truth) // _ROWS)
    inputs, truth = inputs[::step], truth[::step]
    half = np.random.default_rng(0).random(len(truth)) < 0.5
    if len(np.unique(truth[half])) < 2 or not (~half).any():
        return []
    kind = DecisionTreeRegressor if target.task == "regression" else DecisionTreeClassifier
    leaks = []
    for feature, columns in group_inputs(features):
        check()
        tree = kind(min_samples_leaf=2, max_depth=12, random_state=0)
        tree.fit(inputs[half][:, columns], truth[half])
        value = main_score(target, truth[~half], tree.predict(inputs[~half][:, columns]))
        if value >= SUSPICIOUS:
            leaks.append((feature.name, value))
    return leaks


def group_inputs(features: Sequence[Feature]) -> list[tuple[Feature, list[int]]]:
    """Return each feature with the positions of its numbers in a row."""
    groups, start = [], 0
    for feature in features:
        groups.append((feature, list(range(start, start + feature.width))))
        start += feature.width
    return groups
