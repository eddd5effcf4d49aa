"""Finds the type of a text column: whole numbers, numbers, truth values, dates, times, or text.

A column has a type if all of its values are of that type. If nearly all are, the others are strays,
which are counted and reported. Digits with leading zeros, or more than 18 digits, are a code, not a
number. If a column can be read in two ways, the choice is a guess and reported as one. A type that
the user sets always wins.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from project.errors import PermanentError
from project.tables.collecting import collect
from project.tables.parameters import ColumnType, CsvFormat

SAMPLED_ROWS = 5000
"""This many rows are sampled to find the possible types; then all rows are checked."""
_FIRST_ROWS = 200
"""A type is tried on the sample only if half of these first rows fit: there are many formats."""
_COLUMNS_AT_ONCE = 20
_ALMOST = 0.9
"""If this share of a column's values has a type, the column has the type; the rest are strays."""
_NO_NUMBER = r"^[+-]?(0\d|\d{19,})"
_COMMA_NUMBER = r"^[+-]?(\d{1,3}(\.\d{3})+|\d+)?(,\d+)?([eE][+-]?\d+)?$"
_GROUPED = r"^[+-]?\d{1,3}(,\d{3})+$"
"""1,234 may have a decimal comma, or a comma between thousands."""
_TRUE, _FALSE = ["true", "yes"], ["false", "no"]
_DATES: tuple[tuple[str, ColumnType], ...] = (
    ("%Y-%m-%d", "date"),
    ("%d.%m.%Y", "date_day_first"),
    ("%d/%m/%Y", "date_day_first"),
    ("%m/%d/%Y", "date_month_first"),
    ("%Y/%m/%d", "date"),
    ("%Y.%m.%d", "date"),
    ("%d-%m-%Y", "date_day_first"),
    ("%m-%d-%Y", "date_month_first"),
    ("%d %B %Y", "date"),
    ("%B %d, %Y", "date"),
    ("%B %d %Y", "date"),
)
_TIMES = ("%H:%M:%S%.f", "%H:%M", "%H:%M:%S%.f%#z", "%I:%M %p", "%I:%M:%S %p")
_ORDERS = {"date_day_first": "day/month", "date_month_first": "month/day"}
_NOUNS: dict[ColumnType, str] = {
    "number": "number",
    "number_comma": "number",
    "truth": "truth value",
    "date": "date",
    "date_day_first": "date",
    "date_month_first": "date",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """A way to read texts as values of a type; other texts become null."""

    type: ColumnType
    """The type that the user sets to read a column in this way."""
    parse: Callable[[pl.Expr], pl.Expr]
    form: str = ""
    """Format of a date or time."""

    @property
    def noun(self) -> str:
        """The word for one of its values."""
        return _NOUNS.get(self.type, "text")

    @property
    def may_have_strays(self) -> bool:
        """False for truth values: among other words, they are ordinary words."""
        return self.type != "truth"


@dataclass(frozen=True, slots=True)
class Stray:
    """A column of one type, except for a few values, which are left out."""

    column: str
    noun: str
    count: int
    example: str

    @property
    def sentence(self) -> str:
        """A sentence on what was left out, and what to do."""
        values = "1 value" if self.count == 1 else f"{self.count:,} values"
        left_out = "It is left out" if self.count == 1 else "They are left out"
        return (
            f"“{self.column[:40]}” is a {self.noun} except for {values}, such as "
            f"“{self.example}”. {left_out}; to keep all values, set the column’s type to text."
        )


@dataclass(frozen=True, slots=True)
class Guess:
    """A column that could also be read in another way."""

    column: str
    text: str
    """How it is read, why, and what to do, as the rest of a sentence."""

    @property
    def sentence(self) -> str:
        """The whole sentence."""
        return f"“{self.column[:40]}” {self.text}"


@dataclass(frozen=True, slots=True)
class Readings:
    """How to read each column, with its strays and guesses."""

    of: dict[str, Reading] = field(default_factory=dict)
    strays: list[Stray] = field(default_factory=list)
    guesses: list[Guess] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Fit:
    """A possible reading, and the number of values that do not fit it."""

    reading: Reading
    failures: int


TEXT = Reading("text", lambda text: text)


def find_readings(frame: pl.LazyFrame, form: CsvFormat, check: Callable[[], None]) -> Readings:
    """Choose how to read each text column: by the format's settings, or by its values.

    Raises PermanentError if no value of a column has the type that the format sets for it.
    """
    frame = frame.select(clean(pl.all(), form))
    sample = frame.head(SAMPLED_ROWS).collect()
    fitting = {name: _find_fitting(sample[name], form) for name in sample.columns}
    search = _Search(frame, form, check, Readings({n: _name_text(form, n) for n in sample.columns}))
    for names in _batches([name for name in sample.columns if fitting[name]]):
        check()
        for name, fits in _count_failures(frame, {n: fitting[n] for n in names}, check).items():
            search.choose(name, fits)
    search.choose_orders()
    return search.found


def clean(column: pl.Expr, form: CsvFormat) -> pl.Expr:
    """Strip the text; an empty text or a missing value becomes null."""
    stripped = column.str.strip_chars()
    absent = ["", *(each.strip() for each in form.missing_values)]
    return pl.when(~stripped.is_in(absent)).then(stripped)


def _name_text(form: CsvFormat, name: str) -> Reading:
    """Return the reading as text, also for categories and identifiers."""
    wanted = form.types.get(name, "text")
    return replace(TEXT, type=wanted) if wanted in {"category", "identifier"} else TEXT


# ── The possible readings ──────────────────────────────────────────────────────────────────────


def _candidates(form: CsvFormat) -> list[Reading]:
    """Return the readings in the order to try them, narrower ones first."""
    numbers = [Reading("number", _read_number), Reading("number_comma", _read_comma_number)]
    return [
        Reading("number_comma" if form.decimal_comma else "number", _read_whole),
        *(reversed(numbers) if form.decimal_comma else numbers),
        Reading("truth", _read_truth),
        *(Reading(type_, _date_reader(date), date) for date, type_ in _DATES),
        *(
            Reading(type_, _time_reader(f"{date} {time}"), f"{date} {time}")
            for date, type_ in _DATES
            for time in _TIMES
        ),
    ]


def _read_whole(text: pl.Expr) -> pl.Expr:
    return pl.when(~text.str.contains(_NO_NUMBER)).then(text.cast(pl.Int64, strict=False))


def _read_number(text: pl.Expr) -> pl.Expr:
    number = text.cast(pl.Float64, strict=False)
    return pl.when(~text.str.contains(_NO_NUMBER) & number.is_finite()).then(number)


def _read_comma_number(text: pl.Expr) -> pl.Expr:
    """Read 1.234,56. A point that does not separate thousands is not a number's: 31.12.2024."""
    plain = text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    return pl.when(text.str.contains(_COMMA_NUMBER)).then(_read_number(plain))


def _read_truth(text: pl.Expr) -> pl.Expr:
    word = text.str.to_lowercase()
    return pl.when(word.is_in(_TRUE)).then(True).when(word.is_in(_FALSE)).then(False)


def _date_reader(form: str) -> Callable[[pl.Expr], pl.Expr]:
    # A year of two digits would be in the first century.
    return lambda text: pl.when(text.str.contains(r"\d{4}")).then(
        text.str.to_date(form, strict=False)
    )


def _time_reader(form: str) -> Callable[[pl.Expr], pl.Expr]:
    def read(text: pl.Expr) -> pl.Expr:
        # 2026-05-04T12:00 is the same as 2026-05-04 12:00.
        spaced = text.str.replace(r"(\d)T(\d)", "$1 $2")
        moment = spaced.str.to_datetime(form, strict=False, time_unit="us")
        in_utc = moment.dt.replace_time_zone(None) if form.endswith("z") else moment
        return pl.when(text.str.contains(r"\d{4}")).then(in_utc)

    return read


def _find_fitting(values: pl.Series, form: CsvFormat) -> list[Reading]:
    """Return the readings that fit all or nearly all sampled values, or the type that is set."""
    wanted = form.types.get(values.name)
    if wanted is not None:
        return [
            each
            for each in _candidates(form)
            if each.type == wanted or (wanted == "date" and each.type in _ORDERS)
        ]
    candidates = _candidates(form)
    frame = pl.DataFrame({"text": values}).drop_nulls().unique(maintain_order=True)
    if not frame.height:
        return candidates
    for rows, least in ((frame.head(_FIRST_ROWS), 0.5), (frame, _ALMOST)):
        parsed = rows.select(
            each.parse(pl.col("text")).is_not_null().mean().alias(str(number))
            for number, each in enumerate(candidates)
        ).row(0)
        candidates = [
            each
            for each, share in zip(candidates, parsed, strict=True)
            if share == 1 or (each.may_have_strays and share >= least)
        ]
        if not candidates:
            return []
    return candidates


def _batches(names: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), _COLUMNS_AT_ONCE):
        yield names[start : start + _COLUMNS_AT_ONCE]


def _fails(name: str, reading: Reading) -> pl.Expr:
    text = pl.col(name)
    return text.is_not_null() & reading.parse(text).is_null()


def _count_failures(
    frame: pl.LazyFrame, fitting: Mapping[str, list[Reading]], check: Callable[[], None]
) -> dict[str, list[_Fit]]:
    """Count for each column and reading the values that do not fit."""
    counts = frame.select(
        _fails(name, reading).sum().alias(f"{number}.{place}")
        for number, (name, readings) in enumerate(fitting.items())
        for place, reading in enumerate(readings)
    )
    row: Any = collect(counts, check).row(0, named=True)
    return {
        name: [
            _Fit(reading, int(row[f"{number}.{place}"])) for place, reading in enumerate(readings)
        ]
        for number, (name, readings) in enumerate(fitting.items())
    }


# ── The chosen reading ─────────────────────────────────────────────────────────────────────────


class _Search:
    """Chooses a reading for each column, and notes what is left out or guessed."""

    def __init__(
        self, frame: pl.LazyFrame, form: CsvFormat, check: Callable[[], None], found: Readings
    ) -> None:
        self.found = found
        self._frame = frame
        self._form = form
        self._check = check
        self._unsure: dict[str, tuple[Reading, Reading]] = {}
        """Date columns whose day and month may be swapped."""

    def choose(self, name: str, fits: Sequence[_Fit]) -> None:
        """Choose the reading that fits best, the first of several; text if no reading fits well."""
        best = min(fits, key=lambda fit: fit.failures)
        reading, is_named = best.reading, name in self._form.types
        if best.failures and not self._take_strays(name, best, is_named=is_named):
            return
        if not is_named and reading.type == self._unexpected_number:
            if reading.type == "number_comma" and self._has_groups_alone(name):
                self._guess(
                    name,
                    "is read as text: 1,234 may be a number with a decimal comma, or with a comma "
                    "between thousands. Set its type to number_comma, or send the numbers without "
                    "commas.",
                )
                return
            sign = "comma" if reading.type == "number_comma" else "point"
            self._guess(name, f"is read as numbers with a decimal {sign}.")
        self.found.of[name] = reading
        twin = _exchange(reading.form)
        for fit in fits:
            if fit.reading.form == twin != reading.form and fit.failures == best.failures:
                self._unsure[name] = reading, fit.reading

    def choose_orders(self) -> None:
        """Choose day/month or month/day where both fit: as in other columns, or the more even."""
        known = {
            reading.type
            for name, reading in self.found.of.items()
            if reading.type in _ORDERS and name not in self._unsure
        }
        for name, pair in self._unsure.items():
            reading, reason = self._choose_order(name, pair, known)
            self.found.of[name] = reading
            self._guess(
                name,
                f"fits both day/month and month/day. It is read as "
                f"{_ORDERS[reading.type]}{reason}. To be sure, set its type to date_day_first or "
                "date_month_first.",
            )

    @property
    def _unexpected_number(self) -> ColumnType:
        """The type of numbers with the decimal sign that the table does not use."""
        return "number" if self._form.decimal_comma else "number_comma"

    def _guess(self, name: str, text: str) -> None:
        self.found.guesses.append(Guess(name, text))

    def _take_strays(self, name: str, fit: _Fit, *, is_named: bool) -> bool:
        """Whether the column has the type although some values do not fit; records them if so."""
        fails = _fails(name, fit.reading)
        described = self._frame.select(
            pl.col(name).count().alias("total"),
            pl.col(name).str.contains(_NO_NUMBER).sum().alias("codes"),
            pl.col(name).filter(fails).first().alias("example"),
        )
        total, codes, example = collect(described, self._check).row(0)
        example, noun = str(example)[:40], fit.reading.noun
        if is_named and fit.failures == total:
            raise PermanentError(
                f"The column “{name[:40]}” is set to {fit.reading.type}, but contains no {noun}, "
                f"only values such as “{example}”. Set another type for it."
            )
        is_code = noun == "number" and codes
        if not is_named and (is_code or fit.failures > (1 - _ALMOST) * total):
            return False
        self.found.strays.append(Stray(name, noun, fit.failures, example))
        return True

    def _has_groups_alone(self, name: str) -> bool:
        """Whether each comma has three digits after it, so it may separate thousands."""
        text = pl.col(name)
        has_other = (text.str.contains(",", literal=True) & ~text.str.contains(_GROUPED)).any()
        return not collect(self._frame.select(has_other), self._check).item()

    def _choose_order(
        self, name: str, pair: tuple[Reading, Reading], known: set[ColumnType]
    ) -> tuple[Reading, str]:
        """Return the reading and the reason for it."""
        like_others = [each for each in pair if {each.type} == known]
        if like_others:
            return like_others[0], ", like the table’s other dates"
        days = self._frame.select(
            each.parse(pl.col(name)).unique().sort().diff().max().alias(each.type) for each in pair
        )
        gaps: Any = collect(days, self._check).row(0)
        if None not in gaps and gaps[0] != gaps[1]:
            return pair[gaps.index(min(gaps))], ", which makes the dates more evenly spaced"
        day_first = next(each for each in pair if each.type == "date_day_first")
        return day_first, ""


def _exchange(form: str) -> str:
    """Return the format with day and month swapped."""
    return form.replace("%d", "%?").replace("%m", "%d").replace("%?", "%m")
