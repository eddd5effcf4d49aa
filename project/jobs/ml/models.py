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
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier, KFold, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

from project.jobs.ml.features import Feature, Use
from project.jobs.ml.targets import Task

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
MANY_WORDS = 100
"""A column of more words is learnt by the target's mean for each."""
_ENCODER_FOLDS = 5

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
    is_balanced: bool = False
    """Whether rows of rare classes count for more, so that all classes count alike."""

    @property
    def class_weight(self) -> str | None:
        """What scikit-learn calls it."""
        return "balanced" if self.is_balanced else None

    @property
    def title(self) -> str:
        """What people call it."""
        return TITLES[self.name][self.task]


def fit(recipe: Recipe, inputs: Array, target: Array, check: Check) -> Estimator:
    """A fitted model; `check` may raise, as when the job was cancelled."""
    check()
    if recipe.name == "trees":
        return _fit_trees(recipe, inputs, target, check)
    model = _make_linear(recipe, target)
    model.fit(inputs, target)
    return model


def fit_baseline(task: Task, inputs: Array, target: Array) -> Estimator:
    """Predicts what is most frequent, or the mean: what a model must be better than."""
    model = DummyRegressor() if task == "regression" else DummyClassifier(strategy="prior")
    return model.fit(inputs[:, :1], target)


def _fit_trees(recipe: Recipe, inputs: Array, target: Array, check: Check) -> Estimator:
    is_category, is_many = _find_categories(recipe.features), _find_many(recipe.features)
    prepare = ColumnTransformer(
        [
            ("plain", "passthrough", np.flatnonzero(~is_many).tolist()),
            ("many words", _make_target_encoder(recipe, target), np.flatnonzero(is_many).tolist()),
        ]
    )
    if is_many.any():
        inputs = prepare.fit_transform(inputs, target)
        is_category = np.resize(is_category[~is_many], inputs.shape[1])
        is_category[(~is_many).sum() :] = False
    model = _make_trees(recipe, len(target), is_category)
    for count in range(_TREES_AT_ONCE, TREES + 1, _TREES_AT_ONCE):
        check()
        model.set_params(max_iter=count)
        model.fit(inputs, target)
    return Pipeline([("prepare", prepare), ("learn", model)]) if is_many.any() else model


def _make_trees(recipe: Recipe, rows: int, is_category: Array) -> Estimator:
    options: dict[str, Any] = (
        {} if recipe.task == "regression" else {"class_weight": recipe.class_weight}
    )
    kind = (
        HistGradientBoostingRegressor
        if recipe.task == "regression"
        else HistGradientBoostingClassifier
    )
    return kind(
        max_iter=_TREES_AT_ONCE,
        early_stopping=False,
        warm_start=True,
        categorical_features=is_category if is_category.any() else None,
        random_state=recipe.seed,
        min_samples_leaf=max(2, min(20, rows // 20)),
        **options,
    )


def _make_target_encoder(recipe: Recipe, target: Array) -> TargetEncoder:
    """A word becomes the mean of the target of its rows, drawn to that of all rows if they are few.

    While it is fitted, that of other rows than the row itself: else a model learns it by heart.
    """
    if recipe.task == "regression":
        folds: Any = KFold(_ENCODER_FOLDS, shuffle=True, random_state=recipe.seed)
        return TargetEncoder(target_type="continuous", cv=folds)
    folds = StratifiedKFold(_ENCODER_FOLDS, shuffle=True, random_state=recipe.seed)
    classes = "binary" if len(np.unique(target)) == 2 else "multiclass"
    return TargetEncoder(target_type=classes, cv=folds)


def _find_many(features: Sequence[Feature]) -> Array:
    """Which inputs are codes of a column with many words, so that each word has few rows."""
    return np.array(
        [len(feature.categories) > MANY_WORDS for feature in features for _ in range(feature.width)]
    )


def set_threshold(model: Estimator, threshold: float, inputs: Array, target: Array) -> Estimator:
    """The fitted model, which says the second class from that probability on."""
    frozen = FixedThresholdClassifier(
        FrozenEstimator(model), threshold=threshold, response_method="predict_proba"
    )
    return frozen.fit(inputs, target)


def _find_categories(features: Sequence[Feature]) -> Array:
    """Which numbers of a row are those of words."""
    return np.array(
        [feature.use is Use.CATEGORY for feature in features for _ in range(feature.width)]
    )


def _make_linear(recipe: Recipe, target: Array) -> Pipeline:
    is_category, is_many = _find_categories(recipe.features), _find_many(recipe.features)
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
    many_words = Pipeline(
        [("encode", _make_target_encoder(recipe, target)), ("scale", StandardScaler())]
    )
    prepare = ColumnTransformer(
        [
            ("numbers", numbers, np.flatnonzero(~is_category).tolist()),
            ("words", words, np.flatnonzero(is_category & ~is_many).tolist()),
            ("many words", many_words, np.flatnonzero(is_many).tolist()),
        ]
    )
    learner = (
        Ridge(random_state=recipe.seed)
        if recipe.task == "regression"
        else LogisticRegression(
            max_iter=_MAX_ITERATIONS,
            random_state=recipe.seed,
            class_weight=recipe.class_weight,
        )
    )
    return Pipeline([("prepare", prepare), ("learn", learner)])
