"""Processes and their memory, as Linux tells them (proc(5))."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SAMPLE_SECONDS = 0.01
_RESET_PEAK = "5"


def descendants(pid: int) -> set[int]:
    """The children of a process, and theirs.

    By proc(5) itself, as below: psutil looks at all processes of the machine for it, which is too
    long for a look each ten milliseconds, and has no peak of a process's memory.
    """
    found: set[int] = set()
    with suppress(OSError):  # it has ended
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found |= {child, *descendants(child)}
    return found


def peak_bytes(pid: int) -> int:
    """The most memory that the process has had at a time; 0 when it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


class Peak:
    """What was seen so far."""

    bytes = 0


@contextmanager
def watched(*roots: int) -> Iterator[Peak]:
    """While this lasts: the most memory that any one of these processes and descendants has had.

    A process that has ended is as large as it was when it was seen last, some ten milliseconds
    before.
    """
    for pid in _all(*roots):
        with suppress(OSError):
            Path(f"/proc/{pid}/clear_refs").write_text(_RESET_PEAK)
    peak, is_over = Peak(), threading.Event()

    def look() -> None:
        while not is_over.wait(SAMPLE_SECONDS):
            peak.bytes = max(peak.bytes, *map(peak_bytes, _all(*roots)))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        is_over.set()
        thread.join()
        peak.bytes = max(peak.bytes, *map(peak_bytes, _all(*roots)))


def _all(*roots: int) -> set[int]:
    return set(roots).union(*map(descendants, roots))
