"""What /proc knows: who listens on a port, and which processes belong to a session."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
LISTENING = "0A"  # TCP_LISTEN in /proc/net/tcp
LONGEST_COMMAND = 60


@dataclass(frozen=True)
class Process:
    """A process, as a person would recognise it."""

    pid: int
    command: str


def find_listener(port: int) -> Process | None:
    """Who listens on the TCP port; None if nobody does, or if it is another user's process."""
    inodes = set(_listening_inodes(port))
    if not inodes:
        return None
    for pid in _pids():
        if inodes & set(_socket_inodes(pid)):
            return Process(pid, _command(pid))
    return None


def find_session(session: int) -> list[Process]:
    """All processes of the session that still live."""
    return [Process(pid, _command(pid)) for pid in _pids() if _session(pid) == session]


def kill_session(session: int) -> list[Process]:
    """Kill all processes of the session that still live; returns them."""
    members = find_session(session)
    for member in members:
        with suppress(ProcessLookupError):
            os.kill(member.pid, signal.SIGKILL)
    return members


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        for line in _read(PROC / "net" / table).splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _socket_inodes(pid: int) -> Iterator[str]:
    try:
        for link in (PROC / str(pid) / "fd").iterdir():
            match = re.fullmatch(r"socket:\[(\d+)\]", str(link.readlink()))
            if match:
                yield match[1]
    except OSError:
        # Another user's process, or one that has just ended.
        return


def _command(pid: int) -> str:
    words = " ".join(_read(PROC / str(pid) / "cmdline").replace("\0", " ").split())
    shown = words or _read(PROC / str(pid) / "comm").strip() or "?"
    return shown if len(shown) <= LONGEST_COMMAND else shown[: LONGEST_COMMAND - 3] + "..."


def _session(pid: int) -> int | None:
    """The process's session; None for one that has ended, even if nobody has collected it yet."""
    # The second field is the command in parentheses, and may hold anything: read behind its end.
    fields = _read(PROC / str(pid) / "stat").rpartition(")")[2].split()
    if len(fields) < 4 or fields[0] == "Z":
        return None
    return int(fields[3])


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
