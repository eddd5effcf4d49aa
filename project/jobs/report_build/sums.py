"""Computes the sums of a part of a table, and merges the sums of all parts.

A part has one row for each group and one for each day or month: number of rows, number of rows
without a value, sum, the rounding error of the sum, the root of the sum of squared differences from
the mean, least and greatest value. These merge without loss, so a report of many parts has the same
figures as a report of one part. (Chan, Golub and LeVeque, "Algorithms for computing the sample
variance", 1983. Squares of the values themselves would swallow small differences between large
values.)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import fsum, hypot, inf, isfinite, sqrt
from pathlib import Path
from typing import Any

import polars as pl

from project.errors import PermanentError
from project.jobs.report_build.columns import Columns

BINS = 24
GROUP, PERIOD, ALL = "group", "period", "all"
NO_VALUE = "(no value)"
"""Label of rows whose group or date is missing."""

_TOO_LARGE = (
    "The values of the summed column are too large: their sums must stay below 1.8 × 10^308. "
    "Sum another column, or one in a larger unit."
)


@dataclass(frozen=True, slots=True)
class Figures:
    """The number of some rows, and figures of their values."""

    name: str | None
    """Name of the group, day or month; None if it is missing."""
    rows: int
    missing: int
    sum: float
    rest: float
    """The exact sum minus `sum`: the part that 64 bits can't hold."""
    spread: float
    """The root of the sum of squared differences from the mean."""
    least: float | None
    greatest: float | None

    @property
    def label(self) -> str:
        """The name to show."""
        return NO_VALUE if self.name is None else self.name

    @property
    def values(self) -> int:
        """Number of rows with a value."""
        return self.rows - self.missing

    @property
    def mean(self) -> float | None:
        """Mean of the values; None without values."""
        return self.sum / self.values if self.values else None

    @property
    def deviation(self) -> float | None:
        """Population standard deviation of the values; None without values."""
        return self.spread / sqrt(self.values) if self.values else None

    def measure(self, name: str) -> float | None:
        """Return the sum, the mean (None without values) or the number of rows."""
        return {"sum": self.sum, "mean": self.mean, "rows": float(self.rows)}[name]


@dataclass(frozen=True, slots=True)
class Totals:
    """The figures of a whole report: all rows, by group, by day or month, and in bins."""

    all: Figures
    groups: list[Figures]
    periods: list[Figures]
    bins: list[int]


def sum_part(frame: pl.DataFrame, columns: Columns) -> pl.DataFrame:
    """Return one row for all rows, one for each group, and one for each day or month."""
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
    """Count the values in each of BINS bins between the least and the greatest value."""
    if not columns.value or greatest <= least:
        return []
    width = (greatest - least) / BINS
    numbers = ((pl.col(columns.value).cast(pl.Float64) - least) / width).floor().clip(0, BINS - 1)
    counted = frame.select(numbers.cast(pl.Int32).alias("bin")).drop_nulls().group_by("bin").len()
    counts = dict(counted.iter_rows())
    return [int(counts.get(number, 0)) for number in range(BINS)]


def merge(paths: Iterable[Path], bins: Sequence[Sequence[int]], expected_rows: int) -> Totals:
    """Merge the parts. Raises PermanentError if they do not add up to all rows."""
    parts: dict[str, dict[str | None, list[Figures]]] = {ALL: {}, GROUP: {}, PERIOD: {}}
    for row in pl.concat([pl.read_parquet(path) for path in paths]).iter_rows(named=True):
        by = parts[row.pop("by")]
        by.setdefault(row["name"], []).append(Figures(**row))
    found = {by: [_merge(same) for same in each.values()] for by, each in parts.items()}
    (everything,) = found[ALL]
    if everything.rows != expected_rows:
        raise PermanentError(
            f"The parts have {everything.rows:,} rows together, but the table has "
            f"{expected_rows:,}."
        )
    return Totals(
        all=everything,
        groups=found[GROUP],
        periods=sorted(found[PERIOD], key=lambda one: one.name or ""),
        bins=[sum(counts) for counts in zip(*filter(None, bins), strict=True)],
    )


def sort_groups(totals: Totals, measure: str) -> Totals:
    """Sort the groups by that measure, the largest first; groups without a value come last."""

    def place(one: Figures) -> tuple[float, int, str]:
        value = one.measure(measure)
        return (inf if value is None else -value), -one.rows, one.label

    return replace(totals, groups=sorted(totals.groups, key=place))


def merge_all(figures: Sequence[Figures]) -> Figures:
    """Merge several groups into one."""
    return _merge(list(figures))


def _sum_by(prepared: pl.DataFrame, by: str) -> pl.DataFrame:
    value = pl.col("value")
    grouped = prepared.group_by(by).agg(
        pl.len().cast(pl.Int64).alias("rows"),
        value.null_count().cast(pl.Int64).alias("missing"),
        value.drop_nulls().alias("values"),
        value.min().alias("least"),
        value.max().alias("greatest"),
    )
    summed = [_sum(values.to_list()) for values in grouped["values"]]
    names = ("sum", "rest", "spread")
    columns = [
        pl.Series(name, [each[place] for each in summed], pl.Float64)
        for place, name in enumerate(names)
    ]
    return grouped.rename({by: "name"}).select(
        pl.lit(by).alias("by"), "name", "rows", "missing", *columns, "least", "greatest"
    )


def _sum(values: list[float]) -> tuple[float, float, float]:
    """Return sum, rest and spread, each as exact as 64 bits allow."""
    if not values:
        return 0.0, 0.0, 0.0
    try:
        total = fsum(values)
        rest = fsum([*values, -total])
    except OverflowError:
        raise PermanentError(_TOO_LARGE) from None
    mean = total / len(values)
    # Correct the mean's rounding error, which would otherwise be in each difference.
    differences = [each - mean for each in values]
    off = fsum(differences) / len(values) if all(map(isfinite, differences)) else 0.0
    spread = hypot(*(each - off for each in differences))
    if not isfinite(spread):
        raise PermanentError(_TOO_LARGE)
    return total, rest, spread


def _merge(parts: list[Figures]) -> Figures:
    """Merge a group's figures of several parts. Differences of means stay exact until the end."""
    if len(parts) == 1:
        return parts[0]
    try:
        total = fsum(number for each in parts for number in (each.sum, each.rest))
    except OverflowError:
        raise PermanentError(_TOO_LARGE) from None
    sums = [(part, Fraction(part.sum) + Fraction(part.rest)) for part in parts if part.values]
    exact = sum((each for _, each in sums), Fraction())
    count = sum(part.values for part, _ in sums)
    between = [float(each / part.values - exact / count) * sqrt(part.values) for part, each in sums]
    bounds: Any = [(part.least, part.greatest) for part, _ in sums]
    return Figures(
        name=parts[0].name,
        rows=sum(part.rows for part in parts),
        missing=sum(part.missing for part in parts),
        sum=total,
        rest=float(exact - Fraction(total)),
        spread=hypot(*(part.spread for part in parts), *between),
        least=min((low for low, _ in bounds), default=None),
        greatest=max((high for _, high in bounds), default=None),
    )


def _name_group(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.String) if name else pl.lit(None, pl.String)


def _name_period(columns: Columns) -> pl.Expr:
    if not columns.date:
        return pl.lit(None, pl.String)
    form = "%Y-%m-%d" if columns.is_daily else "%Y-%m"
    return pl.col(columns.date).dt.strftime(form)
