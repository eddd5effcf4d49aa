"""One worker process, as the worker's main process sees it.

Two threads use it: Celery's loop, which starts and reaps it, and the supervisor.
"""

import os
import select
import signal as signals
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from time import monotonic, sleep
from typing import Any

from project.worker.engine import ipc
from project.worker.engine.forking import Mask, PoolProcess
from project.worker.engine.slot import Slot
from project.worker.process_identity import is_stopped

_STOP_SECONDS = 1.0
"""A process stops within this time after SIGSTOP, unless it is in a system call that cannot be
interrupted."""


class WorkerProcess:
    """A worker process, from its start to its end."""

    def __init__(self, serve: Callable[[socket.socket, Mask, Slot], None]) -> None:
        self.line, self._far_end = ipc.open_line()
        self.line.setblocking(False)
        self.slot = Slot()
        self.is_leaving = False
        self._lock = Lock()
        """Guards actions that must not hit another process that has reused the process id."""
        self._is_closed = False
        self._halts = 0
        """How many callers keep it stopped (SIGSTOP)."""
        self.began_at = monotonic()
        slot = self.slot
        self.process = PoolProcess(self._far_end, lambda line, mask: serve(line, mask, slot))
        try:
            self.process.start()
        except BaseException:
            self._close_line()
            raise
        self._far_end.close()
        self.pid: int = self.process.pid
        self.life = os.pidfd_open(self.pid)
        """Becomes readable when the process has ended."""

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended."""
        return bool(self.process.is_alive())

    def order(self, *order: Any) -> None:
        """Send it an order; a process that is about to exit may miss it."""
        with suppress(OSError):
            ipc.send(self.line, order)
            self.slot.ring()

    def reports(self) -> Iterator[tuple[Any, ...]]:
        """What it has reported since the last call."""
        with suppress(OSError, EOFError):
            while (report := ipc.receive(self.line, wait=False)) is not None:
                yield report

    def leave(self) -> None:
        """Tell it to exit after its current job."""
        self.is_leaving = True
        self.order("leave")

    def signal(self, number: int) -> None:
        """Send it a signal."""
        with self._lock:
            self._send(number)

    def _send(self, number: int) -> None:
        if not self._is_closed:
            with suppress(ProcessLookupError):
                signals.pidfd_send_signal(self.life, number)

    @property
    def is_finished(self) -> bool:
        """Whether the process has ended, reaped or not."""
        with self._lock:
            return self._is_closed or self.await_end(0)

    @contextmanager
    def halted(self, token: int) -> Iterator[bool]:
        """Keep the process stopped meanwhile; yields whether it still runs that job.

        So what is recorded and signalled meanwhile affects that job only.
        """
        self.halt()
        try:
            deadline = monotonic() + _STOP_SECONDS
            while not is_stopped(self.pid) and not self.is_finished and monotonic() < deadline:
                sleep(0.0005)
            yield is_stopped(self.pid) and self.slot.running == token
        finally:
            with self._lock:
                self._halts -= 1
                if not self._halts:
                    self._send(signals.SIGCONT)

    def halt(self) -> None:
        """Keep the process stopped, beyond the end of `halted`, too."""
        with self._lock:
            self._halts += 1
            self._send(signals.SIGSTOP)

    def await_end(self, seconds: float) -> bool:
        """Wait up to `seconds` until the process has ended; whether it has."""
        end = select.poll()
        end.register(self.life, select.POLLIN)
        return bool(end.poll(max(0.0, seconds) * 1000))

    def close(self) -> None:
        """Release the resources of a process that has ended."""
        self.process.join()
        self._close_line()
        with self._lock:
            self._is_closed = True
            os.close(self.life)

    def _close_line(self) -> None:
        self.line.close()
        self._far_end.close()
