"""Chooses a report's columns: the named ones, or the likeliest."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from project.errors import PermanentError
from project.tables.opening import Table, reading

DAYS_SHOWN = 100
"""A table that spans fewer days is summed by day, others by month."""

MOST_GROUPS = 60
"""A group column is chosen automatically only if it has at most this many different values."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns to sum, to group by, and of dates; an empty name means no such column."""

    value: str
    group: str
    date: str
    is_daily: bool = False
    """Whether to sum by day, not by month."""


def choose_columns(table: Table, value: str, group: str, date: str) -> Columns:
    """Return the named columns, which must exist and fit; for empty names, the likeliest."""
    with reading(table.format):
        schema = dict(table.frame.select(table.columns).collect_schema())
    numbers = [name for name, kind in schema.items() if kind.is_numeric()]
    dates = [name for name, kind in schema.items() if kind.is_temporal()]
    for name, fitting, what in (
        (value, numbers, "numbers"),
        (date, dates, "dates"),
        (group, list(schema), "values"),
    ):
        _check(name, list(schema), fitting, what)
    others = [name for name in schema if name not in {*numbers, *dates}]
    measures = [name for name, kind in schema.items() if kind.is_float() and name != group]
    counts = [name for name in reversed(numbers) if name != group]
    chosen_value = value or next(iter([*measures, *counts]), "")
    return Columns(
        value=chosen_value,
        group=group or _find_groups(table, others, chosen_value),
        date=date or next(iter(dates), ""),
    )


def is_brief(frame: pl.LazyFrame, date: str) -> bool:
    """Whether the dates span so few days that each day is shown; False without dates."""
    if not date:
        return False
    first, last = (
        frame.select(
            pl.col(date).cast(pl.Date).min(), pl.col(date).cast(pl.Date).max().alias("last")
        )
        .collect()
        .row(0)
    )
    return first is not None and bool((last - first).days < DAYS_SHOWN)


def _check(name: str, columns: list[str], fitting: list[str], what: str) -> None:
    if name and name not in columns:
        raise PermanentError(f"The table has no column {name!r}; it has {', '.join(columns[:20])}.")
    if name and name not in fitting:
        raise PermanentError(f"Column {name!r} does not contain {what}: choose another one.")


def _find_groups(table: Table, names: list[str], value: str) -> str:
    """Find the first column of text or truth values with repeated values."""
    if not names:
        return ""
    with reading(table.format):
        counts = table.frame.select(pl.col(name).n_unique() for name in names).collect().row(0)
    is_group: Callable[[int], bool] = lambda count: 1 < count <= MOST_GROUPS  # noqa: E731
    return next(
        (
            name
            for name, count in zip(names, counts, strict=True)
            if is_group(count) and name != value
        ),
        "",
    )
