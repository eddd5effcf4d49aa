"""The journal of a storm's jobs: what really ran, told by the jobs themselves.

Each line is one `write` to a file opened with O_APPEND, so it is whole whoever writes beside it:

    start <token> <its moment> <attempt> <pid> <alone or beside>
    end   <token> <its start's moment> <its moment> <done or raised>

A moment is CLOCK_MONOTONIC in nanoseconds, which all processes and containers of a machine share.
A run holds a lock on a byte of a second file, at the offset that is its token. The kernel lets go
of it at the very moment the process ends, even by SIGKILL, so `beside` means that another run of
that token still lived: no death has to be guessed from outside. A frozen process holds it, too.
"""

import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

LINES = "runs"
LOCKS = "locks"


@dataclass(frozen=True)
class Run:
    """One run of the job that was submitted with a token."""

    token: int
    attempt: int
    pid: int
    started_ns: int
    ended_ns: int | None = None
    """None where its process died, or is still at it."""
    is_done: bool = False
    """It came to its end, and raised nothing."""
    is_beside_another: bool = False
    """At its start another run of the same token still lived."""

    def overlaps(self, other: "Run") -> bool:
        """Whether both have run at one moment, as far as their own lines tell."""
        if self.ended_ns is None or other.ended_ns is None:
            return False  # the locks know
        return self.started_ns < other.ended_ns and other.started_ns < self.ended_ns


class Journal:
    """The journal in a folder that the harness and all of its workers share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lines = folder / LINES
        self._locks = folder / LOCKS

    def make(self) -> None:
        """Make its files, for whatever user the workers are."""
        for path in (self._lines, self._locks):
            path.touch()
            path.chmod(0o666)

    @contextmanager
    def run(self, token: int, attempt: int) -> Iterator[None]:
        """Note the start of a run, and its end unless the process dies before."""
        with self._locks.open("r+b") as locks:
            beside = "alone" if _try_lock(locks.fileno(), token) else "beside"
            started_ns = time.monotonic_ns()
            self._write(f"start {token} {started_ns} {attempt} {os.getpid()} {beside}")
            how = "raised"
            try:
                yield
                how = "done"
            finally:
                self._write(f"end {token} {started_ns} {time.monotonic_ns()} {how}")

    def read(self) -> list[Run]:
        """All runs so far, in the order of their starts."""
        return parse(self._lines.read_text().rpartition("\n")[0].splitlines())

    def _write(self, line: str) -> None:
        descriptor = os.open(self._lines, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            os.write(descriptor, f"{line}\n".encode())
        finally:
            os.close(descriptor)


def parse(lines: Iterable[str]) -> list[Run]:
    """The runs that the lines tell of."""
    runs: dict[tuple[str, str], Run] = {}
    for line in lines:
        what, token, started_ns, *told = line.split()
        key = (token, started_ns)
        if what == "start":
            attempt, pid, how = told
            beside = how == "beside"
            runs[key] = Run(
                int(token), int(attempt), int(pid), int(started_ns), is_beside_another=beside
            )
        else:
            ended_ns, how = told
            runs[key] = replace(runs[key], ended_ns=int(ended_ns), is_done=how == "done")
    return list(runs.values())


def _try_lock(descriptor: int, token: int) -> bool:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, token)
    except OSError:
        return False
    return True
