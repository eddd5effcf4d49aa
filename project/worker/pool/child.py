"""What happens in a process of the pool: take a job, run it, tell how it ended, and again.

An outcome that waits for the next call to Redis (`Steps.defer`) is told when it has been written,
because the message is acknowledged then. If no further job waits, it is written at once.
"""

import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

from billiard.common import reset_signals, terminate_handler_fired
from billiard.einfo import ExceptionInfo
from celery.concurrency.prefork import process_destructor, process_initializer
from celery.exceptions import SoftTimeLimitExceeded
from celery.utils.serialization import get_pickleable_exception

from project.ledger import Ledger
from project.worker.pool import packets
from project.worker.pool.forking import Mask
from project.worker.running import make_runner

STOP = ()
"""The order to end."""

SOFT_LIMIT_SIGNAL = signal.SIGUSR1


def serve(line: socket.socket, mask: Mask, app: Any, node_name: str) -> None:
    """Be a child of the pool until told to end. Signals are blocked until `mask` is set."""
    process_initializer(app, node_name)
    # Signals that end the process raise SystemExit, so that `finally` blocks of jobs run.
    reset_signals()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    child = Child(line, app.equipment.ledger, make_runner(app.tasks))
    signal.signal(SOFT_LIMIT_SIGNAL, child.interrupt)
    code = 0
    try:
        # All handlers are its own now. What has come since the fork is handled here.
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        child.run()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
        raise
    finally:
        process_destructor(None, code)


class Child:
    """The loop."""

    def __init__(self, line: socket.socket, ledger: Ledger, run: Callable[..., Any]) -> None:
        self._line = line
        self._run_message = run
        self._ledger = ledger
        self._unsent: list[tuple[int, bool, Any]] = []
        self._is_running = False
        ledger.on_flush = self._send

    def run(self) -> None:
        """Until told to end, or a job of its own asks for that."""
        while (order := self._next()) != STOP:
            number, function, args, kwargs = order
            is_ok, value, leaving = self._try(function, args, kwargs)
            self._unsent.append((number, is_ok, value))
            if not self._ledger.has_deferred:
                self._send()
            if leaving is not None:
                raise leaving

    def interrupt(self, _number: int, _frame: FrameType | None) -> None:
        """A job has reached its soft limit."""
        if self._is_running:
            raise SoftTimeLimitExceeded

    def _next(self) -> Any:
        """The next order. Before it waits for one, it puts everything in order."""
        if self._ledger.has_deferred:
            order = packets.receive(self._line, wait=False)
            if order is not None and order != STOP:
                return order
            self._ledger.flush()
            if order is not None:
                return order
        with suppress(EOFError):
            return packets.receive(self._line, wait=True)
        return STOP

    def _try(
        self, function: Callable[..., Any] | None, args: Any, kwargs: Any
    ) -> tuple[bool, Any, BaseException | None]:
        """Whether it returned, with what, and why this process is to end, if it is."""
        self._is_running = True
        try:
            return True, (function or self._run_message)(*args, **kwargs), None
        except BaseException as error:
            if terminate_handler_fired():
                raise  # this process was told to end: the job has no outcome
            is_leaving = isinstance(error, (SystemExit, KeyboardInterrupt))  # the job's own
            failure = ExceptionInfo(
                (type(error), get_pickleable_exception(error), error.__traceback__)
            )
            return False, failure, error if is_leaving else None
        finally:
            self._is_running = False

    def _send(self) -> None:
        unsent, self._unsent = self._unsent, []
        for number, is_ok, value in unsent:
            try:
                packets.send(self._line, (number, is_ok, value))
            except OSError:
                raise SystemExit(1) from None  # the first process has gone
            except Exception:  # noqa: BLE001 - whatever pickling a stranger's value raises
                packets.send(self._line, (number, False, ExceptionInfo()))
