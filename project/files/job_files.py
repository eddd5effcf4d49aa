"""The files of one attempt, for a job's code: read by id, write, and the attempt's own folder.

A failed attempt leaves nothing behind: its folder and the files it has made are removed.
"""

import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from project.errors import UnavailableError
from project.files.scratch import make_folder
from project.files.store import FileStore

UNUSED_SECONDS = 24 * 3600
"""How long a file that no job holds is kept: its job may not have been submitted yet."""


class JobFiles:
    """The files of one attempt. `hold` ties a new file to its job, so that both expire together."""

    def __init__(
        self,
        store: FileStore,
        name: str = "",
        hold: Callable[[str], None] | None = None,
        find_held: Callable[[Collection[str]], set[str]] = set,
    ) -> None:
        self._store = store
        self._name = name
        self._hold = hold
        self._find_held = find_held
        self._made: list[str] = []
        self._folder: Path | None = None

    @property
    def folder(self) -> Path:
        """The attempt's own folder, empty at its start and removed at its end."""
        if self._folder is None:
            self._folder = make_folder(self._store.scratch, self._name)
        return self._folder

    def path(self, file_id: str) -> Path:
        """The path of the file, for reading only; NotFoundError if there is no such file."""
        if self._store.is_local:
            return self._store.path(file_id)
        copy = self.folder / file_id
        return copy if copy.exists() else self._store.copy(file_id, self.folder)

    def size(self, file_id: str) -> int:
        """The file's size in bytes; NotFoundError if there is no such file."""
        return self._store.size(file_id)

    def write(self, content: bytes, suffix: str) -> str:
        """Store the bytes; returns the new file's id."""
        return self._note(self._store.write(content, suffix))

    def add(self, path: Path, suffix: str = "") -> str:
        """Move a file from `folder` to the store; returns the new file's id."""
        return self._note(self._store.add(path, suffix))

    def sweep(self) -> int:
        """Remove the files that no job holds; returns how many were removed."""
        return len(self._store.sweep(UNUSED_SECONDS, self._find_held))

    def close(self, *, is_to_keep: bool) -> None:
        """End the attempt; unless `is_to_keep`, remove the files it has made."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        if not is_to_keep:
            for file_id in self._made:
                with suppress(UnavailableError):  # the sweep removes it later
                    self._store.delete(file_id)

    def _note(self, file_id: str) -> str:
        self._made.append(file_id)
        if self._hold is not None:
            self._hold(file_id)
        return file_id


@contextmanager
def open_files(
    store: FileStore,
    name: str = "",
    hold: Callable[[str], None] | None = None,
    find_held: Callable[[Collection[str]], set[str]] = set,
) -> Iterator[JobFiles]:
    """The files of one attempt, closed at its end."""
    files, is_to_keep = JobFiles(store, name, hold, find_held), False
    try:
        yield files
        is_to_keep = True
    finally:
        files.close(is_to_keep=is_to_keep)
