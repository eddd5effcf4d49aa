"""Starts a worker process: a fork of the main process that gives up what belongs to the main one.

A fork copies signal handlers. The main process's handlers stop the worker, requeue its jobs and use
its connections, whichever process runs them. So the new process handles no signal until it has set
its own handlers. A fork copies open connections, too. Two processes that use or close the same
connection break it, and a connection with two open copies does not end with its owner. So the new
process closes its copies.
"""

import os
import random
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from billiard import Process
from billiard.popen_fork import Popen

Mask = set[int | signal.Signals]
"""Blocked signals."""

_DESCRIPTORS = "/proc/self/fd"
_STANDARD = {0, 1, 2}


class PoolProcess(Process):  # type: ignore[misc]  # billiard has no types
    """A process whose only open connection is the one to the worker's main process."""

    def __init__(self, line: socket.socket, serve: Callable[[socket.socket, Mask], None]) -> None:
        """The new process calls `serve`, which installs its signal handlers and sets the mask."""
        super().__init__(daemon=True)
        self._line = line
        self._serve = serve
        self._mask: Mask = set()

    def start(self) -> None:
        """Fork."""
        with blocked_signals() as self._mask:
            super().start()

    def run(self) -> None:
        """Call `serve` (in the new process)."""
        self._serve(self._line, self._mask)

    @staticmethod
    def _Popen(process: Any) -> "_Fork":  # noqa: N802 - billiard's name
        return _Fork(process)

    def _bootstrap(self) -> Any:
        """Close the copied connections, in the new process, before anything else: hooks that run
        after a fork would close them properly, and so notify the other end."""
        let_go(kept=self._line.fileno())
        return super()._bootstrap()


class _Fork(Popen):  # type: ignore[misc]  # billiard has no types
    """billiard's, without its pipe, which nothing uses and which a failed fork leaves open."""

    def _launch(self, process: Any) -> None:
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                random.seed()
                code = process._bootstrap()
            finally:
                os._exit(code)


@contextmanager
def blocked_signals() -> Iterator[Mask]:
    """Block all signals in this thread, and in a process that it forks; yields the previous mask.

    A signal that arrives meanwhile is not lost.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        yield mask
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def let_go(*, kept: int) -> None:
    """Close all copied sockets, pipes, pollers and the like, except `kept` and the standard ones.

    Files stay open. /dev/null takes the place of each closed descriptor: the main process's objects
    were copied, too, and would use or close whatever got their descriptors later.
    """
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        for number in _list_connections() - _STANDARD - {kept}:
            os.dup2(nothing, number, inheritable=False)
    finally:
        os.close(nothing)


def _list_connections() -> set[int]:
    """The descriptors without a path, such as `socket:[1234]` (proc(5))."""
    found = set()
    for name in os.listdir(_DESCRIPTORS):  # noqa: PTH208 - only the names matter
        with suppress(FileNotFoundError):  # the descriptor that listed the folder
            if not os.readlink(f"{_DESCRIPTORS}/{name}").startswith("/"):  # noqa: PTH115
                found.add(int(name))
    return found
