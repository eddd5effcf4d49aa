"""Trains a model on a table and tests it, in this order:

1. choose   the target, the rows that have it, and the columns to learn from
2. split    hold out rows for the test
3. learn    the categories, and everything else that is fitted, from the training part alone
4. compare  the models by cross-validation within the training part, if there is a choice
5. fit      the chosen model on the whole training part
6. test     it once on the held-out rows, together with a baseline
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
)

from project.errors import PermanentError
from project.html_report.figures import counted, enumerate_names, shorten
from project.jobs.ml.features import Dropped, Feature, choose_features, encode, learn_categories
from project.jobs.ml.importance import Importance, measure_importance
from project.jobs.ml.leakage import find_leaks
from project.jobs.ml.models import ModelName, Recipe, fit, fit_baseline, set_threshold
from project.jobs.ml.relations import find_relations
from project.jobs.ml.scoring import (
    RARE_CLASS,
    Predictions,
    Score,
    choose_threshold,
    decide,
    main_score,
    predict,
    score,
)
from project.jobs.ml.splitting import Split, split_by_time, split_groups, split_rows
from project.jobs.ml.targets import Target, choose_target
from project.tables.parameters import ColumnType

FOLDS = 3
_COMPARED_ROWS = 30_000
"""Cross-validation uses at most about this many rows: enough to choose between two models."""

Array = Any
"""A numpy array."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the client wants the model to learn."""

    target: str
    task: str
    features: Sequence[str]
    time_column: str
    group_column: str
    test_share: float
    model: str
    row_limit: int
    seed: int
    named_types: Mapping[str, ColumnType] = field(default_factory=dict)
    """The column types that the user chose."""
    read_types: Mapping[str, ColumnType] = field(default_factory=dict)
    """The types that the columns were read as; the model keeps them for other tables."""
    remarks: Sequence[str] = ()
    """Notes on how the table was read."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A model's score in the cross-validation within the training part."""

    title: str
    mean: float
    deviation: float
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Training:
    """A trained model and its test."""

    estimator: Any
    recipe: Recipe
    target: Target
    dropped: Sequence[Dropped]
    split: Split
    truth: Array
    """True values of the test part; `predicted` and `scores` are of the same rows."""
    predicted: Predictions
    scores: Sequence[Score]
    compared: Sequence[Compared]
    importances: Sequence[Importance]
    leaks: Sequence[tuple[str, float]]
    relations: Sequence[str]
    """Sentences on rows that belong together, but that the split did not keep together."""
    threshold: float | None
    """The probability from which the model predicts the second of two classes; None: a half."""
    class_counts: Sequence[int]
    """Number of rows of each class, in both parts together."""
    notes: Sequence[str]

    @property
    def features(self) -> Sequence[Feature]:
        """The features that the model learns from."""
        return self.recipe.features


Report = Callable[[float, str], None]
"""Called with the share done and the next step's name; may raise to stop."""


def train(frame: pl.DataFrame, plan: Plan, report: Report) -> Training:
    """Train and test a model. PermanentError names the problem in the table or the plan."""
    check_columns(frame.columns, [plan.target, plan.time_column, plan.group_column, *plan.features])
    report(0.0, "Choosing columns")
    target, known, notes = choose_target(frame, plan.target, plan.task)
    known, more = _sample(known, plan)
    wanted = [name for name in plan.features if name != plan.target]
    features, dropped = choose_features(
        known,
        wanted,
        leave_out=[plan.target, plan.group_column],
        time_column=plan.time_column,
        types=plan.named_types,
    )
    features = [replace(each, read_as=plan.read_types.get(each.name)) for each in features]
    truth = target.encode(known[plan.target])
    split = _split(known, features, truth, target, plan)
    features = learn_categories(features, known[split.train.tolist()])
    inputs = encode(known, features)
    groups = _number_values(known[plan.group_column]) if plan.group_column else None
    train_part = inputs[split.train], truth[split.train]
    test_part = inputs[split.test], truth[split.test]

    def check() -> None:
        report(-1, "")

    report(0.1, "Looking for leaks")
    leaks = find_leaks(features, target, *train_part, check)
    recipe, compared, threshold = _choose_model(
        features,
        target,
        (*train_part, *([groups[split.train]] if groups is not None else [])),
        plan,
        report,
    )
    report(0.6, f"Fitting: {recipe.title.lower()}, {len(split.train):,} rows")
    estimator = fit(recipe, *train_part, check)
    if threshold is not None:
        estimator = set_threshold(estimator, threshold, *train_part)
    report(0.8, f"Testing on {len(split.test):,} rows")
    predicted = predict(estimator, test_part[0])
    baseline = predict(fit_baseline(target.task, *train_part), test_part[0][:, :1])
    scores = score(target, test_part[1], predicted, baseline, plan.seed)
    report(0.88, "Measuring the importance of columns")
    importances = measure_importance(
        estimator, features, target, test_part, seed=plan.seed, check=check
    )
    return Training(
        estimator=estimator,
        recipe=recipe,
        target=target,
        dropped=dropped,
        split=split,
        truth=test_part[1],
        predicted=predicted,
        scores=scores,
        compared=compared,
        importances=importances,
        leaks=leaks,
        relations=[]
        if plan.time_column or plan.group_column
        else [*find_relations(known, [plan.target])],
        threshold=threshold,
        class_counts=np.bincount(truth.astype(int)).tolist() if target.classes else [],
        notes=[*plan.remarks, *notes, *more, *split.notes],
    )


def check_columns(columns: Sequence[str], needed: Sequence[str]) -> None:
    """Raise a PermanentError that names the missing columns, if any."""
    missing = [name for name in dict.fromkeys(needed) if name and name not in columns]
    if missing:
        noun = "column" if len(missing) == 1 else "columns"
        raise PermanentError(
            f"The table has no {noun} {enumerate_names(missing)}; it has "
            f"{enumerate_names(columns, 8)}."
        )


def _sample(known: pl.DataFrame, plan: Plan) -> tuple[pl.DataFrame, list[str]]:
    if known.height <= plan.row_limit:
        return known, []
    taken = known.sample(plan.row_limit, seed=plan.seed)
    whole = counted(known.height, "row")
    return taken, [f"A random {plan.row_limit:,} of {whole} were used (the row limit)."]


def _split(
    known: pl.DataFrame, features: Sequence[Feature], truth: Array, target: Target, plan: Plan
) -> Split:
    rows = known.select(each.name for each in features)
    if plan.group_column and not plan.time_column:
        return split_groups(
            _number_values(known[plan.group_column]),
            truth,
            test_share=plan.test_share,
            seed=plan.seed,
            is_stratified=target.task == "classification",
            name=plan.group_column,
        )
    if not plan.time_column:
        return split_rows(
            rows,
            truth,
            test_share=plan.test_share,
            seed=plan.seed,
            is_stratified=target.task == "classification",
        )
    times = known[plan.time_column]
    if not (times.dtype.is_temporal() or times.dtype.is_numeric()):
        raise PermanentError(
            f"“{shorten(plan.time_column, 40)}” has neither dates nor numbers, so it can't order "
            "the rows by time: choose another time column, or leave it out."
        )
    split = split_by_time(rows, times, test_share=plan.test_share)
    if target.classes and len(np.unique(truth[split.train])) < len(target.classes):
        raise PermanentError(
            "A class of the target occurs only in the latest rows: choose a smaller test share, or "
            "leave the time column out."
        )
    return split


def _number_values(values: pl.Series) -> Array:
    """Give each different value a number; missing values share the number 0."""
    return values.rank("dense").fill_null(0).to_numpy()


def _choose_model(
    features: Sequence[Feature],
    target: Target,
    part: tuple[Array, ...],
    plan: Plan,
    report: Report,
) -> tuple[Recipe, list[Compared], float | None]:
    """Return the chosen model, or the better of two by cross-validation, and its threshold."""
    names: list[ModelName] = ["linear", "trees"]
    recipes = [
        Recipe(name, target.task, features, plan.seed, is_balanced=_has_rare_class(target, part[1]))
        for name in names
        if plan.model in {"auto", name}
    ]
    step = max(1, len(part[1]) // _COMPARED_ROWS)
    sample = tuple(each[::step] for each in part)
    results, thresholds = [], []
    for place, recipe in enumerate(recipes):
        report(0.2 + 0.2 * place, f"Cross-validating: {recipe.title.lower()}")
        held = _cross_validate(recipe, target, sample, plan, lambda: report(-1, ""))
        thresholds.append(choose_threshold(target, held))
        results.append(_score_held(target, held, thresholds[-1]))
    means = [float(np.mean(scores)) for scores in results]
    best = int(np.argmax(means))
    compared = [
        Compared(recipe.title, mean, float(np.std(scores)), place == best)
        for place, (recipe, mean, scores) in enumerate(zip(recipes, means, results, strict=True))
    ]
    return recipes[best], compared, thresholds[best]


def _has_rare_class(target: Target, truth: Array) -> bool:
    """Whether one of over two classes is rare. For two, a threshold keeps probabilities true."""
    counts = np.bincount(truth.astype(int)) if len(target.classes) > 2 else np.ones(1)
    return bool(counts.min() * len(counts) < RARE_CLASS * counts.sum())


def _cross_validate(
    recipe: Recipe,
    target: Target,
    part: tuple[Array, ...],
    plan: Plan,
    check: Callable[[], None],
) -> list[tuple[Array, Predictions]]:
    """Return each fold's truth, and its predictions by a model of the other folds."""
    inputs, truth, *groups = part
    held_out = []
    for kept, held in _make_folds(target, plan).split(inputs, truth, *groups):
        if target.classes and len(np.unique(truth[kept])) < len(target.classes):
            continue
        model = fit(recipe, inputs[kept], truth[kept], check)
        held_out.append((truth[held], predict(model, inputs[held])))
    return held_out


def _score_held(
    target: Target, held: Sequence[tuple[Array, Predictions]], threshold: float | None
) -> list[float]:
    scores = [main_score(target, truth, decide(said, threshold)) for truth, said in held]
    return scores or [float("nan")]


def _make_folds(target: Target, plan: Plan) -> Any:
    if plan.time_column:
        return TimeSeriesSplit(FOLDS)
    if plan.group_column:
        folds = StratifiedGroupKFold if target.classes else GroupKFold
        return folds(FOLDS, shuffle=True, random_state=plan.seed)
    kind = StratifiedKFold if target.classes else KFold
    return kind(FOLDS, shuffle=True, random_state=plan.seed)
