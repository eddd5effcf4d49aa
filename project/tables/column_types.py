"""What a column of text holds: whole numbers, numbers, truth values, dates, times, or text.

A column is of a type where its values are of that type; where nearly all are, the others are
strays, which are counted and named. A number with leading zeros is none: it is a code, and so is
one of more than 18 digits. Where a column can be read in two ways, one of them is a guess and says
so. A person who names the type of a column has the last word.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from project.errors import PermanentError
from project.tables.collecting import collect
from project.tables.parameters import ColumnType, CsvFormat

SAMPLED_ROWS = 5000
"""These are looked at to see which types come into question; then all rows are."""
_FIRST_ROWS = 200
"""Half of these must be of a type for it to be tried on the sample: there are many forms."""
_COLUMNS_AT_ONCE = 20
_ALMOST = 0.9
"""If this share of a column's values has a type, the column has it; the others are strays."""
_NO_NUMBER = r"^[+-]?(0\d|\d{19,})"
_COMMA_NUMBER = r"^[+-]?(\d{1,3}(\.\d{3})+|\d+)?(,\d+)?([eE][+-]?\d+)?$"
_GROUPED = r"^[+-]?\d{1,3}(,\d{3})+$"
"""1,234 may be written with a decimal comma, or with one between thousands."""
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
    """A way to read texts as values of a type; what cannot be read so becomes null."""

    type: ColumnType
    """The type that a person chooses to have the column read this way."""
    parse: Callable[[pl.Expr], pl.Expr]
    form: str = ""
    """Of a date or time."""

    @property
    def noun(self) -> str:
        """What one of its values is."""
        return _NOUNS.get(self.type, "text")

    @property
    def may_have_strays(self) -> bool:
        """A truth value among other words is one of several words."""
        return self.type != "truth"


@dataclass(frozen=True, slots=True)
class Stray:
    """A column that is of a type but for a few values, which are left out."""

    column: str
    noun: str
    count: int
    example: str

    @property
    def sentence(self) -> str:
        """What was left out, and what to do."""
        values = "1 value" if self.count == 1 else f"{self.count:,} values"
        left_out = "It is left out" if self.count == 1 else "They are left out"
        return (
            f"“{self.column[:40]}” is a {self.noun} but for {values}, such as “{self.example}”. "
            f"{left_out}; name the column’s type (text) to keep all values as they are."
        )


@dataclass(frozen=True, slots=True)
class Guess:
    """A column that could be read in another way, too."""

    column: str
    text: str
    """What it is taken for, why, and what to do; as the rest of a sentence."""

    @property
    def sentence(self) -> str:
        """All of it."""
        return f"“{self.column[:40]}” {self.text}"


@dataclass(frozen=True, slots=True)
class Readings:
    """How to read each column, and what there is to say about that."""

    of: dict[str, Reading] = field(default_factory=dict)
    strays: list[Stray] = field(default_factory=list)
    guesses: list[Guess] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Fit:
    """A reading that comes into question, and how many values it does not fit."""

    reading: Reading
    failures: int


TEXT = Reading("text", lambda text: text)


def find_readings(frame: pl.LazyFrame, form: CsvFormat, check: Callable[[], None]) -> Readings:
    """How to read each column of texts: as the format says of the table or the column, or a guess.

    PermanentError where a column holds nothing of the type that it was said to be of.
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
    """The text without blanks around it; null where nothing is left, or a missing value."""
    stripped = column.str.strip_chars()
    absent = ["", *(each.strip() for each in form.missing_values)]
    return pl.when(~stripped.is_in(absent)).then(stripped)


def _name_text(form: CsvFormat, name: str) -> Reading:
    """Text: also what a person calls a category or an identifier."""
    wanted = form.types.get(name, "text")
    return replace(TEXT, type=wanted) if wanted in {"category", "identifier"} else TEXT


# ── Which readings there are ───────────────────────────────────────────────────────────────────


def _candidates(form: CsvFormat) -> list[Reading]:
    """In the order in which they are tried: the narrower one first."""
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
    """1.234,56; a point that does not part thousands is none of a number, as in 31.12.2024."""
    plain = text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    return pl.when(text.str.contains(_COMMA_NUMBER)).then(_read_number(plain))


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


def _find_fitting(values: pl.Series, form: CsvFormat) -> list[Reading]:
    """The types of which all, or nearly all, of the sampled values are; or those of its name."""
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
    """Of each column and type, how many values are not of the type."""
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


# ── Which one it is ────────────────────────────────────────────────────────────────────────────


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
        """Columns of dates of which day and month may be exchanged."""

    def choose(self, name: str, fits: Sequence[_Fit]) -> None:
        """The reading that fits best, the first one of several; text, where none fits well."""
        best = min(fits, key=lambda fit: fit.failures)
        reading, is_named = best.reading, name in self._form.types
        if best.failures and not self._take_strays(name, best, is_named=is_named):
            return
        if not is_named and reading.type == self._unexpected_number:
            if reading.type == "number_comma" and self._has_groups_alone(name):
                self._guess(
                    name,
                    "is taken as text: 1,234 may be a number with a decimal comma, or one with a "
                    "comma between thousands. Name its type (number_comma), or send the numbers "
                    "without commas.",
                )
                return
            sign = "comma" if reading.type == "number_comma" else "point"
            self._guess(name, f"is taken as numbers that are written with a decimal {sign}.")
        self.found.of[name] = reading
        twin = _exchange(reading.form)
        for fit in fits:
            if fit.reading.form == twin != reading.form and fit.failures == best.failures:
                self._unsure[name] = reading, fit.reading

    def choose_orders(self) -> None:
        """Of day and month, where both orders fit: as in the other columns, or the evener one."""
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
                f"can be read as day/month or as month/day: all of its dates fit both. It is read "
                f"as {_ORDERS[reading.type]}{reason}. Name its type (date_day_first or "
                "date_month_first) to be sure.",
            )

    @property
    def _unexpected_number(self) -> ColumnType:
        """The type of numbers written with the decimal sign that the table does not use."""
        return "number" if self._form.decimal_comma else "number_comma"

    def _guess(self, name: str, text: str) -> None:
        self.found.guesses.append(Guess(name, text))

    def _take_strays(self, name: str, fit: _Fit, *, is_named: bool) -> bool:
        """Whether the column is of that type although some values are not; these are noted."""
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
                f"The column “{name[:40]}” is to be read as {fit.reading.type}, and has no {noun} "
                f"in it, but values such as “{example}”. Name another type for it."
            )
        is_code = noun == "number" and codes
        if not is_named and (is_code or fit.failures > (1 - _ALMOST) * total):
            return False
        self.found.strays.append(Stray(name, noun, fit.failures, example))
        return True

    def _has_groups_alone(self, name: str) -> bool:
        """Whether each comma has three digits behind it, and so may be one between thousands."""
        text = pl.col(name)
        has_other = (text.str.contains(",", literal=True) & ~text.str.contains(_GROUPED)).any()
        return not collect(self._frame.select(has_other), self._check).item()

    def _choose_order(
        self, name: str, pair: tuple[Reading, Reading], known: set[ColumnType]
    ) -> tuple[Reading, str]:
        """The reading and what speaks for it."""
        like_others = [each for each in pair if {each.type} == known]
        if like_others:
            return like_others[0], ", as the table’s other dates are"
        days = self._frame.select(
            each.parse(pl.col(name)).unique().sort().diff().max().alias(each.type) for each in pair
        )
        gaps: Any = collect(days, self._check).row(0)
        if None not in gaps and gaps[0] != gaps[1]:
            return pair[gaps.index(min(gaps))], ", in which they follow one another more evenly"
        day_first = next(each for each in pair if each.type == "date_day_first")
        return day_first, ""


def _exchange(form: str) -> str:
    """The form with day and month exchanged."""
    return form.replace("%d", "%?").replace("%m", "%d").replace("%?", "%m")
