"""Files that jobs read and write: named by us, kept in one folder, known by an id.

An id is 32 hex digits and a suffix, `3f…9a.webp`; the suffix tells the content type. No path or
name from a client is ever used.
"""

import re
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import uuid4

from project.errors import NotFoundError

CONTENT_TYPES = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
_ID = re.compile(r"[0-9a-f]{32}(\.[a-z]{3,4})")
_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class FileStore:
    """A folder that web servers and workers share."""

    root: Path

    def save(self, stream: IO[bytes], suffix: str) -> str:
        """Keep the stream's content; the new file's id. A failed copy leaves nothing behind."""
        file_id, target = self._create(suffix)
        part = target.with_suffix(".part")
        try:
            with part.open("xb") as copy:
                while chunk := stream.read(_CHUNK_BYTES):
                    copy.write(chunk)
            part.rename(target)
        finally:
            part.unlink(missing_ok=True)
        return file_id

    def write(self, content: bytes, suffix: str) -> str:
        """Keep the bytes; the new file's id."""
        file_id, target = self._create(suffix)
        part = target.with_suffix(".part")
        try:
            part.write_bytes(content)
            part.rename(target)
        finally:
            part.unlink(missing_ok=True)
        return file_id

    def path(self, file_id: str) -> Path:
        """Where the file is; NotFoundError where there is none."""
        match = _ID.fullmatch(file_id)
        path = self.root / file_id[:2] / file_id
        if not match or match[1] not in CONTENT_TYPES or not path.is_file():
            raise NotFoundError("There is no such file; it may have expired.")
        return path

    def content_type(self, file_id: str) -> str:
        """The content type that the id's suffix stands for."""
        return CONTENT_TYPES[Path(file_id).suffix]

    def delete(self, file_id: str) -> None:
        """Remove the file; one that is gone already is no error."""
        (self.root / file_id[:2] / file_id).unlink(missing_ok=True)

    def sweep(self, older_than_seconds: float) -> int:
        """Remove the files last written longer ago than that; how many they were."""
        limit, removed = time.time() - older_than_seconds, 0
        for path in self.root.glob("??/*"):
            with suppress(FileNotFoundError):  # somebody else was faster
                if path.stat().st_mtime < limit:
                    path.unlink()
                    removed += 1
        return removed

    def _create(self, suffix: str) -> tuple[str, Path]:
        file_id = f"{uuid4().hex}{suffix}"
        folder = self.root / file_id[:2]
        folder.mkdir(parents=True, exist_ok=True)
        return file_id, folder / file_id
