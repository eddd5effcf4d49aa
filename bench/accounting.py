"""What processes have used: CPU time and memory, as /proc tells."""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")

Groups = Mapping[str, Iterable[int]]
"""Process ids by what they are called in the report."""


def cpu_seconds(groups: Groups) -> dict[str, float]:
    """User and system time of the processes of each group, so far."""
    return {name: sum(_cpu_seconds(pid) for pid in pids) for name, pids in groups.items()}


def pss_bytes(pids: Iterable[int], kind: str = "Pss") -> int:
    """Proportional set size: memory that processes share is counted once between them.

    `Pss_Anon` leaves out what comes from files: how many others share that is not ours to decide.
    """
    return sum(_pss_bytes(pid, kind) for pid in pids)


def is_running(pid: int) -> bool:
    """Whether the process is there and has not ended."""
    try:
        return _stat_fields(pid)[0] != "Z"
    except OSError:
        return False


def with_descendants(roots: Iterable[int]) -> list[int]:
    """The processes, their children, and so on."""
    children = _children()
    found: list[int] = []
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting.extend(children[pid])
    return found


def find_descendants(roots: Iterable[int]) -> list[int]:
    """Their children, and so on, without themselves."""
    roots = list(roots)
    return [pid for pid in with_descendants(roots) if pid not in roots]


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError, IndexError):
                found[int(_stat_fields(int(entry.name))[1])].append(int(entry.name))
    return found


def _cpu_seconds(pid: int) -> float:
    """0 for a process that has ended."""
    try:
        fields = _stat_fields(pid)
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def _stat_fields(pid: int) -> list[str]:
    """From the third on: the second is the command in parentheses, and may hold anything."""
    return (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()


def _pss_bytes(pid: int, kind: str) -> int:
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{kind}:")), 0)
