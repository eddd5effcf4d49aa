"""Scores predictions, each score with the interval that chance alone explains.

The interval is from the 2.5th to the 97.5th percentile over samples of the tested rows, drawn with
replacement (bootstrap). For a confusion matrix, a sample is a multinomial draw of its cells.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.metrics import roc_curve

from project.jobs.ml.targets import Target

SAMPLES = 200
_SAMPLED_ROWS = 5000
"""Sorting more rows 200 times would take minutes; the interval is scaled to all rows."""

_LEAST_SHARE = 1e-15
"""The least probability of a class, because the logarithm of 0 is undefined."""

Array = Any
"""A numpy array."""


@dataclass(frozen=True, slots=True)
class Score:
    """One score of the model, with its interval, and of the baseline."""

    name: str
    value: float
    low: float
    high: float
    baseline: float | None = None
    is_better_higher: bool = True


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions for some rows. `shares` has a column for each class; None for numbers."""

    values: Array
    shares: Array | None = None


def predict(model: Any, inputs: Array) -> Predictions:
    """Predict the rows' values, and the classes' shares if the model has them."""
    values = model.predict(inputs)
    has_shares = hasattr(model, "predict_proba")
    return Predictions(values, model.predict_proba(inputs) if has_shares else None)


def score(
    target: Target, truth: Array, predicted: Predictions, baseline: Predictions | None, seed: int
) -> list[Score]:
    """Return all scores that apply; the first is the main score."""
    chance = np.random.default_rng(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class that is not among the tested rows
        if target.task == "regression":
            return _score_numbers(truth, predicted, baseline, chance)
        return _score_classes(target, truth, predicted, baseline, chance)


RARE_CLASS = 0.2
"""Of two classes, a class with less than this share of the rows is rare."""


def choose_threshold(target: Target, held: Sequence[tuple[Array, Predictions]]) -> float | None:
    """Choose the probability from which to predict the second class, if one of two is rare.

    With a half, the model would hardly ever predict a rare class. The threshold gives the highest
    balanced accuracy on held-out rows; None if no class is rare.
    """
    truth = np.concatenate([each for each, _ in held]) if held else np.zeros(0)
    positive = float(truth.mean()) if len(truth) else 0.5
    if len(target.classes) != 2 or not 0 < min(positive, 1 - positive) < RARE_CLASS:
        return None
    shares = np.concatenate([predicted.shares[:, 1] for _, predicted in held])  # type: ignore[index]
    false, true, thresholds = roc_curve(truth, shares)
    return float(np.clip(thresholds[np.argmax(true - false)], 0.0, 1.0))


def decide(predicted: Predictions, threshold: float | None) -> Array:
    """Return the predicted values with that threshold."""
    if threshold is None or predicted.shares is None:
        return predicted.values
    return (predicted.shares[:, 1] >= threshold).astype(float)


def main_score(target: Target, truth: Array, values: Array) -> float:
    """Return balanced accuracy, or R²: the score that chooses between models."""
    if target.task == "regression":
        return explain(truth, values)
    matrix = count_confusions(len(target.classes), truth, values)
    return float(_balanced_accuracy(matrix))


# ── Classes ────────────────────────────────────────────────────────────────────────────────────


def count_confusions(classes: int, truth: Array, values: Array) -> Array:
    """Return a matrix with a row for each true class and a column for each predicted class."""
    cells = truth.astype(int) * classes + values.astype(int)
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def _score_classes(
    target: Target,
    truth: Array,
    predicted: Predictions,
    baseline: Predictions | None,
    chance: np.random.Generator,
) -> list[Score]:
    count = len(target.classes)
    matrix = count_confusions(count, truth, predicted.values)
    other = None if baseline is None else count_confusions(count, truth, baseline.values)
    drawn = chance.multinomial(len(truth), (matrix / len(truth)).ravel(), size=SAMPLES).reshape(
        SAMPLES, count, count
    )
    scores = [
        _of_matrix(name, figure, matrix, other, drawn)
        for name, figure in (
            ("Balanced accuracy", _balanced_accuracy),
            ("Accuracy", _accuracy),
            ("F1, mean of classes", _mean_f1),
        )
    ]
    if predicted.shares is not None and len(np.unique(truth)) > 1:
        scores += _score_shares(target, truth, predicted.shares, baseline, chance)
    return scores


def _of_matrix(
    name: str, figure: Callable[[Array], Any], matrix: Array, other: Array | None, drawn: Array
) -> Score:
    low, high = np.nanpercentile(figure(drawn), (2.5, 97.5))
    base = None if other is None else float(figure(other))
    return Score(name, float(figure(matrix)), float(low), float(high), base)


def _accuracy(matrix: Array) -> Any:
    return np.trace(matrix, axis1=-2, axis2=-1) / matrix.sum(axis=(-2, -1))


def _balanced_accuracy(matrix: Array) -> Any:
    """Return the mean recall of the classes that occur."""
    whole = matrix.sum(axis=-1)
    found = np.diagonal(matrix, axis1=-2, axis2=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nanmean(found / whole, axis=-1)


def _mean_f1(matrix: Array) -> Any:
    found = np.diagonal(matrix, axis1=-2, axis2=-1)
    whole = matrix.sum(axis=-1) + matrix.sum(axis=-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nanmean(2 * found / whole, axis=-1)


def _score_shares(
    target: Target,
    truth: Array,
    shares: Array,
    baseline: Predictions | None,
    chance: np.random.Generator,
) -> list[Score]:
    places = list(range(len(target.classes)))

    def area(rows: Array, of: Array) -> float:
        asked = places[1:] if len(places) == 2 else places
        areas = [measure_area(truth[rows] == place, of[rows, place]) for place in asked]
        return float(np.nanmean(areas))

    def loss(rows: Array, of: Array) -> float:
        likely = of[rows, truth[rows].astype(int)]
        return float(-np.log(np.clip(likely, _LEAST_SHARE, 1)).mean())

    base = None if baseline is None else baseline.shares
    scores = []
    if len(np.unique(truth)) == len(places):
        scores.append(_of_rows("ROC AUC", area, shares, base, chance))
    scores.append(_of_rows("Log loss", loss, shares, base, chance, is_better_higher=False))
    return scores


def measure_area(is_positive: Array, shares: Array) -> float:
    """Return the area under the ROC curve: how often a positive row outranks a negative one.

    Computed by ranks, because it is called for hundreds of samples; NaN if all rows are one class.
    """
    positives = int(is_positive.sum())
    others = len(is_positive) - positives
    if not positives or not others:
        return float("nan")
    above = rankdata(shares)[is_positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * others))


# ── Numbers ────────────────────────────────────────────────────────────────────────────────────


def explain(truth: Array, values: Array) -> float:
    """Return R²: the explained share of the variance; NaN if there is no variance."""
    spread = ((truth - truth.mean()) ** 2).sum()
    return float(1 - ((truth - values) ** 2).sum() / spread) if spread else float("nan")


def _score_numbers(
    truth: Array,
    predicted: Predictions,
    baseline: Predictions | None,
    chance: np.random.Generator,
) -> list[Score]:
    def explained(rows: Array, of: Array) -> float:
        return explain(truth[rows], of[rows])

    def absolute(rows: Array, of: Array) -> float:
        return float(np.abs(truth[rows] - of[rows]).mean())

    def squared(rows: Array, of: Array) -> float:
        return float(np.sqrt(((truth[rows] - of[rows]) ** 2).mean()))

    base = None if baseline is None else baseline.values
    return [
        _of_rows("R²", explained, predicted.values, base, chance),
        _of_rows("MAE", absolute, predicted.values, base, chance, is_better_higher=False),
        _of_rows("RMSE", squared, predicted.values, base, chance, is_better_higher=False),
    ]


def _of_rows(
    name: str,
    figure: Callable[[Array, Array], float],
    predicted: Array,
    baseline: Array | None,
    chance: np.random.Generator,
    *,
    is_better_higher: bool = True,
) -> Score:
    count = len(predicted)
    rows = np.arange(count)
    value = figure(rows, predicted)
    drawn = min(count, _SAMPLED_ROWS)
    samples = [figure(chance.integers(0, count, drawn), predicted) for _ in range(SAMPLES)]
    # An interval's width is proportional to 1 / √rows.
    width = np.sqrt(drawn / count)
    low, high = np.nanpercentile(np.asarray(samples) - value, (2.5, 97.5)) * width + value
    return Score(
        name,
        value,
        float(low),
        float(high),
        None if baseline is None else figure(rows, baseline),
        is_better_higher,
    )


def describe_classes(matrix: Array, classes: Sequence[str]) -> list[tuple[str, int, float, float]]:
    """Return each class's name, number of rows, recall and precision."""
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = np.diag(matrix) / matrix.sum(axis=1)
        precision = np.diag(matrix) / matrix.sum(axis=0)
    return [
        (name, int(matrix[place].sum()), float(recall[place]), float(precision[place]))
        for place, name in enumerate(classes)
    ]
