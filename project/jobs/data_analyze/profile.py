"""What is known about a column and a table once they have been looked at. Pure values."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

import polars as pl


class Role(StrEnum):
    """What a column is to people; the value is the word for it."""

    NUMBER = "number"
    WHOLE = "whole number"
    TRUTH = "truth value"
    DATE = "date"
    TIME = "date and time"
    CATEGORY = "category"
    TEXT = "text"
    ID = "identifier"
    CONSTANT = "constant"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class NumberFacts:
    """Of a column of numbers."""

    minimum: float
    maximum: float
    mean: float
    median: float
    deviation: float
    """Standard deviation, of a sample."""
    skewness: float
    quantiles: dict[int, float]
    """By percent: 1, 5, 25, 75, 95, 99."""
    zeros: int
    negatives: int
    counts: Sequence[int]
    edges: Sequence[float]
    """Of the histogram, one more than there are counts."""
    is_stepwise: bool
    """Whether each bar of the histogram is one whole number."""
    beyond: int
    """Values outside of the histogram, which leaves out far tails."""
    fences: tuple[float, float]
    """Values outside are outliers: 1.5 times the middle half beyond the quartiles."""
    whiskers: tuple[float, float]
    outliers: int
    outlier_examples: Sequence[tuple[int, float]]
    """Row (from 1) and value, the farthest first."""


@dataclass(frozen=True, slots=True)
class TextFacts:
    """Of a column of texts, or of one that has few values."""

    top: Sequence[tuple[str, int]]
    """The most frequent values, most frequent first."""
    shortest: int
    longest: int
    mean_length: float


@dataclass(frozen=True, slots=True)
class TimeFacts:
    """Of a column of dates or times."""

    first: date | datetime
    last: date | datetime
    step: str
    """`hour`, `day`, `month` or `year`: what a count is of."""
    labels: Sequence[str]
    counts: Sequence[int]


@dataclass(frozen=True, slots=True)
class Column:
    """A column."""

    name: str
    role: Role
    rows: int
    missing: int
    distinct: int
    """Different values, without the missing ones."""
    lost: int = 0
    """Values that are not of the column's type, as a word among dates; they are not missing."""
    numbers: NumberFacts | None = None
    texts: TextFacts | None = None
    times: TimeFacts | None = None

    @property
    def present(self) -> int:
        """Rows that have a value."""
        return self.rows - self.missing - self.lost


@dataclass(frozen=True, slots=True)
class Correlations:
    """Between columns of numbers, in the order of `names`; None where it cannot be said."""

    names: Sequence[str]
    pearson: Sequence[Sequence[float | None]]
    spearman: Sequence[Sequence[float | None]]
    rows_used: int
    left_out: int
    """Columns of numbers beyond those that are compared."""

    def pairs(self) -> list[tuple[str, str, float, float | None]]:
        """Each pair with both coefficients, the strongest first."""
        found = [
            (self.names[a], self.names[b], value, self.spearman[b][a])
            for b in range(len(self.names))
            for a in range(b)
            if (value := self.pearson[b][a]) is not None
        ]
        return sorted(found, key=lambda pair: -max(abs(pair[2]), abs(pair[3] or 0)))


@dataclass(frozen=True, slots=True)
class Association:
    """Of a category with another one (Cramér's V) or with a number (correlation ratio)."""

    first: str
    second: str
    value: float
    """From 0, nothing, to 1, all."""
    is_ratio: bool


@dataclass(frozen=True, slots=True)
class Months:
    """The rows by month of a column of dates, and the means of some numbers."""

    column: str
    step: str
    labels: Sequence[str]
    counts: Sequence[int]
    means: dict[str, Sequence[float | None]]


@dataclass(frozen=True, slots=True)
class Profile:
    """A table."""

    rows: int
    columns: Sequence[Column]
    duplicates: int
    """Rows that are the same as an earlier one."""
    missing_patterns: Sequence[tuple[tuple[str, ...], int]]
    """Columns that are missing together, and in how many rows; the most frequent first."""
    correlations: Correlations
    months: Months | None
    first_rows: pl.DataFrame
    associations: Sequence[Association] = field(default=())
    """The strongest first."""
    doubts: Sequence[str] = field(default=())
    """Sentences on columns whose type is a guess, or is not that of all values."""

    @property
    def missing(self) -> int:
        """Cells without a value."""
        return sum(column.missing for column in self.columns)

    @property
    def cells(self) -> int:
        """All cells."""
        return self.rows * len(self.columns)
