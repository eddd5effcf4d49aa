"""The sums of a part of a table, and of all parts together.

A part gives one row a group and one a day or month: how many rows, how many without a value, sum,
sum of squares, least and greatest. All of these can be merged without loss, so that a report of
many parts says what one of a single part says.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from project.errors import PermanentError
from project.jobs.reporting.columns import Columns

BINS = 24
GROUP, PERIOD, ALL = "group", "period", "all"
NO_GROUP = "(none)"

_SUMS = ("rows", "missing", "sum", "squares")


@dataclass(frozen=True, slots=True)
class Figures:
    """Of some rows: how many, and what is known of their values."""

    name: str
    rows: int
    missing: int
    sum: float
    squares: float
    least: float | None
    greatest: float | None

    @property
    def values(self) -> int:
        """Rows that have one."""
        return self.rows - self.missing

    @property
    def mean(self) -> float | None:
        """None where there is no value."""
        return self.sum / self.values if self.values else None

    @property
    def deviation(self) -> float | None:
        """Standard deviation of the values (of the population); None where there is none."""
        if self.mean is None:
            return None
        return float(max(0.0, self.squares / self.values - self.mean**2) ** 0.5)


@dataclass(frozen=True, slots=True)
class Totals:
    """The whole report: all rows, by group (largest sum first), by day or month, and in bins."""

    all: Figures
    groups: list[Figures]
    periods: list[Figures]
    bins: list[int]


def sum_part(frame: pl.DataFrame, columns: Columns) -> pl.DataFrame:
    """One row for all, one a group, one a day or month."""
    value = pl.col(columns.value).cast(pl.Float64) if columns.value else pl.lit(None, pl.Float64)
    prepared = frame.select(
        value.alias("value"),
        _name_group(columns.group).alias(GROUP),
        _name_period(columns).alias(PERIOD),
        pl.lit(ALL).alias(ALL),
    )
    wanted = [ALL, *([GROUP] if columns.group else []), *([PERIOD] if columns.date else [])]
    return pl.concat([_sum_by(prepared, by) for by in wanted])


def count_bins(frame: pl.DataFrame, columns: Columns, least: float, greatest: float) -> list[int]:
    """How many values fall into each of the bins between the least and the greatest value."""
    if not columns.value or greatest <= least:
        return []
    width = (greatest - least) / BINS
    numbers = ((pl.col(columns.value).cast(pl.Float64) - least) / width).floor().clip(0, BINS - 1)
    counted = frame.select(numbers.cast(pl.Int32).alias("bin")).drop_nulls().group_by("bin").len()
    counts = dict(counted.iter_rows())
    return [int(counts.get(number, 0)) for number in range(BINS)]


def merge(paths: Iterable[Path], bins: Sequence[Sequence[int]], expected_rows: int) -> Totals:
    """The parts together. PermanentError where they do not make up all rows."""
    merged = (
        pl.concat([pl.read_parquet(path) for path in paths])
        .group_by("by", "name")
        .agg(
            *(pl.col(name).sum() for name in _SUMS), pl.col("least").min(), pl.col("greatest").max()
        )
    )
    found = {by: _list_figures(merged, by) for by in (ALL, GROUP, PERIOD)}
    (everything,) = found[ALL]
    if everything.rows != expected_rows:
        raise PermanentError(
            f"The parts have {everything.rows:,} rows together, the table has {expected_rows:,}."
        )
    return Totals(
        all=everything,
        groups=sorted(found[GROUP], key=lambda one: (-one.sum, -one.rows, one.name)),
        periods=sorted(found[PERIOD], key=lambda one: one.name),
        bins=[sum(counts) for counts in zip(*filter(None, bins), strict=True)],
    )


def _sum_by(prepared: pl.DataFrame, by: str) -> pl.DataFrame:
    value = pl.col("value")
    return (
        prepared.group_by(by)
        .agg(
            pl.len().cast(pl.Int64).alias("rows"),
            value.null_count().cast(pl.Int64).alias("missing"),
            value.sum().alias("sum"),
            (value * value).sum().alias("squares"),
            value.min().alias("least"),
            value.max().alias("greatest"),
        )
        .rename({by: "name"})
        .select(pl.lit(by).alias("by"), pl.all())
    )


def _name_group(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.String).fill_null(NO_GROUP) if name else pl.lit(NO_GROUP)


def _name_period(columns: Columns) -> pl.Expr:
    if not columns.date:
        return pl.lit(NO_GROUP)
    form = "%Y-%m-%d" if columns.is_daily else "%Y-%m"
    return pl.col(columns.date).dt.strftime(form).fill_null(NO_GROUP)


def _list_figures(merged: pl.DataFrame, by: str) -> list[Figures]:
    rows = merged.filter(pl.col("by") == by).drop("by").iter_rows(named=True)
    return [Figures(**row) for row in rows]
