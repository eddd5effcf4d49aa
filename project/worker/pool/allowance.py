"""How many jobs a child may do, and how much memory it may keep after one.

A library that has worked on much data gives little of that memory back. So a child that has grown
is replaced between two jobs.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Protocol

import structlog

LONG_SECONDS = 1.0
"""After a job that took so long a child is looked at once; after others when limits are."""
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

_log = structlog.get_logger()


class Aging(Protocol):
    """A child, as far as it grows older."""

    pid: int
    done: int
    """Jobs that have ended."""
    weighed_at: int
    """`done` when its memory was looked at last."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What each child has; None or 0: without a limit."""

    jobs: int | None = None
    kibibytes: int | None = None
    """Memory in use after a job, whatever it was while that ran."""

    def is_used_up(self, child: Aging) -> bool:
        """Whether another child is to take its place."""
        if self.jobs and child.done >= self.jobs:
            return True
        if not self.kibibytes or child.done == child.weighed_at:
            return False
        child.weighed_at = child.done
        size_bytes = find_size_bytes(child.pid)
        if size_bytes <= self.kibibytes * 1024:
            return False
        _log.info("child_outgrown", bytes=size_bytes, jobs=child.done, child=child.pid)
        return True


def was_long(started_at: float) -> bool:
    """Whether a job that began then, by `monotonic`, and ends now may have taken much memory."""
    return monotonic() - started_at >= LONG_SECONDS


def find_size_bytes(pid: int) -> int:
    """Memory of a process that lies in RAM (proc(5)); 0 when it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
    except OSError:
        return 0
