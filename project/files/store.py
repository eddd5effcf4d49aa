"""The store: a folder that web servers and workers share, or a bucket.

An id is 32 hex digits and a suffix, `3f…9a.webp`; the suffix tells the type. No path or name from a
client is ever used. A file is there as a whole or not at all, and never changes.
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
from project.files.bucket import Bucket
from project.files.folder import Folder
from project.files.types import HEAD_BYTES, TYPES, FileType, find_type

SCRATCH = Path("data/scratch")
CHUNK_BYTES = 1024 * 1024
SWEPT_AT_ONCE = 500
_ID = re.compile(r"[0-9a-f]{32}(\.[a-z]{3,7})")
_BUCKET = "s3://"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that was just taken in."""

    id: str
    type: FileType
    size_bytes: int


def is_file_id(text: str) -> bool:
    """Whether a file could have that id."""
    match = _ID.fullmatch(text)
    return match is not None and match[1] in TYPES


class FileStore:
    """Files in the folder or bucket at `url`: a path, or as in `s3://bucket/folder`.

    What is on its way to a bucket, or needed a while beside one, lies in the folder `scratch`.
    UnavailableError where the disk is full or the bucket does not answer.
    """

    def __init__(self, url: str, scratch: Path = SCRATCH) -> None:
        self.url = url
        self._place = Bucket(url, scratch) if url.startswith(_BUCKET) else Folder(url)

    def take(self, stream: IO[bytes], max_bytes: int | None = None, suffix: str = "") -> StoredFile:
        """Keep what somebody sends; its type is found from its bytes, unless a suffix is given.

        TooLargeError where there are more bytes than that. A failed copy leaves nothing behind.
        """
        with self._stage() as part:
            size, head = _copy(stream, part, max_bytes)
            found = TYPES[suffix] if suffix else find_type(head)
            return StoredFile(self._keep(part, found.suffix), found, size)

    def write(self, content: bytes, suffix: str) -> str:
        """Keep the bytes; the new file's id."""
        with self._stage() as part:
            with _asking():
                part.write_bytes(content)
            return self._keep(part, suffix)

    def add(self, path: Path, suffix: str = "") -> str:
        """Keep a local file, which is moved; the new file's id. Its own suffix counts, or that."""
        suffix = suffix or path.suffix
        with self._stage() as part:
            with _asking():
                shutil.move(path, part)
            return self._keep(part, suffix)

    def open(self, file_id: str) -> IO[bytes]:
        """The file's content, seekable; NotFoundError where there is none."""
        with _asking():
            return self._place.open(_key(file_id))

    def path(self, file_id: str) -> Path:
        """Where the file is on this machine; NotFoundError where there is none.

        Only of a store in a folder: see `is_local`.
        """
        key = _key(file_id)
        if not isinstance(self._place, Folder) or not self._place.path(key).is_file():
            raise _no_file()
        return self._place.path(key)

    def copy(self, file_id: str, folder: Path) -> Path:
        """A copy of the file in that folder; NotFoundError where there is none."""
        target = folder / file_id
        with _asking():
            self._place.fetch(_key(file_id), target)
        return target

    def type(self, file_id: str) -> FileType:
        """The type that the id's suffix stands for; NotFoundError where it stands for none."""
        _key(file_id)
        return TYPES[file_id[file_id.index(".") :]]

    def size(self, file_id: str) -> int:
        """How many bytes it has; NotFoundError where there is none."""
        with _asking():
            return self._place.find_size(_key(file_id))

    def delete(self, file_id: str) -> None:
        """Remove the file; one that is gone already is no error."""
        with suppress(NotFoundError), _asking():
            self._place.remove(_key(file_id))

    def sweep(
        self, older_than_seconds: float, find_held: Callable[[Collection[str]], set[str]]
    ) -> list[str]:
        """Remove the files that were kept longer ago than that and that no job holds; their ids.

        What was never kept as a whole goes, too.
        """
        removed: list[str] = []
        limit = time.time() - older_than_seconds
        with _asking():
            for batch in _batches(self._list_older(limit)):
                held = find_held(batch.keys())
                for file_id, key in batch.items():
                    if file_id not in held:
                        with suppress(FileNotFoundError):  # somebody else was faster
                            self._place.remove(key)
                            removed.append(file_id)
        return removed

    @property
    def scratch(self) -> Path:
        """Where jobs put files that are not to stay."""
        return self._place.scratch

    @property
    def staging(self) -> Path:
        """Where files are that are not there as a whole yet."""
        with _asking():
            return self._place.staging

    @property
    def is_local(self) -> bool:
        """Whether the store is a folder."""
        return isinstance(self._place, Folder)

    @contextmanager
    def _stage(self) -> Iterator[Path]:
        """A path for a file that is not there as a whole yet."""
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
        """Id and key of the files that were kept before that time, seconds since 1970."""
        for key, kept_at in self._place.list_all():
            if kept_at < limit:
                yield key.rpartition("/")[2], key


@contextmanager
def _asking() -> Iterator[None]:
    """The place's errors in our words; the log has its own."""
    try:
        yield
    except FileNotFoundError as error:
        raise _no_file() from error
    except OSError as error:
        _log.warning("file_store_unavailable", reason=str(error))
        raise UnavailableError("The file store") from error


def _key(file_id: str) -> str:
    """Where in its place the file is."""
    if not is_file_id(file_id):
        raise _no_file()
    return f"{file_id[:2]}/{file_id}"


def _copy(stream: IO[bytes], part: Path, max_bytes: int | None) -> tuple[int, bytes]:
    """The stream's size and first bytes. An error of its own is no error of the store's."""
    size, head = 0, b""
    with _asking():
        copy = part.open("xb", buffering=0)
    with copy:
        while chunk := stream.read(CHUNK_BYTES):
            head += chunk[: HEAD_BYTES - len(head)]
            size += len(chunk)
            if max_bytes is not None and size > max_bytes:
                raise TooLargeError(f"At most {max_bytes:,} bytes are taken: send a smaller file.")
            with _asking():
                _write_all(copy, chunk)
    return size, head


def _write_all(copy: IO[bytes], chunk: bytes) -> None:
    """A disk that is nearly full takes a part, and says so with the next one."""
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
