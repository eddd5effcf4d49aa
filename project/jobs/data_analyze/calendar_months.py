"""Counts rows over time, by hour, day, month or year."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, cast

import polars as pl

from project.jobs.data_analyze.profile import Column, Months, Role, TimeFacts

MAX_SERIES = 6
_STEPS = (
    (timedelta(days=3), "hour", "1h", "%Y-%m-%d %H:00"),
    (timedelta(days=62), "day", "1d", "%Y-%m-%d"),
    (timedelta(days=366 * 12), "month", "1mo", "%Y-%m"),
)
_YEARS = ("year", "1y", "%Y")
_MAX_STEPS = 300


def describe_times(present: pl.Series) -> TimeFacts:
    """Return the first and the last time, and the number of rows in each step between them."""
    first, last = cast(datetime, present.min()), cast(datetime, present.max())
    step, every, form = _choose_step(first, last)
    counted = _by_step(pl.DataFrame({"at": present}), every, [pl.len().alias("rows")])
    return TimeFacts(
        first=first,
        last=last,
        step=step,
        labels=[f"{moment:{form}}" for moment in counted["at"].to_list()],
        counts=[int(count or 0) for count in counted["rows"].to_list()],
    )


def count_over_time(frame: pl.DataFrame, columns: Sequence[Column]) -> Months | None:
    """Count rows and average numbers over the fullest date column; None without a date column."""
    dated = [each for each in columns if each.times is not None and each.distinct > 2]
    if not dated:
        return None
    column = max(dated, key=lambda each: each.present)
    facts = cast(TimeFacts, column.times)
    _, every, form = _choose_step(facts.first, facts.last)
    measured = [
        each.name
        for each in columns
        if each.role in {Role.NUMBER, Role.WHOLE} and each.distinct > 2
    ][:MAX_SERIES]
    means = [pl.col(name).mean().alias(f"mean {place}") for place, name in enumerate(measured)]
    selected = frame.select(pl.col(column.name).alias("at"), *measured).drop_nulls("at")
    counted = _by_step(selected, every, [pl.len().alias("rows"), *means])
    return Months(
        column=column.name,
        step=facts.step,
        labels=[f"{moment:{form}}" for moment in counted["at"].to_list()],
        counts=[int(count or 0) for count in counted["rows"].to_list()],
        means={name: counted[f"mean {place}"].to_list() for place, name in enumerate(measured)},
    )


def _choose_step(first: date | datetime, last: date | datetime) -> tuple[str, str, str]:
    extent: timedelta = cast(Any, last) - first  # both are dates, or both are times
    for longest, step, every, form in _STEPS:
        if extent <= longest and not (step == "hour" and not isinstance(first, datetime)):
            return step, every, form
    return _YEARS


def _by_step(frame: pl.DataFrame, every: str, what: list[pl.Expr]) -> pl.DataFrame:
    """Return a row for each step, empty steps too; only the newest _MAX_STEPS if there are more."""
    grouped: Any = (
        frame.lazy().group_by(pl.col("at").dt.truncate(every)).agg(what).sort("at").collect()
    )
    start = grouped["at"][max(0, grouped.height - _MAX_STEPS)]
    grouped = grouped.filter(pl.col("at") >= start)
    return cast(pl.DataFrame, grouped.upsample("at", every=every).tail(_MAX_STEPS))
