"""The types of files: suffixes and content types, how their bytes begin, and what accepts them.

The one place for a new type: the store, the browser's view of a file, parameters that are files and
the attachments of mails use this table. Pure.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass

HEAD_BYTES = 4096
"""How many first bytes decide a file's type."""


@dataclass(frozen=True, slots=True)
class FileType:
    """A type of file; ids of such files end in the suffix."""

    suffix: str
    content_type: str
    name: str
    use: str = ""
    """`picture`, `table` or `model`: the parameters that accept such a file."""
    is_shown: bool = False
    """Whether a browser may show it in the page; it downloads all others."""
    signatures: tuple[bytes, ...] = ()
    """How such a file begins, from the format's specification; `?` is any byte."""

    @property
    def media_type(self) -> str:
        """The content type without its parameters."""
        return self.content_type.partition(";")[0]


_TYPES = (
    FileType(".jpg", "image/jpeg", "JPEG", "picture", True, (b"\xff\xd8\xff",)),
    FileType(".png", "image/png", "PNG", "picture", True, (b"\x89PNG\r\n\x1a\n",)),
    FileType(".gif", "image/gif", "GIF", "picture", True, (b"GIF87a", b"GIF89a")),
    FileType(".webp", "image/webp", "WebP", "picture", True, (b"RIFF????WEBP",)),
    FileType(".avif", "image/avif", "AVIF", "picture", True, (b"????ftypavif", b"????ftypavis")),
    FileType(".svg", "image/svg+xml", "SVG", is_shown=True),
    FileType(".pdf", "application/pdf", "PDF", is_shown=True, signatures=(b"%PDF-",)),
    FileType(".html", "text/html; charset=utf-8", "HTML", is_shown=True),
    FileType(".csv", "text/csv; charset=utf-8", "CSV", "table"),
    # The first lines of a CSV file may not look like CSV.
    FileType(".txt", "text/plain; charset=utf-8", "text", "table"),
    FileType(".json", "application/json", "JSON"),
    FileType(".xml", "application/xml", "XML"),
    FileType(
        ".parquet", "application/vnd.apache.parquet", "Parquet", "table", signatures=(b"PAR1",)
    ),
    FileType(".skops", "application/octet-stream", "model", "model"),
    FileType(".bin", "application/octet-stream", "data"),
)
TYPES: Mapping[str, FileType] = {one.suffix: one for one in _TYPES}

_ANY = ord("?")
_DELIMITERS = ",;\t|"


def find_type(head: bytes) -> FileType:
    """The type of an uploaded file by its first bytes; `data` if unknown.

    Never HTML, SVG or a model: such uploads count as text or data, and are never shown.
    """
    for one in _TYPES:
        if any(_begins_with(head, signature) for signature in one.signatures):
            return one
    if not _is_text(head):
        return TYPES[".bin"]
    return TYPES[".csv" if _is_table(head) else ".txt"]


def _begins_with(head: bytes, signature: bytes) -> bool:
    return len(head) >= len(signature) and all(
        expected in (byte, _ANY) for byte, expected in zip(head, signature, strict=False)
    )


def _is_text(head: bytes) -> bool:
    """Whether it has no control characters but blanks; UTF-16 needs its byte order mark."""
    if head[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return True
    return bool(head) and not any(byte < 32 and byte not in b"\t\n\v\f\r\x1b" for byte in head)


def _is_table(head: bytes) -> bool:
    """Whether the first lines share a delimiter."""
    lines = head.decode("utf-8", "replace").splitlines()[:20]
    try:
        dialect = csv.Sniffer().sniff("\n".join(lines), _DELIMITERS)
    except csv.Error:
        return False
    return len(lines) > 1 and dialect.delimiter in lines[0]
