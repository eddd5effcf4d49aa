"""Names the process that holds a lease, so that other processes can check whether it is alive.

A holder is `host:pid:started#claim`. The claim number makes it unique for each claim: if Redis
executes a call twice, because its answer was lost, it recognizes the second one as the same claim.
"""

import itertools
import os
import socket
import time
from functools import lru_cache
from pathlib import Path
from time import monotonic

_claims = itertools.count(1)


def name_holder() -> str:
    """The holder name of this process, for one claim."""
    return f"{_describe(os.getpid())}#{next(_claims)}"


@lru_cache(maxsize=4)
def _describe(pid: int) -> str:
    return f"{socket.gethostname()}:{pid}:{_find_start(pid)}"


def is_gone(holder: str) -> bool:
    """Whether the holder ran on this host and has ended. False if that is not known."""
    host, pid, started = _split(holder)
    return host == socket.gethostname() and _find_start(int(pid)) != started


def is_finished(pid: int, within_seconds: float) -> bool:
    """Whether the process ends within `within_seconds`."""
    deadline = monotonic() + within_seconds
    while _find_start(pid):
        if monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def is_halted(holder: str) -> bool:
    """Whether the holder is stopped on this host (SIGSTOP, a debugger), and may still continue."""
    host, pid, started = _split(holder)
    fields = _read_stat(int(pid)) if host == socket.gethostname() else []
    return bool(fields) and fields[0] in {"T", "t"} and fields[19] == started


def _split(holder: str) -> list[str]:
    return holder.partition("#")[0].rsplit(":", 2)


def is_stopped(pid: int) -> bool:
    """Whether the process is stopped, by SIGSTOP or a debugger."""
    return _read_stat(pid)[:1] in (["T"], ["t"])


def _find_start(pid: int) -> str:
    """When the process started, in clock ticks since boot; pids are reused, this is not.

    A zombie (state Z) counts as ended.
    """
    fields = _read_stat(pid)
    return "" if not fields or fields[0] == "Z" else fields[19]


def _read_stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the state on (man 5 proc); empty if it has ended.

    They are counted after the name, which may contain spaces. psutil is no alternative: its start
    time of a process changes with the wall clock, and a holder's name must not change.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
