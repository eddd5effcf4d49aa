"""What a file is, by its first bytes, and how a browser gets it. Pure."""

import csv
from dataclasses import dataclass

HEAD_BYTES = 4096
"""So many first bytes say what a file is."""


@dataclass(frozen=True, slots=True)
class FileType:
    """A type of files; the suffix is the end of such a file's id."""

    suffix: str
    content_type: str
    name: str
    is_shown: bool = False
    """A browser may show it in the page; all others it saves."""


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
"""First bytes of what is no text. Each format's own specification says so."""

_DELIMITERS = ",;\t|"


def find_type(head: bytes) -> FileType:
    """The type of a file that somebody has sent, by its first bytes; `data` where none is known.

    Never HTML, SVG or a model: what is sent as such is text or data to us, and is never shown.
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
    """No control characters but blanks; of whatever encoding, and UTF-16 only with its mark."""
    if head[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return True
    return bool(head) and not any(byte < 32 and byte not in b"\t\n\v\f\r\x1b" for byte in head)


def _is_table(head: bytes) -> bool:
    """Whether the first lines have the same delimiter."""
    lines = head.decode("utf-8", "replace").splitlines()[:20]
    try:
        dialect = csv.Sniffer().sniff("\n".join(lines), _DELIMITERS)
    except csv.Error:
        return False
    return len(lines) > 1 and dialect.delimiter in lines[0]
