"""The store: a folder that web servers and workers share, or a bucket (by fsspec).

An id is 32 hex digits and a suffix, `3f…9a.webp`; the suffix tells the type. No path or name from a
client is ever used. A file is there as a whole or not at all, and never changes.
"""

import re
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from project.errors import NotFoundError, TooLargeError
from project.files.scratch import find_scratch
from project.files.types import HEAD_BYTES, TYPES, FileType, find_type

CHUNK_BYTES = 1024 * 1024
SWEPT_AT_ONCE = 500
_ID = re.compile(r"[0-9a-f]{32}(\.[a-z]{3,7})")
_STAGING = "incoming"
"""Folder of what is not there as a whole yet."""


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

    A bucket's errors are OSErrors, or its library's own.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._opened: tuple[Any, str] | None = None

    def take(self, stream: IO[bytes], max_bytes: int | None = None, suffix: str = "") -> StoredFile:
        """Keep what somebody sends; its type is found from its bytes, unless a suffix is given.

        TooLargeError where there are more bytes than that. A failed copy leaves nothing behind.
        """
        with self._stage() as part:
            with part.open("xb") as copy:
                size, head = _copy(stream, copy, max_bytes)
            found = TYPES[suffix] if suffix else find_type(head)
            return StoredFile(self._keep(part, found.suffix), found, size)

    def write(self, content: bytes, suffix: str) -> str:
        """Keep the bytes; the new file's id."""
        with self._stage() as part:
            part.write_bytes(content)
            return self._keep(part, suffix)

    def add(self, path: Path, suffix: str = "") -> str:
        """Keep a local file, which is moved; the new file's id. Its own suffix counts, or that."""
        with self._stage() as part:
            shutil.move(path, part)
            return self._keep(part, suffix or path.suffix)

    def open(self, file_id: str) -> IO[bytes]:
        """The file's content, seekable; NotFoundError where there is none."""
        filesystem, address = self._locate(file_id)
        try:
            content: IO[bytes] = filesystem.open(address, "rb")
        except FileNotFoundError as error:
            raise _no_file() from error
        return content

    def path(self, file_id: str) -> Path:
        """Where the file is on this machine; NotFoundError where there is none.

        Only of a store in a folder: see `is_local`.
        """
        _, address = self._locate(file_id)
        if not Path(address).is_file():
            raise _no_file()
        return Path(address)

    def copy(self, file_id: str, folder: Path) -> Path:
        """A copy of the file in that folder; NotFoundError where there is none."""
        filesystem, address = self._locate(file_id)
        target = folder / file_id
        try:
            filesystem.get_file(address, str(target))
        except FileNotFoundError as error:
            raise _no_file() from error
        return target

    def type(self, file_id: str) -> FileType:
        """The type that the id's suffix stands for; NotFoundError where it stands for none."""
        self._locate(file_id)
        return TYPES[file_id[file_id.index(".") :]]

    def size(self, file_id: str) -> int:
        """How many bytes it has; NotFoundError where there is none."""
        filesystem, address = self._locate(file_id)
        try:
            return int(filesystem.size(address))
        except FileNotFoundError as error:
            raise _no_file() from error

    def delete(self, file_id: str) -> None:
        """Remove the file; one that is gone already is no error."""
        filesystem, address = self._locate(file_id)
        with suppress(FileNotFoundError):
            filesystem.rm_file(address)

    def sweep(
        self, older_than_seconds: float, find_held: Callable[[Collection[str]], set[str]]
    ) -> list[str]:
        """Remove the files that were kept longer ago than that and that no job holds; their ids.

        What was never kept as a whole goes, too.
        """
        removed: list[str] = []
        limit = time.time() - older_than_seconds
        for batch in _batches(self._list_older(limit)):
            held = find_held(batch.keys())
            for file_id, address in batch.items():
                if file_id not in held:
                    with suppress(FileNotFoundError):  # somebody else was faster
                        self._filesystem.rm_file(address)
                        removed.append(file_id)
        return removed

    @property
    def is_local(self) -> bool:
        """Whether the store is a folder."""
        return "file" in _as_tuple(self._filesystem.protocol)

    # ── Where files are ────────────────────────────────────────────────────────────────────────

    @property
    def _filesystem(self) -> Any:
        return self._open_store()[0]

    @property
    def _root(self) -> str:
        return self._open_store()[1]

    def _open_store(self) -> tuple[Any, str]:
        """At first use: a bucket's library is large."""
        if self._opened is None:
            from fsspec.core import url_to_fs  # noqa: PLC0415

            filesystem, root = url_to_fs(self.url)
            self._opened = filesystem, str(root).rstrip("/")
        return self._opened

    def _locate(self, file_id: str) -> tuple[Any, str]:
        if not is_file_id(file_id):
            raise _no_file()
        return self._filesystem, f"{self._root}/{file_id[:2]}/{file_id}"

    @contextmanager
    def _stage(self) -> Iterator[Path]:
        """A path for a file that is not there as a whole yet."""
        folder = Path(self._root) / _STAGING if self.is_local else find_scratch()
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / uuid4().hex
        try:
            yield part
        finally:
            part.unlink(missing_ok=True)

    def _keep(self, part: Path, suffix: str) -> str:
        file_id = f"{uuid4().hex}{suffix}"
        filesystem, address = self._locate(file_id)
        if self.is_local:
            Path(address).parent.mkdir(parents=True, exist_ok=True)
            part.replace(address)
        else:
            filesystem.put_file(str(part), address)
        return file_id

    def _list_older(self, limit: float) -> Iterator[tuple[str, str]]:
        """Id and address of the files that were kept before that time, seconds since 1970."""
        found = self._filesystem.find(self._root, detail=True)
        for address, details in found.items():
            if _kept_at(details) < limit:
                yield address.rpartition("/")[2], address


def _copy(stream: IO[bytes], copy: IO[bytes], max_bytes: int | None) -> tuple[int, bytes]:
    """The stream's size and first bytes."""
    size, head = 0, b""
    while chunk := stream.read(CHUNK_BYTES):
        head = head or chunk[:HEAD_BYTES]
        size += len(chunk)
        if max_bytes is not None and size > max_bytes:
            raise TooLargeError(f"At most {max_bytes:,} bytes are taken: send a smaller file.")
        copy.write(chunk)
    return size, head


def _batches(files: Iterator[tuple[str, str]]) -> Iterator[dict[str, str]]:
    batch: dict[str, str] = {}
    for file_id, address in files:
        batch[file_id] = address
        if len(batch) == SWEPT_AT_ONCE:
            yield batch
            batch = {}
    if batch:
        yield batch


def _kept_at(details: dict[str, Any]) -> float:
    """Seconds since 1970; a folder's entry has `mtime`, a bucket's `LastModified`."""
    moment: Any = details["mtime" if "mtime" in details else "LastModified"]
    return float(moment.timestamp() if isinstance(moment, datetime) else moment)


def _as_tuple(protocol: Any) -> tuple[str, ...]:
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)


def _no_file() -> NotFoundError:
    return NotFoundError("There is no such file; it may have expired.")
