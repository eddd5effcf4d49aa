"""What a column of text holds: whole numbers, numbers, truth values, dates, times, or text.

A column is of a type where each of its values is one of that type. A number with leading zeros is
none: it is a code, and so is one of more than 18 digits.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from project.jobs.tabular.collecting import collect
from project.jobs.tabular.parameters import CsvFormat

SAMPLED_ROWS = 5000
"""These are looked at to see which types come into question; then all rows are."""
_COLUMNS_AT_ONCE = 20
_ALMOST = 0.9
"""A column of text of which so many values are numbers is worth a note."""
_NO_NUMBER = r"^[+-]?(0\d|\d{19,})"
_TRUE, _FALSE = ["true", "yes"], ["false", "no"]
_DATES = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d")
_TIMES = ("%H:%M:%S%.f", "%H:%M", "%H:%M:%S%.f%#z")


@dataclass(frozen=True, slots=True)
class Reading:
    """A way to read texts as values of a type; what cannot be read so becomes null."""

    name: str
    parse: Callable[[pl.Expr], pl.Expr]


@dataclass(frozen=True, slots=True)
class Stray:
    """A column of text that is numbers but for a few values."""

    column: str
    count: int
    example: str


def find_readings(
    frame: pl.LazyFrame, form: CsvFormat, check: Callable[[], None]
) -> tuple[dict[str, Reading], list[Stray]]:
    """How to read each column of texts, and which are almost numbers."""
    candidates = _candidates(form)
    frame = frame.select(clean(pl.all(), form))
    sample = frame.head(SAMPLED_ROWS).collect()
    fitting = {name: _find_fitting(sample[name], candidates) for name in sample.columns}
    readings: dict[str, Reading] = {}
    strays: list[Stray] = []
    for names in _batches([name for name in sample.columns if fitting[name]]):
        check()
        failures = _count_failures(frame, {name: fitting[name] for name in names}, check)
        for name in names:
            reading = _choose(fitting[name], failures[name])
            readings[name] = reading or TEXT
            if reading is None and (stray := _describe_stray(frame, name, fitting[name], check)):
                strays.append(stray)
    return {name: readings.get(name, TEXT) for name in sample.columns}, strays


def clean(column: pl.Expr, form: CsvFormat) -> pl.Expr:
    """The text without blanks around it; null where nothing is left, or a missing value."""
    stripped = column.str.strip_chars()
    absent = ["", *(each.strip() for each in form.missing_values)]
    return pl.when(~stripped.is_in(absent)).then(stripped)


TEXT = Reading("text", lambda text: text)


def _candidates(form: CsvFormat) -> list[Reading]:
    """In the order in which they are tried: the narrower one first."""
    number = _read_comma_number if form.decimal_comma else _read_number
    return [
        Reading("whole", _read_whole),
        Reading("number", number),
        Reading("truth", _read_truth),
        *(Reading("date", _date_reader(form)) for form in _DATES),
        *(Reading("time", _time_reader(f"{date} {time}")) for date in _DATES for time in _TIMES),
    ]


def _read_whole(text: pl.Expr) -> pl.Expr:
    return pl.when(~text.str.contains(_NO_NUMBER)).then(text.cast(pl.Int64, strict=False))


def _read_number(text: pl.Expr) -> pl.Expr:
    number = text.cast(pl.Float64, strict=False)
    return pl.when(~text.str.contains(_NO_NUMBER) & number.is_finite()).then(number)


def _read_comma_number(text: pl.Expr) -> pl.Expr:
    return _read_number(
        text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    )


def _read_truth(text: pl.Expr) -> pl.Expr:
    word = text.str.to_lowercase()
    return pl.when(word.is_in(_TRUE)).then(True).when(word.is_in(_FALSE)).then(False)


def _date_reader(form: str) -> Callable[[pl.Expr], pl.Expr]:
    # A year of two digits would be one of the first century.
    return lambda text: pl.when(text.str.contains(r"\d{4}")).then(
        text.str.to_date(form, strict=False)
    )


def _time_reader(form: str) -> Callable[[pl.Expr], pl.Expr]:
    def read(text: pl.Expr) -> pl.Expr:
        # 2026-05-04T12:00 is as good as 2026-05-04 12:00.
        spaced = text.str.replace(r"(\d)T(\d)", "$1 $2")
        moment = spaced.str.to_datetime(form, strict=False, time_unit="us")
        in_utc = moment.dt.replace_time_zone(None) if form.endswith("z") else moment
        return pl.when(text.str.contains(r"\d{4}")).then(in_utc)

    return read


def _find_fitting(values: pl.Series, candidates: list[Reading]) -> list[Reading]:
    """The types of which all of the sampled values are; number, where nearly all of them are."""
    frame = pl.DataFrame({"text": values}).drop_nulls().unique()
    if not frame.height:
        return candidates
    parsed = frame.select(
        each.parse(pl.col("text")).is_not_null().mean().alias(str(number))
        for number, each in enumerate(candidates)
    ).row(0)
    return [
        each
        for each, share in zip(candidates, parsed, strict=True)
        if share == 1 or (each.name == "number" and share >= _ALMOST)
    ]


def _batches(names: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), _COLUMNS_AT_ONCE):
        yield names[start : start + _COLUMNS_AT_ONCE]


def _fails(name: str, reading: Reading) -> pl.Expr:
    text = pl.col(name)
    return text.is_not_null() & reading.parse(text).is_null()


def _count_failures(
    frame: pl.LazyFrame, fitting: Mapping[str, list[Reading]], check: Callable[[], None]
) -> dict[str, list[int]]:
    """Of each column and type, how many values are not of the type."""
    counts = frame.select(
        _fails(name, reading).sum().alias(f"{number}.{place}")
        for number, (name, readings) in enumerate(fitting.items())
        for place, reading in enumerate(readings)
    )
    row: Any = collect(counts, check).row(0, named=True)
    return {
        name: [int(row[f"{number}.{place}"]) for place in range(len(readings))]
        for number, (name, readings) in enumerate(fitting.items())
    }


def _choose(readings: list[Reading], failures: list[int]) -> Reading | None:
    return next(
        (reading for reading, count in zip(readings, failures, strict=True) if not count), None
    )


def _describe_stray(
    frame: pl.LazyFrame, name: str, fitting: list[Reading], check: Callable[[], None]
) -> Stray | None:
    number = next((each for each in fitting if each.name == "number"), None)
    if number is None:
        return None
    fails = _fails(name, number)
    described = frame.select(
        pl.col(name).count().alias("total"),
        pl.col(name).str.contains(_NO_NUMBER).sum().alias("codes"),
        fails.sum().alias("count"),
        pl.col(name).filter(fails).first().alias("example"),
    )
    total, codes, count, example = collect(described, check).row(0)
    if codes or count > (1 - _ALMOST) * total:
        return None
    return Stray(name, count, str(example)[:40])
