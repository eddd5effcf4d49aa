"""Reads the CPU time and memory of processes."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil

Groups = Mapping[str, Iterable[int]]
"""Process ids by their names in the report."""


def cpu_seconds(groups: Groups) -> dict[str, float]:
    """Return the user and system time of each group's processes so far."""
    return {name: sum(_cpu_seconds(pid) for pid in pids) for name, pids in groups.items()}


def pss_bytes(pids: Iterable[int], kind: str = "Pss") -> int:
    """Return the proportional set size: shared memory is split between the processes that share it.

    `Pss_Anon` leaves out memory of files, because how many others share it is not ours to decide.
    """
    return sum(_pss_bytes(pid, kind) for pid in pids)


def is_running(pid: int) -> bool:
    """Whether the process exists and has not ended."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE  # type: ignore[no-any-return]
    except psutil.NoSuchProcess:
        return False


def with_descendants(roots: Iterable[int]) -> list[int]:
    """Return the processes and all of their descendants."""
    roots = list(roots)
    return roots + find_descendants(roots)


def find_descendants(roots: Iterable[int]) -> list[int]:
    """Return the descendants of the processes, without the processes themselves."""
    return [pid for root in roots for pid in _find_children(root)]


def _find_children(pid: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process; 0 if it has ended."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0
    return float(times.user + times.system)


def _pss_bytes(pid: int, kind: str) -> int:
    """Read proc(5) directly, because psutil has no `Pss_Anon`."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{kind}:")), 0)
