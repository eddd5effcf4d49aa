"""A folder that web servers and workers share, as the store's place."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

_STAGING, _SCRATCH = "incoming", "scratch"
"""Folders of what is not there as a whole yet, and of what jobs do not want to keep."""


class Folder:
    """Files by keys like `3f/3f…9a.webp`; its errors are OSErrors."""

    def __init__(self, root: str) -> None:
        self._root = Path(root)

    @property
    def staging(self) -> Path:
        """Where files are written: on the same disk, so that they need only be renamed."""
        folder = self._root / _STAGING
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def scratch(self) -> Path:
        """Where jobs put files that are not to stay: on the same disk, not in a small `/tmp`."""
        folder = self._root / _SCRATCH
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def path(self, key: str) -> Path:
        """Where that file would be."""
        return self._root / key

    def keep(self, part: Path, key: str) -> None:
        """Take in a file, which is moved."""
        target = self.path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        part.replace(target)

    def open(self, key: str) -> IO[bytes]:
        """Its content, seekable."""
        return self.path(key).open("rb")

    def fetch(self, key: str, target: Path) -> None:
        """Copy it."""
        shutil.copyfile(self.path(key), target)

    def find_size(self, key: str) -> int:
        """How many bytes it has."""
        return self.path(key).stat().st_size

    def remove(self, key: str) -> None:
        """Remove it; FileNotFoundError where somebody was faster."""
        self.path(key).unlink()

    def list_all(self) -> Iterator[tuple[str, float]]:
        """Each key, and when it was kept, seconds since 1970; what was never whole, too."""
        for path in (*self._root.glob("??/*"), *self._root.glob(f"{_STAGING}/*")):
            with suppress(FileNotFoundError):  # it has gone meanwhile
                if path.is_file():
                    yield path.relative_to(self._root).as_posix(), path.stat().st_mtime
