"""Applies a stored model to a table: checks its columns, and predicts the rows in batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from project.errors import PermanentError
from project.html_report.figures import count, counted, enumerate_names, shorten
from project.jobs.ml.features import Use, encode
from project.jobs.ml.scoring import Predictions, Score, predict, score
from project.jobs.ml.stored import StoredModel
from project.tables.parameters import ColumnType

ROWS_AT_ONCE = 20_000
MAX_SHARES = 30
"""Probabilities are written for at most this many classes: as many as a model may have."""

Array = Any
"""A numpy array."""


@dataclass(frozen=True, slots=True)
class Used:
    """A model's predictions for a table's rows, in their order."""

    predicted: Predictions
    notes: tuple[str, ...]
    scores: tuple[Score, ...]
    """Empty if the table does not have the target."""


def list_types(model: StoredModel) -> dict[str, ColumnType]:
    """Return the types to read the columns as: the types that the model learnt from."""
    return {each.name: each.type for each in model.features}


def check_features(model: StoredModel, columns: Sequence[str]) -> tuple[str, ...]:
    """Return notes on columns that are not needed; PermanentError names missing columns."""
    missing = [each.name for each in model.features if each.name not in columns]
    if missing:
        noun = "column" if len(missing) == 1 else "columns"
        raise PermanentError(
            f"The model needs the {noun} {enumerate_names(missing, 8)}, but the table has only "
            f"{enumerate_names(columns, 8)}."
        )
    needed = {each.name for each in model.features} | {model.target.name}
    extra = [name for name in columns if name not in needed]
    return (f"Columns the model does not use: {enumerate_names(extra, 8)}.",) if extra else ()


def use_model(model: StoredModel, frame: pl.DataFrame, report: Callable[[int], None]) -> Used:
    """Predict all rows. `report` is called with the number of rows done, and may raise to stop."""
    values, shares = [], []
    for start in range(0, frame.height, ROWS_AT_ONCE):
        report(start)
        part = predict(model.estimator, encode(frame.slice(start, ROWS_AT_ONCE), model.features))
        values.append(part.values)
        if part.shares is not None:
            shares.append(part.shares)
    predicted = Predictions(np.concatenate(values), np.concatenate(shares) if shares else None)
    return Used(predicted, _note_unknown(model, frame), _score_known(model, frame, predicted))


def make_columns(model: StoredModel, predicted: Predictions, taken: list[str]) -> pl.DataFrame:
    """Return the predictions as columns, with names that the table does not have."""
    target = model.target
    if not target.classes:
        return pl.DataFrame({_name("prediction", taken): predicted.values})
    words = pl.Series(target.classes).gather(predicted.values.astype(int))
    columns = {_name("prediction", taken): words}
    if predicted.shares is not None:
        for place, word in enumerate(target.classes):
            columns[_name(f"probability of {word}", taken)] = pl.Series(
                predicted.shares[:, place]
            ).round(6)
    return pl.DataFrame(columns)


def _name(wanted: str, taken: list[str]) -> str:
    name, copies = wanted, 1
    while name in taken:
        copies += 1
        name = f"{wanted} ({copies})"
    return name


def _note_unknown(model: StoredModel, frame: pl.DataFrame) -> tuple[str, ...]:
    notes = []
    for feature in model.features:
        if feature.use is Use.CATEGORY:
            words = frame[feature.name].drop_nulls()
            unknown = len(words) - int(words.is_in(list(feature.categories)).sum())
            if unknown:
                notes.append(
                    f"{counted(unknown, 'value')} of “{shorten(feature.name, 40)}” not seen in "
                    "training: treated as missing."
                )
    return tuple(notes)


def _score_known(
    model: StoredModel, frame: pl.DataFrame, predicted: Predictions
) -> tuple[Score, ...]:
    """Score the rows whose target the model knows."""
    if model.target.name not in frame.columns:
        return ()
    truth = model.target.encode(frame[model.target.name])
    known = ~np.isnan(truth)
    if known.sum() < 2:
        return ()
    shares = None if predicted.shares is None else predicted.shares[known]
    part = Predictions(predicted.values[known], shares)
    return tuple(score(model.target, truth[known], part, None, 0))


def describe_counts(model: StoredModel, predicted: Predictions) -> list[list[str | int | float]]:
    """Return the rows of a small table: predicted classes and their counts, or quantiles."""
    values = predicted.values
    if model.target.classes:
        counts = np.bincount(values.astype(int), minlength=len(model.target.classes))
        rows = zip(model.target.classes, counts.tolist(), strict=True)
        return [[word, number] for word, number in sorted(rows, key=lambda row: -row[1])]
    quantiles = np.quantile(values, (0, 0.25, 0.5, 0.75, 1)).tolist()
    names = ("smallest", "first quarter", "median", "third quarter", "largest")
    return [[name, round(value, 6)] for name, value in zip(names, quantiles, strict=True)]


def summarise(model: StoredModel, rows: int) -> str:
    """Return the result's sentence."""
    name, value = model.main_score
    return (
        f"Predicted “{shorten(model.target.name, 40)}” for {count(rows)} rows "
        f"(tested {name}: {value:.3f})."
    )
