"""The log file: shared by all processes of a role, one write per line, rotated by rename.

A writer appends each line under a lock that all writers of the file share (`flock`), because a
write is not atomic: a process that is killed during a write leaves a torn end, and the next line
would be joined to it. Measured on ext4 with Linux 6.18: of 400 processes that wrote lines of 300
bytes in a loop, 19 left a torn end when they were killed; of lines of 20 KB, 294. Under the lock a
writer sees a torn end and blanks it before it appends.

A writer checks the file's identity for each line, so it leaves a file that we or logrotate renamed
without needing a signal. A rotated name ends in the time of the rotation and never changes again:
a shipper that has read half of a file recognises it by its name and inode.

Local file systems only: NFS supports neither the lock nor the append.
"""

import fcntl
import glob
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

LOCK_SECONDS = 0.05
"""How long to wait for the lock before writing without it: a halted writer may hold the lock."""
HURRY_SECONDS = 1.0
"""How long, after a wait in vain, a process does not wait for the lock again."""
TRIES = 100
"""A limit for file systems whose files change identity each time: a request must not hang."""
_LOCK_PAUSE_SECONDS = 0.0002
_TRY_LOCK = fcntl.LOCK_EX | fcntl.LOCK_NB

_FIRST_TIME = re.compile(rb'\{"@timestamp":"([0-9T:.-]{19,26}Z)"')
_STAMP = "%Y%m%dT%H%M%S.%fZ"
_ROTATED = re.compile(r"\.\d{8}T\d{6}\.\d{6}Z")
_CHUNK = 1 << 16
_RETRY_SECONDS = 60
"""How long to wait before retrying a failed rename (of a file in a read-only folder)."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a file is rotated, and how many rotated files are kept. 0 bytes: we never rotate."""

    max_bytes: int = 0
    max_age_seconds: float = 86_400
    kept: int = 10


class _Gathered(threading.local):
    """Lines that a thread, or greenlet, has not written yet."""

    lines: "dict[LogFile, list[bytes]] | None" = None


_gathered = _Gathered()


class _Together:
    """A block of `lines_together`. A class, because every job has one."""

    __slots__ = ("_is_outer",)

    def __enter__(self) -> None:
        self._is_outer = _gathered.lines is None  # an inner block's lines wait for the outer's end
        if self._is_outer:
            _gathered.lines = {}

    def __exit__(self, *_: object) -> None:
        if self._is_outer:
            lines, _gathered.lines = _gathered.lines, None
            _write_all(lines or {})


def lines_together() -> AbstractContextManager[None]:
    """Write the lines that this thread logs in the block at its end, one write per file.

    The block must not wait for anything: its lines are missing while it lasts, and lost if the
    process is killed in it.
    """
    return _Together()


def write_lines() -> None:
    """Write the lines that this thread has gathered so far, because the block is about to wait."""
    lines = _gathered.lines
    if lines:
        _gathered.lines = {}
        _write_all(lines)


def _write_all(lines: "dict[LogFile, list[bytes]]") -> None:
    gathered, _gathered.lines = _gathered.lines, None
    for file, own in lines.items():
        file.write(b"".join(own))
    _gathered.lines = gathered


class LogFile:
    """Appends lines to a file. A line that cannot be written goes to stderr; never raises."""

    def __init__(self, path: Path, rotation: Rotation | None = None) -> None:
        self._path = path
        self._name = str(path)
        self._rotation = rotation or Rotation()
        self._descriptor = -1
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        """Make a forked process reopen the file: its parent's descriptor would share the lock."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1
        self._identity = (0, 0)
        self._end = -1
        self._due_at = float("inf")
        self._try_at = float("-inf")
        self._hurry_until = float("-inf")

    def write(self, line: bytes) -> None:
        """Append one or more lines, each of which ends in a line feed."""
        if _gathered.lines is not None:
            _gathered.lines.setdefault(self, []).append(line)
            return
        try:
            for _ in range(TRIES):  # whenever the file was rotated, the next try opens a new one
                if self._try_write(line):
                    return
        except OSError:
            pass
        _write_to_stderr(line)

    def _try_write(self, line: bytes) -> bool:
        """Whether the line went to the file that currently has the name."""
        if self._descriptor < 0:
            self._open()
        is_alone = self._lock()
        try:
            size = self._find_size()
            if size < 0:
                self._open()
                return False
            if size != self._end:
                size = self._mend(size)
            if is_alone and size and self._is_due(size + len(line)) and self._set_aside():
                return False
            written = os.write(self._descriptor, line)
            self._end = size + written if written == len(line) else -1
        finally:
            if is_alone:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        if written != len(line):  # a nearly full disk accepts part of the line
            _write_to_stderr(line)
        return True

    # ── The file of that name ──────────────────────────────────────────────────────────────────

    def _find_size(self) -> int:
        """The file's size in bytes; -1 if its name now belongs to another file or to none."""
        try:
            found = os.stat(self._name)  # noqa: PTH116 - Path.stat takes three times as long
        except FileNotFoundError:
            return -1
        return found.st_size if (found.st_dev, found.st_ino) == self._identity else -1

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        opened = os.open(self._name, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        if self._descriptor < 0:
            self._descriptor = opened
        else:  # the number stays the same: another thread may be about to write to it
            os.dup2(opened, self._descriptor, inheritable=False)
            os.close(opened)
        found = os.fstat(self._descriptor)
        self._identity = (found.st_dev, found.st_ino)
        self._end = -1
        self._due_at = self._find_start() + self._rotation.max_age_seconds

    def _find_start(self) -> float:
        """When the file's first line was written, seconds since 1970."""
        match = _FIRST_TIME.match(os.pread(self._descriptor, 64, 0))
        try:
            return datetime.fromisoformat(match[1].decode()).timestamp() if match else time.time()
        except ValueError:
            return time.time()

    # ── Whole lines ────────────────────────────────────────────────────────────────────────────

    def _lock(self) -> bool:
        """Whether this process holds the lock, so that no other one appends until its release."""
        give_up_at = 0.0
        while True:
            try:
                fcntl.flock(self._descriptor, _TRY_LOCK)
            except BlockingIOError:
                now = time.monotonic()
                give_up_at = give_up_at or now + (0 if now < self._hurry_until else LOCK_SECONDS)
                if now >= give_up_at:
                    self._hurry_until = now + HURRY_SECONDS
                    return False
                time.sleep(_LOCK_PAUSE_SECONDS)
            except OSError:  # a file system without locks
                return False
            else:
                return True

    def _mend(self, size: int) -> int:
        """End and blank a torn line, if the file ends in one; the file's size in bytes."""
        if not size or os.pread(self._descriptor, 1, size - 1) == b"\n":
            return size
        # The line feed comes first: a shipper that already has the torn part then finds its end.
        os.write(self._descriptor, b"\n")
        self._make_blank(self._find_line_start(size), size)
        return size + 1

    def _find_line_start(self, end: int) -> int:
        while end > 0:
            begin = max(0, end - _CHUNK)
            found = os.pread(self._descriptor, end - begin, begin).rfind(b"\n")
            if found >= 0:
                return begin + found + 1
            end = begin
        return 0

    def _make_blank(self, start: int, end: int) -> None:
        # Use a descriptor that does not append: Linux ignores positions on appending descriptors.
        patch = os.open(f"/proc/self/fd/{self._descriptor}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.pwrite(patch, b" " * (end - start), start)
        finally:
            os.close(patch)

    # ── Rotation ───────────────────────────────────────────────────────────────────────────────

    def _is_due(self, size: int) -> bool:
        if not self._rotation.max_bytes:
            return False
        return size > self._rotation.max_bytes or time.time() >= self._due_at

    def _set_aside(self) -> bool:
        """Rename the file while holding the lock; whether the next line goes to another file."""
        if time.monotonic() < self._try_at:
            return False
        try:
            found = os.stat(self._name)  # noqa: PTH116
            if (found.st_dev, found.st_ino) == self._identity:
                self._path.rename(self._find_free_name())
                self._remove_oldest()
        except FileNotFoundError:
            pass  # another process was faster
        except OSError:
            self._try_at = time.monotonic() + _RETRY_SECONDS
            return False
        return True

    def _find_free_name(self) -> Path:
        while True:
            path = self._path.with_name(f"{self._path.name}.{datetime.now(UTC):{_STAMP}}")
            if not path.exists():
                return path

    def _remove_oldest(self) -> None:
        rotated = sorted(
            path
            for path in self._path.parent.glob(f"{glob.escape(self._path.name)}.*")
            if _ROTATED.fullmatch(path.name.removeprefix(self._path.name))
        )
        for path in (*rotated[: -self._rotation.kept or None], *self._find_left_behind()):
            path.unlink(missing_ok=True)

    def _find_left_behind(self) -> Iterator[Path]:
        """Files of the role's other hosts, long unwritten: each new container has a new name."""
        role = self._path.name.partition(".")[0]
        long_ago = time.time() - self._rotation.kept * self._rotation.max_age_seconds
        for path in self._path.parent.glob(f"{role}.*.jsonl*"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < long_ago:
                    yield path


def _write_to_stderr(line: bytes) -> None:
    """Write to descriptor 2: `sys.stderr` may itself be turned into lines."""
    with suppress(OSError):
        os.write(2, line)
