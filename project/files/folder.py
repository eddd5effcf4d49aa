"""A folder that web servers and workers share, as the store's place."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

_STAGING, _SCRATCH = "incoming", "scratch"
"""Folders for incomplete files, and for temporary files of jobs."""


class Folder:
    """Files by keys like `3f/3f…9a.webp`; its errors are OSErrors."""

    def __init__(self, root: str) -> None:
        self._root = Path(root)

    @property
    def staging(self) -> Path:
        """Where files are written first: on the same disk, so that they need only be renamed."""
        folder = self._root / _STAGING
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def scratch(self) -> Path:
        """Where jobs put temporary files: on the same disk, not in a small `/tmp`."""
        folder = self._root / _SCRATCH
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def path(self, key: str) -> Path:
        """The path for that key, whether or not the file exists."""
        return self._root / key

    def keep(self, part: Path, key: str) -> None:
        """Move a file into the folder."""
        target = self.path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        part.replace(target)

    def open(self, key: str) -> IO[bytes]:
        """The file's content, seekable."""
        return self.path(key).open("rb")

    def fetch(self, key: str, target: Path) -> None:
        """Copy the file to `target`."""
        shutil.copyfile(self.path(key), target)

    def find_size(self, key: str) -> int:
        """The file's size in bytes."""
        return self.path(key).stat().st_size

    def remove(self, key: str) -> None:
        """Remove the file; FileNotFoundError if another process was faster."""
        self.path(key).unlink()

    def list_all(self) -> Iterator[tuple[str, float]]:
        """Yield each key and its time in seconds since 1970, incomplete files included."""
        for path in (*self._root.glob("??/*"), *self._root.glob(f"{_STAGING}/*")):
            with suppress(FileNotFoundError):  # it was removed meanwhile
                if path.is_file():
                    yield path.relative_to(self._root).as_posix(), path.stat().st_mtime
