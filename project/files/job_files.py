"""What the code of one attempt sees of the files: read by id, write, and a folder of its own.

An attempt that fails leaves nothing behind: its folder goes, and so do the files it has made.
"""

import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from project.errors import UnavailableError
from project.files.scratch import make_folder
from project.files.store import FileStore

UNUSED_SECONDS = 24 * 3600
"""A file that no job holds is kept so long: its job may not have been submitted yet."""


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
        """An empty folder of the attempt's own; removed when it ends."""
        if self._folder is None:
            self._folder = make_folder(self._store.scratch, self._name)
        return self._folder

    def path(self, file_id: str) -> Path:
        """The file, to be read only; NotFoundError where there is none."""
        if self._store.is_local:
            return self._store.path(file_id)
        copy = self.folder / file_id
        return copy if copy.exists() else self._store.copy(file_id, self.folder)

    def size(self, file_id: str) -> int:
        """How many bytes it has; NotFoundError where there is none."""
        return self._store.size(file_id)

    def write(self, content: bytes, suffix: str) -> str:
        """Keep the bytes; the new file's id."""
        return self._note(self._store.write(content, suffix))

    def add(self, path: Path, suffix: str = "") -> str:
        """Keep a file of `folder`, which is moved; the new file's id."""
        return self._note(self._store.add(path, suffix))

    def sweep(self) -> int:
        """Remove the files that no job holds (any more); how many they were."""
        return len(self._store.sweep(UNUSED_SECONDS, self._find_held))

    def close(self, *, is_to_keep: bool) -> None:
        """The attempt is over; unless it has succeeded, what it has made goes."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        if not is_to_keep:
            for file_id in self._made:
                with suppress(UnavailableError):  # the sweep will see to it
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
    """The files of one attempt, until it ends."""
    files, is_to_keep = JobFiles(store, name, hold, find_held), False
    try:
        yield files
        is_to_keep = True
    finally:
        files.close(is_to_keep=is_to_keep)
