"""Opens a table: judges the file, finds out what its columns hold, and gives it as polars frames.

Nothing but the file is believed, and no error of polars gets through as such: it says neither where
nor what to do, and a panic of its is no Exception, so that it would end the worker's process.
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
"""How many of them a day has."""
_YEARS = tuple(day.toordinal() - date(1970, 1, 1).toordinal() for day in (date.min, date.max))
"""The first and last day that Python has, from 1970."""
_WIDE = (pl.UInt64, pl.Int128, pl.UInt128)
_TEXT_TYPES: tuple[ColumnType, ...] = ("text", "category", "identifier")
_TEXTS = (pl.String, pl.Categorical, pl.Enum)

Check = Callable[..., None]


def _never_stopped(*_: object) -> None:
    """Nobody cancels."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table that can be read; its columns are whole numbers, numbers, truth values, dates,
    times, or text, and nothing else."""

    frame: pl.LazyFrame
    columns: tuple[str, ...]
    row_count: int
    notes: tuple[str, ...] = ()
    """Sentences on what was left out or looks wrong."""
    format: str = "CSV"
    original: pl.LazyFrame = field(default_factory=pl.LazyFrame)
    """The same columns as they came: of CSV their texts, of Parquet their own types."""
    types: Mapping[str, ColumnType] = field(default_factory=dict)
    """As what each column is read."""
    strays: Sequence[Stray] = ()
    """Columns that are of a type but for a few values, which are left out."""
    guesses: Sequence[Guess] = ()
    """Columns that could be read in another way, too."""
    lost: Mapping[str, int] = field(default_factory=dict)
    """How many values of a column are left out, because they are not of its type; they are null as
    missing ones are, and were not missing."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """All that is to be said on how the table was read, in sentences."""
        return (
            *self.notes,
            *(each.sentence for each in self.strays),
            *(each.sentence for each in self.guesses),
        )

    def rows(self, start: int, count: int, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """So many rows from that one on (0 is the first), or those that there are."""
        with reading(self.format):
            return self.frame.select(columns or self.columns).slice(start, count).collect()

    def batches(self, rows_at_once: int = ROWS_AT_ONCE) -> Iterator[pl.DataFrame]:
        """All rows in their order, so many at a time at the most."""
        with reading(self.format):
            batches = self.frame.collect_batches(chunk_size=rows_at_once, maintain_order=True)
            for batch in batches:
                yield from batch.iter_slices(rows_at_once)

    def load(
        self, columns: Sequence[str] | None = None, check: Callable[[], None] = _never_stopped
    ) -> pl.DataFrame:
        """All rows, in memory."""
        with reading(self.format):
            return collect(self.frame.select(columns or self.columns), check, "auto")

    def load_original(self, check: Callable[[], None] = _never_stopped) -> pl.DataFrame:
        """All rows as they came, in memory."""
        with reading(self.format):
            return collect(self.original, check, "auto")


def open_table(
    path: Path, folder: Path, form: CsvFormat | None = None, check: Check = _never_stopped
) -> Table:
    """The table in that file; a file that must be written anew goes into the folder.

    `check` is called now and then, with the number of rows that were read. PermanentError says what
    is wrong with the file, where, and what to do.
    """
    with path.open("rb") as file:
        is_parquet = file.read(len(MAGIC)) == MAGIC
    if is_parquet:
        return _open_parquet(path, form or CsvFormat(), check)
    return _open_csv(path, folder, form or CsvFormat(), check)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Whatever polars says about the file becomes a PermanentError; a full disk is none."""
    try:
        yield
    except PanicException as error:
        raise PermanentError(f"The {what} file is damaged: its content makes no sense.") from error
    except (PolarsError, OSError, ValueError, MemoryError) as error:
        if _is_of_the_disk(error):
            raise TemporaryError("The disk of the worker is full: try again later.") from error
        reason = next(iter(str(error).splitlines()), "")[:200].rstrip(".") or type(error).__name__
        raise PermanentError(f"The {what} file is damaged: {reason}.") from error


def _is_of_the_disk(error: Exception) -> bool:
    """Whether what was written found no room; polars has the number in its text alone."""
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
        ):  # polars sees other rows: leave it nothing to guess
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
    """The format with the types of this table's columns: what a person says goes first."""
    unknown = [name for name in form.types if name not in names]
    if unknown:
        raise PermanentError(
            f"A type is named for column {json.dumps(unknown[0][:40], ensure_ascii=False)}, which "
            "the table does not have."
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
    """All columns as text."""
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
    """A name for each column: its own, made unique, or one by its number."""
    names: dict[str, None] = {}
    for number, cell in enumerate(header, start=1):
        wanted = " ".join(cell.split()) or f"column {number}"
        if len(wanted) > MAX_NAME_LENGTH:
            raise PermanentError(
                f"The name of column {number} has {len(wanted):,} characters; at most "
                f"{MAX_NAME_LENGTH} are taken. Has the file a header, and is a quote closed?"
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
                "The table has no rows, or no columns with plain values: send one that has."
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
            raise PermanentError("The Parquet file is damaged: it has other rows than it says.")
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
    """The columns as the types that were named for them; of the others their own types stay."""
    schema = frame.collect_schema()
    own = {name: _find_type(kind) for name, kind in schema.items()}
    for name, wanted in form.types.items():
        is_text = schema[name] == pl.String
        if not is_text and wanted not in _TEXT_TYPES and not wanted.startswith(own[name]):
            raise PermanentError(
                f"Column {json.dumps(name[:40], ensure_ascii=False)} is to be read as {wanted}, "
                f"and the Parquet file has another type for it: {schema[name]}."
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
    """The column without dates that Python cannot hold: what follows asks for Python's."""
    column = pl.col(name)
    unit = _UNITS.get(getattr(kind, "time_unit", None) or "day")
    if kind not in (pl.Date, pl.Datetime) or unit is None:
        return column
    first, last = (days * unit for days in _YEARS)
    return pl.when(column.cast(pl.Int64).is_between(first, last + unit - 1)).then(column)


def _find_wide(
    scanned: pl.LazyFrame, schema: pl.Schema, check: Callable[[], None]
) -> dict[str, pl.DataType]:
    """Of the columns of whole numbers that may be beyond 63 bits, the type that holds them."""
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
    """How many values of a column become null that were not missing; and a sentence for each."""
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
        f"{'are infinite' if schema[name].is_float() else 'lie outside of the years 1 to 9999'}, "
        f"such as {_find_example(before, name, lost[name])}: left out."
        for name, count in counts.items()
    )


def _find_example(frame: pl.LazyFrame, name: str, is_lost: pl.Expr) -> str:
    """As text, where polars can write it; its number else."""
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
    """The column as one of our types; None where it holds no plain values."""
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
    """A date, or a time in UTC; of a duration its seconds."""
    if isinstance(kind, pl.Duration):
        return column.cast(pl.Int64) * _DAY_SECONDS / _UNITS[kind.time_unit]
    column = _bound(str(column.meta.output_name()), kind)
    if not isinstance(kind, pl.Datetime):
        return column
    moment = column.dt.convert_time_zone("UTC") if kind.time_zone else column
    return moment.dt.replace_time_zone(None).cast(pl.Datetime("us"))


def _check_texts(scanned: pl.LazyFrame, names: list[str], check: Callable[[], None]) -> None:
    """A dictionary may stand for far more text than the file's pages hold."""
    total = 0
    for name in names:
        length = pl.col(name).cast(pl.String).str.len_bytes()
        row = scanned.select(length.max(), length.sum().alias("all"))
        longest, size = collect(row, check).row(0)
        total += size or 0
        if (longest or 0) > MAX_LINE_BYTES or total > MAX_TABLE_BYTES:
            raise PermanentError(
                f"The texts of column {json.dumps(name[:40], ensure_ascii=False)} are too long: at "
                f"most {MAX_LINE_BYTES:,} bytes a cell and {MAX_TABLE_BYTES:,} a table are taken."
            )
