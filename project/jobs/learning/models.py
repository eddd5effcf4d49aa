"""The models: a linear one and trees, each with its preprocessing, fitted on what it is given.

To fit trees takes long: it is done in steps, so that a cancelled job stops between two of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from project.jobs.learning.features import Feature, Use
from project.jobs.learning.targets import Task

ModelName = Literal["linear", "trees"]
TITLES: dict[ModelName, dict[Task, str]] = {
    "linear": {"classification": "Logistic regression", "regression": "Ridge regression"},
    "trees": {
        "classification": "Gradient-boosted trees",
        "regression": "Gradient-boosted trees",
    },
}
TREES = 120
_TREES_AT_ONCE = 40
_MAX_ITERATIONS = 500

Array = Any
"""A numpy array."""
Estimator = Any
"""Of scikit-learn: `fit`, `predict`, maybe `predict_proba`."""
Check = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to fit."""

    name: ModelName
    task: Task
    features: Sequence[Feature]
    seed: int

    @property
    def title(self) -> str:
        """What people call it."""
        return TITLES[self.name][self.task]


def fit(recipe: Recipe, inputs: Array, target: Array, check: Check) -> Estimator:
    """A fitted model; `check` may raise, as when the job was cancelled."""
    check()
    if recipe.name == "trees":
        return _fit_trees(recipe, inputs, target, check)
    model = _make_linear(recipe)
    model.fit(inputs, target)
    return model


def fit_baseline(task: Task, inputs: Array, target: Array) -> Estimator:
    """Predicts what is most frequent, or the mean: what a model must be better than."""
    model = DummyRegressor() if task == "regression" else DummyClassifier(strategy="prior")
    return model.fit(inputs[:, :1], target)


def _fit_trees(recipe: Recipe, inputs: Array, target: Array, check: Check) -> Estimator:
    kind = (
        HistGradientBoostingRegressor
        if recipe.task == "regression"
        else HistGradientBoostingClassifier
    )
    is_category = _find_categories(recipe.features)
    model = kind(
        max_iter=_TREES_AT_ONCE,
        early_stopping=False,
        warm_start=True,
        categorical_features=is_category if is_category.any() else None,
        random_state=recipe.seed,
        min_samples_leaf=max(2, min(20, len(target) // 20)),
    )
    for count in range(_TREES_AT_ONCE, TREES + 1, _TREES_AT_ONCE):
        check()
        model.set_params(max_iter=count)
        model.fit(inputs, target)
    return model


def _find_categories(features: Sequence[Feature]) -> Array:
    """Which numbers of a row are those of words."""
    return np.array(
        [feature.use is Use.CATEGORY for feature in features for _ in range(feature.width)]
    )


def _make_linear(recipe: Recipe) -> Pipeline:
    is_category = _find_categories(recipe.features)
    numbers = Pipeline(
        [
            ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("scale", StandardScaler()),
        ]
    )
    words = Pipeline(
        [
            ("impute", SimpleImputer(strategy="constant", fill_value=-1.0)),
            ("encode", OneHotEncoder(handle_unknown="ignore")),
        ]
    )
    prepare = ColumnTransformer(
        [
            ("numbers", numbers, np.flatnonzero(~is_category).tolist()),
            ("words", words, np.flatnonzero(is_category).tolist()),
        ]
    )
    learner = (
        Ridge(random_state=recipe.seed)
        if recipe.task == "regression"
        else LogisticRegression(max_iter=_MAX_ITERATIONS, random_state=recipe.seed)
    )
    return Pipeline([("prepare", prepare), ("learn", learner)])
