"""Opens a table: checks the file, finds its columns' types, and returns it as polars frames.

The file's claims are checked. Polars' errors are replaced: they say neither where the problem is
nor what to do, and a polars panic is not an Exception, so it would end the worker process.
"""

import errno
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path

import polars as pl
from polars.exceptions import PanicException, PolarsError

from project.errors import PermanentError, TemporaryError
from project.tables import csv_text
from project.tables.collecting import collect
from project.tables.column_types import Guess, Readings, Stray, clean, find_readings
from project.tables.limits import MAX_LINE_BYTES, MAX_NAME_LENGTH, MAX_TABLE_BYTES
from project.tables.parameters import ColumnType, CsvFormat
from project.tables.parquet_footer import MAGIC, check_parquet

ROWS_AT_ONCE = 50_000
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}

_DAY_SECONDS = 86_400
_UNITS = {
    "day": 1,
    "ms": _DAY_SECONDS * 10**3,
    "us": _DAY_SECONDS * 10**6,
    "ns": _DAY_SECONDS * 10**9,
}
"""Units in a day."""
_YEARS = tuple(day.toordinal() - date(1970, 1, 1).toordinal() for day in (date.min, date.max))
"""Python's first and last day, in days since 1970."""
_WIDE = (pl.UInt64, pl.Int128, pl.UInt128)
_TEXT_TYPES: tuple[ColumnType, ...] = ("text", "category", "identifier")
_TEXTS = (pl.String, pl.Categorical, pl.Enum)

Check = Callable[..., None]


def _never_stopped(*_: object) -> None:
    """The check for a caller that never cancels."""


@dataclass(frozen=True, slots=True)
class Table:
    """A readable table. Its columns are whole numbers, numbers, truth values, dates, times or text,
    and nothing else."""

    frame: pl.LazyFrame
    columns: tuple[str, ...]
    row_count: int
    notes: tuple[str, ...] = ()
    """Sentences on what was left out or looks wrong."""
    format: str = "CSV"
    original: pl.LazyFrame = field(default_factory=pl.LazyFrame)
    """The same columns as sent: CSV columns as text, Parquet columns in their own types."""
    types: Mapping[str, ColumnType] = field(default_factory=dict)
    """The type that each column is read as."""
    strays: Sequence[Stray] = ()
    """Columns of one type, except for a few values, which are left out."""
    guesses: Sequence[Guess] = ()
    """Columns that could also be read in another way."""
    lost: Mapping[str, int] = field(default_factory=dict)
    """For each column, the number of values left out because they are not of its type. They are
    null like missing values, but were not missing."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences on how the table was read."""
        return (
            *self.notes,
            *(each.sentence for each in self.strays),
            *(each.sentence for each in self.guesses),
        )

    def rows(self, start: int, count: int, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Return up to `count` rows, beginning with row `start` (0 is the first)."""
        with reading(self.format):
            return self.frame.select(columns or self.columns).slice(start, count).collect()

    def batches(self, rows_at_once: int = ROWS_AT_ONCE) -> Iterator[pl.DataFrame]:
        """Yield all rows in their order, at most `rows_at_once` at a time."""
        with reading(self.format):
            batches = self.frame.collect_batches(chunk_size=rows_at_once, maintain_order=True)
            for batch in batches:
                yield from batch.iter_slices(rows_at_once)

    def load(
        self, columns: Sequence[str] | None = None, check: Callable[[], None] = _never_stopped
    ) -> pl.DataFrame:
        """Load all rows into memory."""
        with reading(self.format):
            return collect(self.frame.select(columns or self.columns), check, "auto")

    def load_original(self, check: Callable[[], None] = _never_stopped) -> pl.DataFrame:
        """Load all rows as they were sent into memory."""
        with reading(self.format):
            return collect(self.original, check, "auto")


def open_table(
    path: Path, folder: Path, form: CsvFormat | None = None, check: Check = _never_stopped
) -> Table:
    """Open the table in that file; if the file must be rewritten, the new one goes into the folder.

    `check` is called now and then with the number of rows read. PermanentError says what is wrong
    with the file, where, and what to do.
    """
    with path.open("rb") as file:
        is_parquet = file.read(len(MAGIC)) == MAGIC
    if is_parquet:
        return _open_parquet(path, form or CsvFormat(), check)
    return _open_csv(path, folder, form or CsvFormat(), check)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Raise polars' errors about the file as PermanentError, a full disk as TemporaryError."""
    try:
        yield
    except PanicException as error:
        raise PermanentError(f"The {what} file is damaged: its content cannot be read.") from error
    except (PolarsError, OSError, ValueError, MemoryError) as error:
        if _is_of_the_disk(error):
            raise TemporaryError("The worker's disk is full: try again later.") from error
        reason = next(iter(str(error).splitlines()), "")[:200].rstrip(".") or type(error).__name__
        raise PermanentError(f"The {what} file is damaged: {reason}.") from error


def _is_of_the_disk(error: Exception) -> bool:
    """Whether a write failed because the disk is full: polars has the errno only in its text."""
    found = re.search(r"\(os error (\d+)\)", str(error))
    number = int(found[1]) if found else getattr(error, "errno", None)
    return number in _DISK_FULL


def _open_csv(path: Path, folder: Path, form: CsvFormat, check: Check) -> Table:
    text = csv_text.read_csv_text(path, folder, form, check)
    names = _name_columns(text.header if form.has_header else [""] * len(text.header))
    pulse = partial(check, text.row_count)
    form = _settle_types(form, names)
    with reading("CSV"):
        texts = _scan(text, names)
        if (
            _count(texts, pulse) != text.row_count
        ):  # polars would see other rows: leave it nothing to guess
            texts = _scan(csv_text.write_regular(text, folder, check), names)
        found = find_readings(texts, form, pulse)
        parsed = texts.select(
            found.of[name].parse(clean(pl.col(name), form)).alias(name) for name in names
        )
        schema = parsed.collect_schema()
        frame = parsed.select(_bound(name, kind).alias(name) for name, kind in schema.items())
        lost, notes = _count_lost(
            parsed, {name: _bound(name, kind) for name, kind in schema.items()}, pulse
        )
    return Table(
        frame,
        names,
        text.row_count,
        (*text.notes, *notes),
        original=texts,
        types={name: each.type for name, each in found.of.items()},
        strays=found.strays,
        guesses=found.guesses,
        lost=_add_strays(lost, found.strays),
    )


def _settle_types(form: CsvFormat, names: Sequence[str]) -> CsvFormat:
    """Return the format with the types for this table's columns; the user's types win."""
    unknown = [name for name in form.types if name not in names]
    if unknown:
        raise PermanentError(
            f"A type is set for column {json.dumps(unknown[0][:40], ensure_ascii=False)}, but the "
            "table has no such column."
        )
    learnt: dict[str, ColumnType] = {
        name: "number_comma" if form.decimal_comma and learnt == "number" else learnt
        for name, learnt in form.learnt_types.items()
        if name in names
    }
    return replace(form, types={**learnt, **form.types}, learnt_types={})


def _add_strays(lost: Mapping[str, int], strays: Sequence[Stray]) -> dict[str, int]:
    return {**lost, **{each.column: lost.get(each.column, 0) + each.count for each in strays}}


def _scan(text: csv_text.CsvText, names: Sequence[str]) -> pl.LazyFrame:
    """Read all columns as text."""
    return pl.scan_csv(
        text.path,
        separator=text.delimiter,
        has_header=text.has_header,
        new_columns=list(names),
        infer_schema=False,
        glob=False,
    )


def _count(frame: pl.LazyFrame, check: Callable[[], None]) -> int:
    return int(collect(frame.select(pl.len()), check).item())


def _name_columns(header: Sequence[str]) -> tuple[str, ...]:
    """Return a unique name for each column: its own, or one made from its number."""
    names: dict[str, None] = {}
    for number, cell in enumerate(header, start=1):
        wanted = " ".join(cell.split()) or f"column {number}"
        if len(wanted) > MAX_NAME_LENGTH:
            raise PermanentError(
                f"The name of column {number} has {len(wanted):,} characters, but may have at most "
                f"{MAX_NAME_LENGTH}. Check that the file has a header and that all quotes close."
            )
        name, copies = wanted, 1
        while name in names:
            copies += 1
            name = f"{wanted} ({copies})"
        names[name] = None
    return tuple(names)


def _open_parquet(path: Path, form: CsvFormat, check: Check) -> Table:
    claimed = check_parquet(path, check)
    pulse = partial(check, claimed)
    with reading("Parquet"):
        scanned = pl.scan_parquet(path, glob=False, use_statistics=False)
        schema = scanned.collect_schema()
        wide = _find_wide(scanned, schema, pulse)
        converted = {
            name: _convert(name, wide.get(name, kind), form) for name, kind in schema.items()
        }
        kept = {name: each for name, each in converted.items() if each is not None}
        if not kept or not claimed:
            raise PermanentError(
                "The table has no rows, or no columns with plain values; it needs both."
            )
        names = _name_columns(list(kept))
        form = _settle_types(form, names)
        frame = scanned.select(
            expression.alias(name) for name, expression in zip(names, kept.values(), strict=True)
        )
        original = scanned.select(
            pl.col(own).alias(name) for name, own in zip(names, kept, strict=True)
        )
        _check_texts(scanned, [name for name in kept if schema[name] in _TEXTS], pulse)
        if _count(frame.select(names[0]), pulse) != claimed:
            raise PermanentError(
                "The Parquet file is damaged: its number of rows is not the number that it claims."
            )
        lost, notes = _count_lost(scanned, kept, pulse)
        lost = {name: lost[own] for name, own in zip(names, kept, strict=True) if own in lost}
        frame, types, found = _apply_types(frame, form, pulse)
    left_out = [name for name in schema.names() if name not in kept]
    return Table(
        frame,
        names,
        claimed,
        (*_note_left_out(left_out), *notes),
        "Parquet",
        original=original,
        types=types,
        strays=found.strays,
        lost=_add_strays(lost, found.strays),
    )


def _apply_types(
    frame: pl.LazyFrame, form: CsvFormat, check: Callable[[], None]
) -> tuple[pl.LazyFrame, dict[str, ColumnType], Readings]:
    """Cast the columns to the types set for them; other columns keep their types."""
    schema = frame.collect_schema()
    own = {name: _find_type(kind) for name, kind in schema.items()}
    for name, wanted in form.types.items():
        is_text = schema[name] == pl.String
        if not is_text and wanted not in _TEXT_TYPES and not wanted.startswith(own[name]):
            raise PermanentError(
                f"Column {json.dumps(name[:40], ensure_ascii=False)} cannot be read as {wanted}, "
                f"because its type in the Parquet file is {schema[name]}."
            )
    texts = [name for name in form.types if schema[name] == pl.String]
    found = find_readings(frame.select(texts), form, check) if texts else Readings()
    shown = [name for name in form.types if form.types[name] in _TEXT_TYPES and name not in texts]
    typed = frame.with_columns(
        *(pl.col(name).cast(pl.String) for name in shown),
        *(found.of[name].parse(pl.col(name)).alias(name) for name in texts),
    )
    return typed, {**own, **form.types}, found


def _find_type(kind: pl.DataType) -> ColumnType:
    if kind.is_numeric():
        return "number"
    if kind == pl.Boolean:
        return "truth"
    return "date" if kind.is_temporal() else "text"


def _bound(name: str, kind: pl.DataType) -> pl.Expr:
    """Drop dates that Python's types cannot hold, because later steps use Python's types."""
    column = pl.col(name)
    unit = _UNITS.get(getattr(kind, "time_unit", None) or "day")
    if kind not in (pl.Date, pl.Datetime) or unit is None:
        return column
    first, last = (days * unit for days in _YEARS)
    return pl.when(column.cast(pl.Int64).is_between(first, last + unit - 1)).then(column)


def _find_wide(
    scanned: pl.LazyFrame, schema: pl.Schema, check: Callable[[], None]
) -> dict[str, pl.DataType]:
    """For whole-number columns that may exceed 63 bits, return the type that can hold them."""
    names = [name for name, kind in schema.items() if kind in _WIDE or _is_whole_decimal(kind)]
    if not names:
        return {}
    bounds = scanned.select(
        pl.concat_list(
            pl.col(name).cast(pl.Int128).min(), pl.col(name).cast(pl.Int128).max()
        ).alias(name)
        for name in names
    )
    found = collect(bounds, check).row(0, named=True)
    return {
        name: pl.Int64()
        if all(low is None or -(2**63) <= low < 2**63 for low in found[name])
        else pl.Int128()
        for name in names
    }


def _is_whole_decimal(kind: pl.DataType) -> bool:
    return isinstance(kind, pl.Decimal) and not kind.scale


def _count_lost(
    before: pl.LazyFrame, after: Mapping[str, pl.Expr], check: Callable[[], None]
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Count each column's values that become null but were not missing, and name them in notes."""
    schema = before.collect_schema()
    names = [name for name in after if schema[name].is_float() or schema[name].is_temporal()]
    lost = {
        name: after[name].is_null()
        & pl.col(name).is_not_null()
        & (pl.col(name).is_not_nan() if schema[name].is_float() else True)
        for name in names
        if schema[name] not in (pl.Time, pl.Duration)
    }
    if not lost:
        return {}, ()
    counted = before.select(each.sum().alias(name) for name, each in lost.items())
    counts = collect(counted, check).row(0, named=True)
    counts = {name: count for name, count in counts.items() if count}
    return counts, tuple(
        f"{count:,} of the values of column {json.dumps(name[:40], ensure_ascii=False)} "
        f"{'are infinite' if schema[name].is_float() else 'lie outside the years 1 to 9999'}, "
        f"such as {_find_example(before, name, lost[name])}; they are left out."
        for name, count in counts.items()
    )


def _find_example(frame: pl.LazyFrame, name: str, is_lost: pl.Expr) -> str:
    """Return a left-out value as text if polars can write it, or else its number."""
    lost = frame.filter(is_lost).select(name).head(1).collect()[name]
    try:
        return str(lost.cast(pl.String)[0])
    except PanicException:
        return f"{lost.cast(pl.Int64)[0]:,} {getattr(lost.dtype, 'time_unit', 'days')} after 1970"


def _note_left_out(names: list[str]) -> tuple[str, ...]:
    if not names:
        return ()
    quoted = ", ".join(json.dumps(name[:40], ensure_ascii=False) for name in names[:5])
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return (f"Columns with lists, structures or bytes were left out: {quoted}{more}.",)


def _convert(name: str, kind: pl.DataType, form: CsvFormat) -> pl.Expr | None:
    """Cast the column to one of our types; None if it does not hold plain values."""
    column = pl.col(name)
    if kind.is_numeric():
        return _convert_number(column, kind)
    if kind.is_temporal() and kind != pl.Time:
        return _convert_time(column, kind)
    if kind in (*_TEXTS, pl.Time):
        return clean(column.cast(pl.String), form)
    if kind == pl.Null:
        return pl.lit(None, pl.String)
    return column if kind == pl.Boolean else None


def _convert_number(column: pl.Expr, kind: pl.DataType) -> pl.Expr:
    if kind.is_integer():
        return column.cast(pl.Int128 if kind == pl.Int128 else pl.Int64)
    number = column.cast(pl.Float64)
    return pl.when(number.is_finite()).then(number)


def _convert_time(column: pl.Expr, kind: pl.DataType) -> pl.Expr:
    """Convert to a date, a time in UTC, or a duration's seconds."""
    if isinstance(kind, pl.Duration):
        return column.cast(pl.Int64) * _DAY_SECONDS / _UNITS[kind.time_unit]
    column = _bound(str(column.meta.output_name()), kind)
    if not isinstance(kind, pl.Datetime):
        return column
    moment = column.dt.convert_time_zone("UTC") if kind.time_zone else column
    return moment.dt.replace_time_zone(None).cast(pl.Datetime("us"))


def _check_texts(scanned: pl.LazyFrame, names: list[str], check: Callable[[], None]) -> None:
    """Check the texts' size: with a dictionary, it may be far larger than the file's pages."""
    total = 0
    for name in names:
        length = pl.col(name).cast(pl.String).str.len_bytes()
        row = scanned.select(length.max(), length.sum().alias("all"))
        longest, size = collect(row, check).row(0)
        total += size or 0
        if (longest or 0) > MAX_LINE_BYTES or total > MAX_TABLE_BYTES:
            raise PermanentError(
                f"The texts of column {json.dumps(name[:40], ensure_ascii=False)} are too long: a "
                f"cell may have at most {MAX_LINE_BYTES:,} bytes, and a table {MAX_TABLE_BYTES:,}."
            )
