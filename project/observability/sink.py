"""The log file: shared by all processes of a role, one write per line, safe to rename.

O_APPEND with one `write` a line keeps lines of many processes whole on a local file system. The
file's identity is checked before each write, so a rotated (renamed) file is left without a signal.
"""

import os
import sys
from pathlib import Path


class LogFile:
    """Appends lines to a file. A line that cannot be written goes to stderr; nothing is raised."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._identity: tuple[int, int] | None = None

    def write(self, line: bytes) -> None:
        """Append one line, which ends in a line feed."""
        try:
            self._follow_rename()
            written = os.write(self._descriptor, line)
            if written != len(line):  # a disk that is nearly full takes a part
                sys.stderr.buffer.write(line)
        except OSError:
            sys.stderr.buffer.write(line)
            sys.stderr.buffer.flush()

    def _follow_rename(self) -> None:
        try:
            found = self._path.stat()
            identity: tuple[int, int] | None = (found.st_dev, found.st_ino)
        except FileNotFoundError:
            identity = None
        if self._descriptor < 0 or identity != self._identity:
            self._open()

    def _open(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(
            self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644
        )
        found = os.fstat(self._descriptor)
        self._identity = (found.st_dev, found.st_ino)
