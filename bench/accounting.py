"""What processes have used: CPU time and memory."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil

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
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE  # type: ignore[no-any-return]
    except psutil.NoSuchProcess:
        return False


def with_descendants(roots: Iterable[int]) -> list[int]:
    """The processes, their children, and so on."""
    roots = list(roots)
    return roots + find_descendants(roots)


def find_descendants(roots: Iterable[int]) -> list[int]:
    """Their children, and so on, without themselves."""
    return [pid for root in roots for pid in _find_children(root)]


def _find_children(pid: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _cpu_seconds(pid: int) -> float:
    """0 for a process that has ended."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0
    return float(times.user + times.system)


def _pss_bytes(pid: int, kind: str) -> int:
    """From proc(5) itself: psutil has no `Pss_Anon`."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{kind}:")), 0)
