"""Checks a CSV file from start to end before polars reads it.

Polars guesses where it cannot parse a file, and does not say in which line. So this pass finds
errors and names their lines. A valid but unusual file (UTF-16, blank lines, a lone quote within a
cell) is rewritten in the plain form that all readers read in the same way.
"""

import codecs
import csv
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from project.errors import PermanentError
from project.tables.limits import MAX_CELLS, MAX_COLUMNS, MAX_LINE_BYTES, MAX_ROWS, MAX_TABLE_BYTES
from project.tables.parameters import DELIMITERS, CsvFormat

Check = Callable[[int], None]
"""Called with the number of rows read so far; may raise, for example if the job was cancelled."""

ROWS_PER_CHECK = 20_000
_SNIFFED_LINES = 50
_HEAD_BYTES = 1000
_CHUNK_CHARACTERS = 1_000_000
_DELIMITER_LINE = re.compile(r'"?sep=([^\w"\r\n])"?\s*', re.IGNORECASE)
"""Excel's first line, which names the delimiter and is not a row."""
_UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


@dataclass(frozen=True, slots=True)
class CsvText:
    """A valid CSV file in UTF-8."""

    path: Path
    delimiter: str
    has_header: bool
    header: tuple[str, ...]
    """The cells of the first row."""
    row_count: int
    """Number of rows, without the header."""
    is_regular: bool = True
    """Whether all readers read it in the same way: no blank lines, no lone quotes."""
    notes: tuple[str, ...] = ()
    """Sentences on what was left out."""


def read_csv_text(path: Path, folder: Path, form: CsvFormat, check: Check) -> CsvText:
    """Check the file. PermanentError names what is wrong, and the line."""
    if path.stat().st_size > MAX_TABLE_BYTES:
        raise PermanentError(f"The file is larger than {MAX_TABLE_BYTES:,} bytes: split it.")
    path = _as_utf8(path, folder, form.encoding)
    _refuse_page(path)
    named = form.delimiter or _read_named_delimiter(path)
    text = _judge(path, form, named or _find_delimiter(path, form), check)
    return text if text.is_regular else write_regular(text, folder, check)


def write_regular(text: CsvText, folder: Path, check: Check) -> CsvText:
    """Write the same rows in the plain form to a file in that folder."""
    target = folder / "regular.csv"
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=text.delimiter, lineterminator="\n")
        with text.path.open("rb") as source:
            for number, row in enumerate(_rows(_Lines(source), text.delimiter)):
                if row:
                    writer.writerow(row[: len(text.header)])  # only a blank cell can follow
                if number % ROWS_PER_CHECK == 0:
                    check(number)
    return replace(text, path=target, is_regular=True)


def _as_utf8(path: Path, folder: Path, named: str) -> Path:
    """Rewrite a file in the set encoding, or in UTF-16 with a byte order mark, as UTF-8."""
    with path.open("rb") as file:
        marked = _UTF_16.get(file.read(2))
    encoding = marked or named
    if not encoding:
        return path
    target, line = folder / "utf-8.csv", 1
    try:
        with (
            path.open(encoding=encoding, newline="") as source,
            target.open("w", encoding="utf-8", newline="") as copy,
        ):
            if marked:
                source.read(1)
            while chunk := source.read(_CHUNK_CHARACTERS):
                line += chunk.count("\n")
                copy.write(chunk)
    except UnicodeError:
        raise PermanentError(
            f"The file is not valid {encoding.upper()} somewhere after line {line:,}: "
            "save it as UTF-8, or set its encoding."
        ) from None
    return target


def _refuse_page(path: Path) -> None:
    """Refuse an HTML page, which a server may send in place of a file, for example to log in."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES).removeprefix(codecs.BOM_UTF8).lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html")):
        raise PermanentError(
            "The file is an HTML page, not a table: open it to see what it says, and download the "
            "table itself."
        )


class _Lines:
    """The lines of a file as text, with line numbers. An unreadable line is an error."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.number = 0
        """Number of the last line read, from 1."""
        self.quotes = 0
        """Number of quotation marks so far."""
        self.has_delimiter_line = False
        """Whether the first line was Excel's `sep=;`, which is left out."""

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(MAX_LINE_BYTES + 1):
            self.number += 1
            text = self._decode(line)
            if self.number == 1 and _DELIMITER_LINE.fullmatch(text):
                self.has_delimiter_line = True
                continue
            self.quotes += text.count('"')
            yield text

    def _decode(self, line: bytes) -> str:
        if len(line) > MAX_LINE_BYTES:
            raise PermanentError(
                f"Line {self.number:,} is longer than {MAX_LINE_BYTES:,} bytes: "
                "check that each row is on its own line."
            )
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            place = f"byte {error.start + 1} of it is 0x{line[error.start]:02X}"
            raise PermanentError(
                f"Line {self.number:,} is not UTF-8: {place}. Save the file as UTF-8, or set its "
                "encoding."
            ) from None
        if "\0" in text:
            raise PermanentError(
                f"Line {self.number:,} contains a zero byte, so the file is not text."
            )
        return text.removeprefix("\ufeff") if self.number == 1 else text


def _rows(lines: _Lines, delimiter: str) -> Iterator[list[str]]:
    """Yield the rows. PermanentError names the line of a quote that is not closed properly."""
    csv.field_size_limit(MAX_LINE_BYTES)
    reader, begun = csv.reader(lines, delimiter=delimiter, strict=True), 1
    try:
        for row in reader:
            yield row
            begun = lines.number + 1
    except csv.Error as error:
        raise PermanentError(_explain(error, begun, lines.number)) from None


def _explain(error: csv.Error, begun: int, line: int) -> str:
    if "new-line character" in str(error):
        return f"Line {begun:,} has a carriage return within it: save the file with LF line ends."
    where = f"to the end of the file, line {line:,}"
    if "unexpected end" not in str(error):
        where = f"in line {line:,}" if line > begun else "in the same line"
    if "expected after" in str(error):
        return (
            f"Line {begun:,}: a quote is not closed properly, because text follows its end, "
            f"{where}. Close the quote, or double quotes within a cell."
        )
    return f"Line {begun:,}: a quote opens but is not closed, {where}. Close it."


def _read_named_delimiter(path: Path) -> str:
    """Return the delimiter that a first line like Excel's `sep=;` names; empty for a row."""
    with path.open("rb") as file:
        line = file.read(_HEAD_BYTES).removeprefix(codecs.BOM_UTF8).partition(b"\n")[0]
    found = _DELIMITER_LINE.fullmatch(line.decode("utf-8", "replace"))
    if found and not found[1].isascii():
        raise PermanentError(
            f"Line 1 sets the delimiter to {found[1]}, with sep={found[1]}: write the file with a "
            "comma, semicolon, tab or bar."
        )
    return found[1] if found else ""


def _find_delimiter(path: Path, form: CsvFormat) -> str:
    """Return the delimiter that gives the first rows the same number of cells, and the most."""
    candidates = [each for each in DELIMITERS.values() if not (form.decimal_comma and each == ",")]
    return max(candidates, key=lambda each: _score(_read_widths(path, each)))


def _score(widths: list[int]) -> tuple[bool, int]:
    """Choose by the first row if no delimiter fits all, for example if a row is broken."""
    return len(set(widths)) == 1 and widths[0] > 1, widths[0] if widths else 0


def _read_widths(path: Path, delimiter: str) -> list[int]:
    """Count the cells of each of the first rows."""
    widths: list[int] = []
    with path.open("rb") as file, suppress(PermanentError):
        for row in _rows(_Lines(file), delimiter):
            widths += [len(row)] if row else []
            if len(widths) == _SNIFFED_LINES:
                break
    return widths


def _judge(path: Path, form: CsvFormat, delimiter: str, check: Check) -> CsvText:
    header: list[str] = []
    count, longer, is_regular = 0, 0, True
    with path.open("rb") as file:
        lines = _Lines(file)
        for row in _rows(lines, delimiter):
            if not row or lines.quotes % 2:
                is_regular = False
            if not row:
                continue
            if not header:
                header = row
                _check_width(len(header), lines.number)
            elif form.has_header and longer == count - 1 and _has_blank_behind(row, header):
                longer += 1
            elif longer or len(row) != len(header):
                expected = len(header) + bool(longer)
                before = "the row before" if longer else "the header"
                raise PermanentError(
                    _ragged(row, expected, lines.number, before if form.has_header else "")
                )
            count += 1
            if count % ROWS_PER_CHECK == 0:
                _check_size(count, len(header))
                check(count)
        is_regular = is_regular and not longer and not lines.has_delimiter_line
    row_count = count - form.has_header
    if row_count < 1:
        raise PermanentError("The table has no rows: send a file with data in it.")
    _check_size(row_count, len(header))
    return CsvText(
        path, delimiter, form.has_header, tuple(header), row_count, is_regular, _note(longer)
    )


def _note(longer: int) -> tuple[str, ...]:
    if not longer:
        return ()
    return ("Each row ends with a blank cell without a name in the header; it was left out.",)


def _has_blank_behind(row: list[str], header: list[str]) -> bool:
    """Whether the row has one blank cell too many: fine after all rows, an error after some."""
    return len(row) == len(header) + 1 and not row[-1].strip()


def _ragged(row: list[str], expected: int, line: int, before: str) -> str:
    blank = ", the last one blank," if len(row) > expected and not row[-1].strip() else ""
    return (
        f"Line {line:,} has {_cells(len(row))}{blank} but {before or 'the first row'} has "
        f"{expected}: add a missing delimiter, or quote a cell that contains one."
    )


def _cells(count: int) -> str:
    return f"{count} cell" if count == 1 else f"{count} cells"


def _check_width(columns: int, line: int) -> None:
    if columns > MAX_COLUMNS:
        raise PermanentError(
            f"Line {line:,} has {columns:,} columns. A table may have at most {MAX_COLUMNS}."
        )


def _check_size(rows: int, columns: int) -> None:
    if rows > MAX_ROWS + 1:
        raise PermanentError(f"The table has more than {MAX_ROWS:,} rows: send a part of it.")
    if rows * columns > MAX_CELLS:
        raise PermanentError(
            f"The table has more than {MAX_CELLS:,} cells in {columns} columns: send a part of it."
        )
