"""The store: a folder that web servers and workers share, or a bucket.

An id is 32 hex digits and a suffix, `3f…9a.webp`; the suffix stands for the type. The store never
uses a client's path or name. It has a file completely or not at all, and a file never changes.
"""

import re
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import uuid4

import structlog

from project.errors import NotFoundError, TooLargeError, UnavailableError
from project.file_types import HEAD_BYTES, TYPES, FileType, find_type
from project.files.bucket import Bucket
from project.files.folder import Folder

SCRATCH = Path("data/scratch")
CHUNK_BYTES = 1024 * 1024
SWEPT_AT_ONCE = 500
_ID = re.compile(r"[0-9a-f]{32}(\.[a-z]{3,7})")
_BUCKET = "s3://"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that was just stored."""

    id: str
    type: FileType
    size_bytes: int


def is_file_id(text: str) -> bool:
    """Whether the text has the form of a file's id."""
    match = _ID.fullmatch(text)
    return match is not None and match[1] in TYPES


class FileStore:
    """Files in the folder or bucket at `url`: a path, or `s3://bucket/folder`.

    With a bucket, the folder `scratch` holds uploads in progress and temporary files. Methods raise
    UnavailableError if the disk is full or the bucket does not answer.
    """

    def __init__(self, url: str, scratch: Path = SCRATCH) -> None:
        self.url = url
        self._place = Bucket(url, scratch) if url.startswith(_BUCKET) else Folder(url)

    def take(self, stream: IO[bytes], max_bytes: int | None = None, suffix: str = "") -> StoredFile:
        """Store an upload; unless a suffix is given, its bytes decide its type.

        TooLargeError if it has more than `max_bytes`. A failed copy leaves nothing behind.
        """
        with self._stage() as part:
            size, head = _copy(stream, part, max_bytes)
            found = TYPES[suffix] if suffix else find_type(head)
            return StoredFile(self._keep(part, found.suffix), found, size)

    def write(self, content: bytes, suffix: str) -> str:
        """Store the bytes; returns the new file's id."""
        with self._stage() as part:
            with _asking():
                part.write_bytes(content)
            return self._keep(part, suffix)

    def add(self, path: Path, suffix: str = "") -> str:
        """Move a local file to the store; returns its id. `suffix` replaces the file's own."""
        suffix = suffix or path.suffix
        with self._stage() as part:
            with _asking():
                shutil.move(path, part)
            return self._keep(part, suffix)

    def open(self, file_id: str) -> IO[bytes]:
        """The file's content, seekable; NotFoundError if there is no such file."""
        with _asking():
            return self._place.open(_key(file_id))

    def path(self, file_id: str) -> Path:
        """The file's path on this machine; NotFoundError if there is no such file.

        Works only if the store is a folder: see `is_local`.
        """
        key = _key(file_id)
        if not isinstance(self._place, Folder) or not self._place.path(key).is_file():
            raise _no_file()
        return self._place.path(key)

    def copy(self, file_id: str, folder: Path) -> Path:
        """Copy the file to that folder; NotFoundError if there is no such file."""
        target = folder / file_id
        with _asking():
            self._place.fetch(_key(file_id), target)
        return target

    def type(self, file_id: str) -> FileType:
        """The type that the id's suffix stands for; NotFoundError if the id is invalid."""
        _key(file_id)
        return TYPES[file_id[file_id.index(".") :]]

    def size(self, file_id: str) -> int:
        """The file's size in bytes; NotFoundError if there is no such file."""
        with _asking():
            return self._place.find_size(_key(file_id))

    def delete(self, file_id: str) -> None:
        """Remove the file; a missing file is no error."""
        with suppress(NotFoundError), _asking():
            self._place.remove(_key(file_id))

    def sweep(
        self, older_than_seconds: float, find_held: Callable[[Collection[str]], set[str]]
    ) -> list[str]:
        """Remove the files older than `older_than_seconds` that no job holds; returns their ids.

        Also removes files that were never completed.
        """
        removed: list[str] = []
        limit = time.time() - older_than_seconds
        with _asking():
            for batch in _batches(self._list_older(limit)):
                held = find_held(batch.keys())
                for file_id, key in batch.items():
                    if file_id not in held:
                        with suppress(FileNotFoundError):  # another process was faster
                            self._place.remove(key)
                            removed.append(file_id)
        return removed

    @property
    def scratch(self) -> Path:
        """Where jobs put temporary files."""
        return self._place.scratch

    @property
    def staging(self) -> Path:
        """Where incomplete files are written."""
        with _asking():
            return self._place.staging

    @property
    def is_local(self) -> bool:
        """Whether the store is a folder."""
        return isinstance(self._place, Folder)

    @contextmanager
    def _stage(self) -> Iterator[Path]:
        """A path for an incomplete file, which is removed at the end."""
        part = self.staging / uuid4().hex
        try:
            yield part
        finally:
            part.unlink(missing_ok=True)

    def _keep(self, part: Path, suffix: str) -> str:
        file_id = f"{uuid4().hex}{suffix}"
        with _asking():
            self._place.keep(part, _key(file_id))
        return file_id

    def _list_older(self, limit: float) -> Iterator[tuple[str, str]]:
        """Yield id and key of the files stored before that time, in seconds since 1970."""
        for key, kept_at in self._place.list_all():
            if kept_at < limit:
                yield key.rpartition("/")[2], key


@contextmanager
def _asking() -> Iterator[None]:
    """Turn the place's errors into ours; the log has the original."""
    try:
        yield
    except FileNotFoundError as error:
        raise _no_file() from error
    except OSError as error:
        _log.warning("file_store_unavailable", reason=str(error))
        raise UnavailableError("The file store") from error


def _key(file_id: str) -> str:
    """The file's key in the folder or bucket."""
    if not is_file_id(file_id):
        raise _no_file()
    return f"{file_id[:2]}/{file_id}"


def _copy(stream: IO[bytes], part: Path, max_bytes: int | None) -> tuple[int, bytes]:
    """Copy the stream; returns its size and first bytes. The stream's own errors pass through."""
    size, head = 0, b""
    with _asking():
        copy = part.open("xb", buffering=0)
    with copy:
        while chunk := stream.read(CHUNK_BYTES):
            head += chunk[: HEAD_BYTES - len(head)]
            size += len(chunk)
            if max_bytes is not None and size > max_bytes:
                raise TooLargeError(f"Files may be at most {max_bytes:,} bytes.")
            with _asking():
                _write_all(copy, chunk)
    return size, head


def _write_all(copy: IO[bytes], chunk: bytes) -> None:
    """Write everything; a nearly full disk accepts a part and raises at the next write."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[copy.write(rest) :]


def _batches(files: Iterator[tuple[str, str]]) -> Iterator[dict[str, str]]:
    batch: dict[str, str] = {}
    for file_id, address in files:
        batch[file_id] = address
        if len(batch) == SWEPT_AT_ONCE:
            yield batch
            batch = {}
    if batch:
        yield batch


def _no_file() -> NotFoundError:
    return NotFoundError("There is no such file; it may have expired.")
