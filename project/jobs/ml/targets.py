"""The target to predict: a class or a number."""

from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from project.errors import PermanentError
from project.html_report.figures import counted, enumerate_names, shorten
from project.tables.opening import Table

Task = Literal["classification", "regression"]

MAX_CLASSES = 30
MIN_CLASS_ROWS = 5
"""A class with fewer rows can't be both learnt and tested."""
MIN_ROWS = 20
_FEW_NUMBERS = 10

Array = Any
"""A numpy array."""


@dataclass(frozen=True, slots=True)
class Target:
    """The column to predict. `classes` is empty if it is a number."""

    name: str
    task: Task
    classes: tuple[str, ...] = ()

    def encode(self, values: pl.Series) -> Array:
        """Return class numbers, or the numbers themselves; NaN if missing or an unknown class."""
        if self.task == "regression":
            numbers = values.cast(pl.Float64, strict=False)
        else:
            places = {name: float(place) for place, name in enumerate(self.classes)}
            numbers = write_classes(values).replace_strict(
                places, default=None, return_dtype=pl.Float64
            )
        return numbers.fill_null(float("nan")).to_numpy()


def write_classes(values: pl.Series) -> pl.Series:
    """Write class values as texts; 1.0 is the same class as 1."""
    if values.dtype.is_float() and bool((values == values.round()).all()):
        values = values.cast(pl.Int64)
    return values.cast(pl.String)


def choose_target(
    frame: pl.DataFrame, name: str, task: str
) -> tuple[Target, pl.DataFrame, list[str]]:
    """Return the target, the rows that can be learnt from, and notes on the others."""
    known = frame.filter(pl.col(name).is_not_null())
    notes = []
    if known.height < frame.height:
        without = counted(frame.height - known.height, "row")
        notes.append(f"{without} without a target value {_was(known, frame)} left out.")
    _check_known(known, name)
    chosen: Task = _choose_task(known[name]) if task == "auto" else _check_task(known[name], task)
    if task == "auto" and chosen == "classification" and known[name].dtype.is_numeric():
        notes.append(
            f"The target “{shorten(name, 40)}” has few different numbers, all whole, so they are "
            "used as classes. If they are amounts, choose the task regression."
        )
    if chosen == "classification":
        target, known, more = _choose_classes(known, name)
        notes += more
    else:
        target = Target(name, chosen)
    _check_known(known, name)
    return target, known, notes


def keep_words(frame: pl.DataFrame, table: Table, name: str) -> pl.DataFrame:
    """Return the frame with a yes/no target in the table's own words, not as truth values."""
    if frame.schema[name] != pl.Boolean:
        return frame
    words = table.original.select(pl.col(name).cast(pl.String).str.strip_chars()).collect()[name]
    pairs = pl.DataFrame({"is_true": frame[name], "word": words}).drop_nulls()
    found = pairs.group_by("is_true").agg(pl.col("word").mode().min())
    return frame.with_columns(pl.col(name).replace_strict(*found, return_dtype=pl.String))


def _check_known(known: pl.DataFrame, name: str) -> None:
    if known.height < MIN_ROWS:
        raise PermanentError(
            f"Only {counted(known.height, 'row')} can be learnt from: at least {MIN_ROWS} are "
            "needed."
        )
    if known[name].n_unique() < 2:
        raise PermanentError(
            f"The target “{shorten(name, 40)}” has the same value in each row: there is nothing to "
            "learn."
        )


def _was(known: pl.DataFrame, frame: pl.DataFrame) -> str:
    return "was" if frame.height - known.height == 1 else "were"


def _choose_task(values: pl.Series) -> Task:
    """Few different whole numbers are classes, even if gaps turned 1 into 1.0; a note says so."""
    if not values.dtype.is_numeric():
        return "classification"
    is_whole = bool((values == values.round()).all()) if values.dtype.is_float() else True
    return "classification" if is_whole and values.n_unique() <= _FEW_NUMBERS else "regression"


def _check_task(values: pl.Series, task: str) -> Task:
    if task == "classification":
        return "classification"
    if not values.dtype.is_numeric():
        raise PermanentError(
            f"The target “{shorten(values.name, 40)}” is not a number column: choose the task "
            "classification, or another target."
        )
    return "regression"


def _choose_classes(known: pl.DataFrame, name: str) -> tuple[Target, pl.DataFrame, list[str]]:
    words = write_classes(known[name]).alias("word")
    counts = words.value_counts(name="rows").sort(["rows", "word"], descending=[True, False])
    if counts.height > MAX_CLASSES:
        raise PermanentError(
            f"The target “{shorten(name, 40)}” has {counts.height:,} different values, but may "
            f"have at most {MAX_CLASSES} classes. Choose the task regression, or another target."
        )
    kept = counts.filter(pl.col("rows") >= MIN_CLASS_ROWS)["word"].to_list()
    rare = counts.filter(pl.col("rows") < MIN_CLASS_ROWS)["word"].to_list()
    if len(kept) < 2:
        raise PermanentError(
            f"The target “{shorten(name, 40)}” needs at least two classes with at least "
            f"{MIN_CLASS_ROWS} rows each."
        )
    classes = tuple(sorted(kept))
    if not rare:
        return Target(name, "classification", classes), known, []
    note = f"Classes with fewer than {MIN_CLASS_ROWS} rows were left out: {enumerate_names(rare)}."
    return Target(name, "classification", classes), known.filter(words.is_in(kept)), [note]
