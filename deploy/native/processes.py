"""Finds who listens on a port, and which processes belong to a session."""

import os
import signal
from contextlib import suppress
from dataclasses import dataclass

import psutil

LONGEST_COMMAND = 60


@dataclass(frozen=True)
class Process:
    """A process, in terms that a person recognises."""

    pid: int
    command: str


def find_listener(port: int) -> Process | None:
    """Return the process that listens on the TCP port; None for no process, or another user's."""
    for connection in psutil.net_connections("tcp"):
        is_listener = connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
        if is_listener and connection.pid:
            return Process(connection.pid, _command(connection.pid))
    return None


def find_session(session: int) -> list[Process]:
    """Return all living processes of the session."""
    return [Process(pid, _command(pid)) for pid in psutil.pids() if _is_in(pid, session)]


def kill_session(session: int) -> list[Process]:
    """Kill all living processes of the session, and return them."""
    members = find_session(session)
    for member in members:
        with suppress(ProcessLookupError):
            os.kill(member.pid, signal.SIGKILL)
    return members


def _is_in(pid: int, session: int) -> bool:
    """Whether the process has not ended; a zombie has."""
    try:
        return os.getsid(pid) == session and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False


def _command(pid: int) -> str:
    try:
        process = psutil.Process(pid)
        shown = " ".join(" ".join(process.cmdline()).split()) or process.name()
    except psutil.Error:  # it has just ended
        shown = "?"
    return shown if len(shown) <= LONGEST_COMMAND else shown[: LONGEST_COMMAND - 3] + "..."
