"""Where this machine's processes put files that are not to stay."""

import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

KEPT_SECONDS = 2 * 24 * 3600
"""What a process that was killed has left is removed after so long."""


def find_scratch() -> Path:
    """A folder that belongs to this user alone; the system's, for files that are not to stay."""
    folder = Path(tempfile.gettempdir()) / f"jobs-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or folder.is_symlink():  # somebody else was there before
        return Path(tempfile.mkdtemp(prefix="jobs-"))
    return folder


def make_folder(scratch: Path, name: str = "") -> Path:
    """An empty folder in that one; one of that name is emptied."""
    _remove_old(scratch)
    if not name:
        return Path(tempfile.mkdtemp(dir=scratch))
    folder = scratch / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    return folder


def _remove_old(scratch: Path) -> None:
    limit = time.time() - KEPT_SECONDS
    for path in scratch.iterdir():
        with suppress(OSError):  # another process was faster
            if path.stat().st_mtime < limit:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
