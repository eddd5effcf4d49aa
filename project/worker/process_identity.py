"""Who holds a lease: a process, named so that others can tell whether it still lives.

A holder is `host:pid:started#claim`. The number makes it another one with each claim: where Redis
executes a call twice, because its answer was lost, it knows the second one for the same claim.
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
    """This process, for one claim."""
    return f"{_describe(os.getpid())}#{next(_claims)}"


@lru_cache(maxsize=4)
def _describe(pid: int) -> str:
    return f"{socket.gethostname()}:{pid}:{_find_start(pid)}"


def is_gone(holder: str) -> bool:
    """Whether the holder ran on this host and has ended. False where that is not known."""
    host, pid, started = _split(holder)
    return host == socket.gethostname() and _find_start(int(pid)) != started


def is_finished(pid: int, within_seconds: float) -> bool:
    """Whether the process ends within the time."""
    deadline = monotonic() + within_seconds
    while _find_start(pid):
        if monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def is_halted(holder: str) -> bool:
    """Whether the holder stands still on this host (SIGSTOP, a debugger), and may yet go on."""
    host, pid, started = _split(holder)
    fields = _read_stat(int(pid)) if host == socket.gethostname() else []
    return bool(fields) and fields[0] in {"T", "t"} and fields[19] == started


def _split(holder: str) -> list[str]:
    return holder.partition("#")[0].rsplit(":", 2)


def is_stopped(pid: int) -> bool:
    """Whether the process stands still, for a SIGSTOP or a debugger."""
    return _read_stat(pid)[:1] in (["T"], ["t"])


def _find_start(pid: int) -> str:
    """When the process started, in clock ticks since boot; pids are used again, this is not.

    A zombie (state Z) has ended, whoever has not yet asked how.
    """
    fields = _read_stat(pid)
    return "" if not fields or fields[0] == "Z" else fields[19]


def _read_stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the state on (man 5 proc); none where it has ended.

    They are counted behind the name, which may hold spaces. psutil would not do: its time of a
    process's start moves with the wall clock, and a holder's name must be the same after that.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
