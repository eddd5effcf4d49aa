"""The facts about a table and its columns. Pure values."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

import polars as pl


class Role(StrEnum):
    """The type of a column as reports show it; the value is the word for it."""

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
    """Facts about a number column."""

    minimum: float
    maximum: float
    mean: float
    median: float
    deviation: float
    """Sample standard deviation."""
    skewness: float
    quantiles: dict[int, float]
    """Keys are percentiles: 1, 5, 25, 75, 95, 99."""
    zeros: int
    negatives: int
    counts: Sequence[int]
    edges: Sequence[float]
    """Bin edges of the histogram, one more than counts."""
    is_stepwise: bool
    """Whether each bar of the histogram is one whole number."""
    beyond: int
    """Number of values outside the histogram, which leaves out far tails."""
    fences: tuple[float, float]
    """Values outside are outliers: 1.5 times the interquartile range beyond the quartiles."""
    whiskers: tuple[float, float]
    outliers: int
    outlier_examples: Sequence[tuple[int, float]]
    """Row number (from 1) and value, the farthest first."""


@dataclass(frozen=True, slots=True)
class TextFacts:
    """Facts about a text column, or a column with few values."""

    top: Sequence[tuple[str, int]]
    """The most frequent values and their counts, most frequent first."""
    shortest: int
    longest: int
    mean_length: float


@dataclass(frozen=True, slots=True)
class TimeFacts:
    """Facts about a column of dates or times."""

    first: date | datetime
    last: date | datetime
    step: str
    """`hour`, `day`, `month` or `year`: the span of each count."""
    labels: Sequence[str]
    counts: Sequence[int]


@dataclass(frozen=True, slots=True)
class Column:
    """Facts about a column."""

    name: str
    role: Role
    rows: int
    missing: int
    distinct: int
    """Number of different values, not counting missing ones."""
    lost: int = 0
    """Values that are not of the column's type, like a word among dates; they are not missing."""
    numbers: NumberFacts | None = None
    texts: TextFacts | None = None
    times: TimeFacts | None = None

    @property
    def present(self) -> int:
        """Number of rows with a value."""
        return self.rows - self.missing - self.lost


@dataclass(frozen=True, slots=True)
class Correlations:
    """Correlations of number columns, in the order of `names`; None where undefined."""

    names: Sequence[str]
    pearson: Sequence[Sequence[float | None]]
    spearman: Sequence[Sequence[float | None]]
    rows_used: int
    left_out: int
    """Number columns that were not compared."""

    def pairs(self) -> list[tuple[str, str, float, float | None]]:
        """Return each pair with both coefficients, the strongest first."""
        found = [
            (self.names[a], self.names[b], value, self.spearman[b][a])
            for b in range(len(self.names))
            for a in range(b)
            if (value := self.pearson[b][a]) is not None
        ]
        return sorted(found, key=lambda pair: -max(abs(pair[2]), abs(pair[3] or 0)))


@dataclass(frozen=True, slots=True)
class Association:
    """A category's association with another category (Cramér's V) or a number (ratio)."""

    first: str
    second: str
    value: float
    """From 0, unrelated, to 1, fully determined."""
    is_ratio: bool


@dataclass(frozen=True, slots=True)
class Months:
    """Row counts and means of some numbers for each step of a date column."""

    column: str
    step: str
    labels: Sequence[str]
    counts: Sequence[int]
    means: dict[str, Sequence[float | None]]


@dataclass(frozen=True, slots=True)
class Profile:
    """Facts about a table."""

    rows: int
    columns: Sequence[Column]
    duplicates: int
    """Number of rows that repeat an earlier row."""
    missing_patterns: Sequence[tuple[tuple[str, ...], int]]
    """Columns that are missing together, and in how many rows, the most frequent first."""
    correlations: Correlations
    months: Months | None
    first_rows: pl.DataFrame
    associations: Sequence[Association] = field(default=())
    """The strongest first."""
    doubts: Sequence[str] = field(default=())
    """Sentences on columns whose type is a guess, or does not fit all values."""

    @property
    def missing(self) -> int:
        """Number of cells without a value."""
        return sum(column.missing for column in self.columns)

    @property
    def cells(self) -> int:
        """Number of all cells."""
        return self.rows * len(self.columns)
