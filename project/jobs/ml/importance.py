"""A column's importance: how much the model's test score falls when the column is shuffled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from project.jobs.ml.features import Feature
from project.jobs.ml.leakage import group_inputs
from project.jobs.ml.scoring import main_score
from project.jobs.ml.targets import Target

REPEATS = 5
_ROWS = 3000

Array = Any
"""A numpy array."""


@dataclass(frozen=True, slots=True)
class Importance:
    """How much the main score falls, over REPEATS shuffles."""

    name: str
    mean: float
    deviation: float


def measure_importance(
    model: Any,
    features: Sequence[Feature],
    target: Target,
    rows: tuple[Array, Array],
    *,
    seed: int,
    check: Callable[[], None],
) -> list[Importance]:
    """Measure all features, the most important first. `rows` are the test's inputs and truth."""
    step = max(1, len(rows[1]) // _ROWS)
    inputs, truth = rows[0][::step], rows[1][::step]
    chance = np.random.default_rng(seed)
    whole = main_score(target, truth, model.predict(inputs))
    found = []
    for feature, columns in group_inputs(features):
        falls = []
        for _ in range(REPEATS):
            check()
            shuffled = inputs.copy()
            shuffled[:, columns] = inputs[chance.permutation(len(truth))][:, columns]
            falls.append(whole - main_score(target, truth, model.predict(shuffled)))
        found.append(Importance(feature.name, float(np.mean(falls)), float(np.std(falls))))
    return sorted(found, key=lambda each: -each.mean)
