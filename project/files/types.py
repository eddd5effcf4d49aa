"""Recognises a file's type by its first bytes; says how browsers get it. Pure."""

import csv
from dataclasses import dataclass

HEAD_BYTES = 4096
"""How many first bytes decide a file's type."""


@dataclass(frozen=True, slots=True)
class FileType:
    """A type of file; ids of such files end in the suffix."""

    suffix: str
    content_type: str
    name: str
    is_shown: bool = False
    """Whether a browser may show it in the page; it downloads all others."""


_TYPES = (
    FileType(".jpg", "image/jpeg", "JPEG", is_shown=True),
    FileType(".png", "image/png", "PNG", is_shown=True),
    FileType(".gif", "image/gif", "GIF", is_shown=True),
    FileType(".webp", "image/webp", "WebP", is_shown=True),
    FileType(".avif", "image/avif", "AVIF", is_shown=True),
    FileType(".svg", "image/svg+xml", "SVG", is_shown=True),
    FileType(".pdf", "application/pdf", "PDF", is_shown=True),
    FileType(".html", "text/html; charset=utf-8", "HTML", is_shown=True),
    FileType(".csv", "text/csv; charset=utf-8", "CSV"),
    FileType(".txt", "text/plain; charset=utf-8", "text"),
    FileType(".json", "application/json", "JSON"),
    FileType(".xml", "application/xml", "XML"),
    FileType(".parquet", "application/vnd.apache.parquet", "Parquet"),
    FileType(".skops", "application/octet-stream", "model"),
    FileType(".bin", "application/octet-stream", "data"),
)
TYPES = {one.suffix: one for one in _TYPES}

_SIGNATURES = (
    (b"\xff\xd8\xff", ".jpg"),
    (b"\x89PNG\r\n\x1a\n", ".png"),
    (b"GIF87a", ".gif"),
    (b"GIF89a", ".gif"),
    (b"%PDF-", ".pdf"),
    (b"PAR1", ".parquet"),
)
"""First bytes of formats other than text, from each format's specification."""

_DELIMITERS = ",;\t|"


def find_type(head: bytes) -> FileType:
    """The type of an uploaded file by its first bytes; `data` if unknown.

    Never HTML, SVG or a model: such uploads count as text or data, and are never shown.
    """
    for signature, suffix in _SIGNATURES:
        if head.startswith(signature):
            return TYPES[suffix]
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return TYPES[".webp"]
    if head[4:8] == b"ftyp" and head[8:12] in {b"avif", b"avis"}:
        return TYPES[".avif"]
    if not _is_text(head):
        return TYPES[".bin"]
    return TYPES[".csv" if _is_table(head) else ".txt"]


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
