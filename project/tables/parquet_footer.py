"""Checks what a Parquet file claims to contain before polars reads it.

The footer has rows, columns and sizes. Then the head of every page is read, because readers
allocate memory by these heads. The claims must fit our limits and the file itself.
Source: https://github.com/apache/parquet-format (README.md, src/main/thrift/parquet.thrift)
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

from project.errors import PermanentError
from project.tables.limits import MAX_CELLS, MAX_COLUMNS, MAX_ROWS, MAX_TABLE_BYTES
from project.tables.thrift import ThriftError, ThriftReader

MAGIC = b"PAR1"
MAX_FOOTER_BYTES = 32_000_000
MAX_PAGES = 1_000_000
_TAIL_BYTES = 8
_PAGE_HEAD_BYTES = 16_384
"""A page's head contains the smallest and largest value of the page."""
_DICTIONARY_PAGE = 2
_PAGES_PER_CHECK = 1000


class Chunk(NamedTuple):
    """A column's chunk of a row group, as the footer describes it."""

    column: str
    offset: int
    compressed_bytes: int
    values: int


def check_parquet(
    path: Path, check: Callable[[int], None], max_bytes: int = MAX_TABLE_BYTES
) -> int:
    """Return the number of rows. PermanentError if the file is damaged or claims too much."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            footer = _read_footer(file, size)
            rows = _check_footer(footer, max_bytes)
            _check_pages(file, size, _chunks(footer), max_bytes, partial(check, rows))
    except (ThriftError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise PermanentError(
            "The Parquet file is damaged: its metadata cannot be read. Write it again."
        ) from error
    return rows


def _read_footer(file: IO[bytes], size: int) -> dict[int, Any]:
    if size < _TAIL_BYTES + len(MAGIC):
        raise PermanentError("The Parquet file is cut off within its first bytes: send it again.")
    file.seek(size - _TAIL_BYTES)
    tail = file.read(_TAIL_BYTES)
    if tail[4:] != MAGIC:
        raise PermanentError(
            f"The Parquet file is cut off at byte {size:,}: it lacks a Parquet file's ending. "
            "Send it again."
        )
    length = int.from_bytes(tail[:4], "little")
    if length > min(size - _TAIL_BYTES - len(MAGIC), MAX_FOOTER_BYTES):
        raise PermanentError(
            f"The Parquet file is damaged: its footer claims {length:,} bytes in a file of "
            f"{size:,}. A footer may have at most {MAX_FOOTER_BYTES:,}."
        )
    file.seek(size - _TAIL_BYTES - length)
    return ThriftReader(file.read(length)).read_struct()


def _check_footer(footer: dict[int, Any], max_bytes: int) -> int:
    rows, leaves = int(footer[3]), [each for each in footer[2] if not each.get(5)]
    if not 0 <= rows <= MAX_ROWS:
        raise PermanentError(f"The table claims {rows:,} rows, but may have at most {MAX_ROWS:,}.")
    if len(leaves) > MAX_COLUMNS:
        raise PermanentError(
            f"The table has {len(leaves):,} columns, but may have at most {MAX_COLUMNS}."
        )
    if rows * len(leaves) > MAX_CELLS:
        raise PermanentError(
            f"The table has {rows * len(leaves):,} cells, but may have at most {MAX_CELLS:,}."
        )
    claimed = sum(column[3][6] for group in footer[4] for column in group[1])
    if claimed > max_bytes:
        raise PermanentError(_too_large(claimed, max_bytes))
    if sum(group[3] for group in footer[4]) != rows:
        raise PermanentError("The Parquet file is damaged: its row groups do not add up.")
    return rows


def _too_large(claimed: int, most: int) -> str:
    return f"The table claims {claimed:,} decompressed bytes, but may have at most {most:,}."


def _chunks(footer: dict[int, Any]) -> Iterator[Chunk]:
    for group in footer[4]:
        for column in group[1]:
            if column.get(1):
                raise PermanentError(
                    "The Parquet file refers to another file: send a single, complete file."
                )
            meta = column[3]
            # A file without a dictionary may say 0.
            offset = min(each for each in (meta.get(11), meta[9]) if each)
            yield Chunk(
                b".".join(meta[3]).decode("utf-8", "replace"), offset, int(meta[7]), int(meta[5])
            )


def _check_pages(
    file: IO[bytes],
    size: int,
    chunks: Iterator[Chunk],
    max_bytes: int,
    check: Callable[[], None],
) -> None:
    total, pages = 0, 0
    for chunk in chunks:
        values = 0
        for page in _pages(file, size, chunk):
            pages += 1
            total += page[2]
            values += _count_values(page)
            if total > max_bytes:
                raise PermanentError(_too_large(total, max_bytes))
            if pages > MAX_PAGES or values > MAX_CELLS:
                raise PermanentError(_damaged(chunk, "has too many pages or values"))
            if pages % _PAGES_PER_CHECK == 0:
                check()
        if values != chunk.values:
            raise PermanentError(
                _damaged(chunk, "does not have the number of values that the footer claims")
            )


def _pages(file: IO[bytes], size: int, chunk: Chunk) -> Iterator[dict[int, Any]]:
    """Yield the head of each page."""
    position, end = chunk.offset, chunk.offset + chunk.compressed_bytes
    if not len(MAGIC) <= position <= end <= size:
        raise PermanentError(_damaged(chunk, "lies outside the file"))
    while position < end:
        file.seek(position)
        reader = ThriftReader(file.read(_PAGE_HEAD_BYTES))
        page = reader.read_struct()
        position += reader.position + page[3]
        if page[2] < 0 or page[3] < 0 or position > end:
            raise PermanentError(
                _damaged(chunk, "has a page that is larger than the column's chunk")
            )
        yield page


def _count_values(page: dict[int, Any]) -> int:
    """Count the values of a data page, version 1 or 2; a dictionary's values are not cells."""
    if page[1] == _DICTIONARY_PAGE:
        if page[7][1] > MAX_ROWS:
            raise ThriftError("a dictionary of too many values")
        return 0
    head = page.get(5) or page[8]
    return int(head[1])


def _damaged(chunk: Chunk, what: str) -> str:
    return f"The Parquet file is damaged: column {chunk.column[:100]!r} {what}."
