"""The folders where this machine's processes put temporary files."""

import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

KEPT_SECONDS = 2 * 24 * 3600
"""After this time, leftovers of killed processes are removed."""


def make_folder(scratch: Path, name: str = "") -> Path:
    """Make an empty folder in `scratch`; an existing folder of that name is emptied."""
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
