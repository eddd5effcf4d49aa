"""Columns as numbers that a model can learn from.

A number stays as it is, a truth value becomes 0 or 1, a date its parts, and a category the index of
its word in a list. The list comes from the training part; other words count as missing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
import polars as pl

from project.errors import PermanentError
from project.html_report.figures import counted, enumerate_names, shorten
from project.jobs.data_analyze.profile import Role
from project.jobs.data_analyze.profiling import NOTHING, profile_column
from project.tables.parameters import ColumnType

MAX_CATEGORIES = 10_000
"""A column keeps its most frequent categories; the others count as missing."""

Array = Any
"""A numpy array."""


class Use(StrEnum):
    """How a model uses a column."""

    NUMBER = "number"
    TRUTH = "truth value"
    CATEGORY = "category"
    DATE = "date"


_USES = {
    Role.NUMBER: Use.NUMBER,
    Role.WHOLE: Use.NUMBER,
    Role.TRUTH: Use.TRUTH,
    Role.CATEGORY: Use.CATEGORY,
    Role.DATE: Use.DATE,
    Role.TIME: Use.DATE,
}
_TYPES: dict[Use, ColumnType] = {
    Use.NUMBER: "number",
    Use.TRUTH: "truth",
    Use.CATEGORY: "category",
    Use.DATE: "date",
}
_REASONS = {
    Role.ID: "an identifier",
    Role.CONSTANT: "the same value in each row",
    Role.EMPTY: "no values",
    Role.TEXT: "free text",
}
_PARTS = ("month", "day", "weekday", "hour", "year", "days")
_RECURRING_PARTS = _PARTS[:4]
"""Parts that recur: the others do not help with a time that is later than all known ones."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A column that a model learns from."""

    name: str
    use: Use
    categories: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    read_as: ColumnType | None = None
    """The type its texts were read as, so that later tables are read in the same way."""

    @property
    def type(self) -> ColumnType:
        """The type to read its texts as."""
        return self.read_as or _TYPES[self.use]

    @property
    def width(self) -> int:
        """Number of model inputs it becomes."""
        return len(self.parts) if self.use is Use.DATE else 1


@dataclass(frozen=True, slots=True)
class Dropped:
    """A column that the model does not learn from."""

    name: str
    reason: str


def choose_features(
    frame: pl.DataFrame,
    wanted: Sequence[str],
    *,
    leave_out: Collection[str],
    time_column: str,
    types: Mapping[str, ColumnType] = NOTHING,
) -> tuple[list[Feature], list[Dropped]]:
    """Choose the columns to learn from: the `wanted` ones, or else all useful ones.

    `types` are the types that the user chose. Raises PermanentError if no column is left.
    """
    names = list(wanted) or [name for name in frame.columns if name not in leave_out]
    features: list[Feature] = []
    dropped: list[Dropped] = []
    for name in names:
        column = profile_column(frame[name], types.get(name, ""))
        role = column.role
        if wanted and role is Role.ID and frame[name].dtype.is_numeric():
            role = Role.WHOLE  # the user asked for this column
        use = _USES.get(role)
        if name == time_column and use is not Use.DATE:
            dropped.append(Dropped(name, "the order in time"))
        elif use is None:
            count = f", {counted(column.distinct, 'value')}" if role is Role.TEXT else ""
            dropped.append(Dropped(name, _REASONS[role] + count))
        elif use is Use.DATE:
            parts = _RECURRING_PARTS if name == time_column else _PARTS
            has_hours = frame[name].dtype != pl.Date
            kept = tuple(part for part in parts if has_hours or part != "hour")
            features.append(Feature(name, use, parts=kept))
        else:
            features.append(Feature(name, use))
    if not features:
        reasons = enumerate_names([f"{shorten(each.name, 40)} ({each.reason})" for each in dropped])
        raise PermanentError(f"No column is left to learn from: {reasons or 'there is only one'}.")
    return features, dropped


def learn_categories(features: Sequence[Feature], frame: pl.DataFrame) -> list[Feature]:
    """Set the features' categories to the training part's words, the most frequent first."""
    return [
        replace(feature, categories=_list_words(frame[feature.name]))
        if feature.use is Use.CATEGORY
        else feature
        for feature in features
    ]


def _list_words(values: pl.Series) -> tuple[str, ...]:
    counted_words = (
        values.drop_nulls().cast(pl.String).alias("word").value_counts(name="times")
    ).sort(["times", "word"], descending=[True, False])
    return tuple(counted_words["word"].head(MAX_CATEGORIES).to_list())


def encode(frame: pl.DataFrame, features: Sequence[Feature]) -> Array:
    """Encode the rows as numbers; NaN means missing."""
    columns = [part for feature in features for part in _encode_column(frame, feature)]
    return np.column_stack(
        [each.cast(pl.Float64).fill_null(float("nan")).to_numpy() for each in columns]
    )


def _encode_column(frame: pl.DataFrame, feature: Feature) -> list[pl.Series]:
    values = frame[feature.name]
    if feature.use is Use.CATEGORY:
        numbers = {word: float(number) for number, word in enumerate(feature.categories)}
        words = values.cast(pl.String)
        return [words.replace_strict(numbers, default=None, return_dtype=pl.Float64)]
    if feature.use is Use.DATE:
        moments = values.cast(pl.Datetime("us"))
        return [_take_part(moments, part) for part in feature.parts]
    return [values]


def _take_part(values: pl.Series, part: str) -> pl.Series:
    if part == "days":
        return values.dt.timestamp("ms") / 86_400_000
    taken: pl.Series = getattr(values.dt, part)()
    return taken


def name_inputs(features: Sequence[Feature]) -> list[str]:
    """Return a name for each number of a row."""
    return [
        f"{feature.name}: {part}" if part else feature.name
        for feature in features
        for part in (feature.parts if feature.use is Use.DATE else ("",))
    ]
