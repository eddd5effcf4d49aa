"""A new process of the pool: a copy of the worker's, until it has lost what belongs to the worker.

A fork copies the handlers of signals. Those of the worker stop the worker, put its jobs back and
speak over its connections, whoever runs them. So the new process handles no signal until it has
handlers of its own. A fork copies open connections, too. Two processes that use or close one spoil
it, and one that is open twice does not end when its owner does. So the new process closes them.
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
"""Signals that are held back."""

_DESCRIPTORS = "/proc/self/fd"
_STANDARD = {0, 1, 2}


class PoolProcess(Process):  # type: ignore[misc]  # billiard has no types
    """A process that has one connection to the worker, and no other copy of anything open."""

    def __init__(self, line: socket.socket, serve: Callable[[socket.socket, Mask], None]) -> None:
        """`serve` is called there. It gives the process its handlers, then sets the mask."""
        super().__init__(daemon=True)
        self._line = line
        self._serve = serve
        self._mask: Mask = set()

    def start(self) -> None:
        """Fork."""
        with blocked_signals() as self._mask:
            super().start()

    def run(self) -> None:
        """In the new process."""
        self._serve(self._line, self._mask)

    @staticmethod
    def _Popen(process: Any) -> "_Fork":  # noqa: N802 - billiard's name
        return _Fork(process)

    def _bootstrap(self) -> Any:
        """In the new process, before all else: what is called after a fork closes connections, and
        tells who is at the other end."""
        let_go(kept=self._line.fileno())
        return super()._bootstrap()


class _Fork(Popen):  # type: ignore[misc]  # billiard has no types
    """As billiard's, without its pipe, which nobody needs and which a failed fork leaves open."""

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
    """While this lasts this thread handles no signals, nor does a process that it forks.

    The mask is the one from before. A signal that comes meanwhile is not lost.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        yield mask
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def let_go(*, kept: int) -> None:
    """Close all copies of sockets, pipes, pollers and the like, but `kept` and the standard ones.

    Files stay open. The numbers stay taken, by /dev/null: the worker's objects were copied, too,
    and would use or close whatever is opened under their numbers later.
    """
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        for number in _list_connections() - _STANDARD - {kept}:
            os.dup2(nothing, number, inheritable=False)
    finally:
        os.close(nothing)


def _list_connections() -> set[int]:
    """The descriptors of what has no path (proc(5)): it is `socket:[1234]`, say."""
    found = set()
    for name in os.listdir(_DESCRIPTORS):  # noqa: PTH208 - names are all that is wanted
        with suppress(FileNotFoundError):  # the one by which this list was read
            if not os.readlink(f"{_DESCRIPTORS}/{name}").startswith("/"):  # noqa: PTH115
                found.add(int(name))
    return found
