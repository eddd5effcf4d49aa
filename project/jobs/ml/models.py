"""The models: a linear one and trees, each with preprocessing that is fitted with it.

Fitting trees takes long: it runs in steps, so that a cancelled job can stop between them.
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
"""In a column with more words, each word is encoded as its mean target."""
_ENCODER_FOLDS = 5

Array = Any
"""A numpy array."""
Estimator = Any
"""A scikit-learn estimator: `fit`, `predict`, maybe `predict_proba`."""
Check = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Which model to fit, and how."""

    name: ModelName
    task: Task
    features: Sequence[Feature]
    seed: int
    is_balanced: bool = False
    """Whether rows of rare classes weigh more, so that all classes weigh the same."""

    @property
    def class_weight(self) -> str | None:
        """The model's `class_weight` in scikit-learn."""
        return "balanced" if self.is_balanced else None

    @property
    def title(self) -> str:
        """The model's name for people."""
        return TITLES[self.name][self.task]


def fit(recipe: Recipe, inputs: Array, target: Array, check: Check) -> Estimator:
    """Return a fitted model. `check` may raise, for example if the job was cancelled."""
    check()
    if recipe.name == "trees":
        return _fit_trees(recipe, inputs, target, check)
    model = _make_linear(recipe, target)
    model.fit(inputs, target)
    return model


def fit_baseline(task: Task, inputs: Array, target: Array) -> Estimator:
    """Fit a baseline to beat: it always predicts the most frequent class, or the mean."""
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
    """Encode a word as the mean target of its rows; for few rows, closer to the mean of all rows.

    In fitting, a row's code comes from other folds: otherwise the model memorises the target.
    """
    if recipe.task == "regression":
        folds: Any = KFold(_ENCODER_FOLDS, shuffle=True, random_state=recipe.seed)
        return TargetEncoder(target_type="continuous", cv=folds)
    folds = StratifiedKFold(_ENCODER_FOLDS, shuffle=True, random_state=recipe.seed)
    classes = "binary" if len(np.unique(target)) == 2 else "multiclass"
    return TargetEncoder(target_type=classes, cv=folds)


def _find_many(features: Sequence[Feature]) -> Array:
    """Find the inputs that encode columns with more than MANY_WORDS words."""
    return np.array(
        [len(feature.categories) > MANY_WORDS for feature in features for _ in range(feature.width)]
    )


def set_threshold(model: Estimator, threshold: float, inputs: Array, target: Array) -> Estimator:
    """Make the fitted model predict the second class from that probability."""
    frozen = FixedThresholdClassifier(
        FrozenEstimator(model), threshold=threshold, response_method="predict_proba"
    )
    return frozen.fit(inputs, target)


def _find_categories(features: Sequence[Feature]) -> Array:
    """Find the inputs that encode words."""
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
