"""The loop of a worker process: take a message, handle it, repeat, until told to exit.

An outcome that waits for the next call to Redis (`Attempts.succeed_later`) is written with the
claim of the next job; its message is acknowledged then. If no further message waits, it is written
at once. So when a process is killed, at most one finished job is in doubt.
"""

import gc
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from time import monotonic
from types import FrameType
from typing import Any

import structlog
from billiard.common import reset_signals
from celery.concurrency.prefork import process_destructor, process_initializer
from celery.exceptions import SoftTimeLimitExceeded
from celery.worker import state

from project.errors import WorkerStop
from project.worker.engine import ipc
from project.worker.engine.consumer import (
    HEARTBEAT_SECONDS,
    SOON_SECONDS,
    STEP_SECONDS,
    TROUBLE,
    QueueConsumer,
)
from project.worker.engine.fence import Fence
from project.worker.engine.forking import Mask
from project.worker.engine.handler import Handler, MessageLostError
from project.worker.engine.recycling import Allowance
from project.worker.engine.slot import Slot

SOFT_LIMIT_SIGNAL = signal.SIGUSR1

LATE_SECONDS = 1.0
"""Messages behind a job that has not started after this long are requeued, too: Redis may be
unavailable."""
TICK_SECONDS = 0.01
SLOW_TICK_SECONDS = 0.5
"""How often a running job is checked: at first, and once no message waits behind it any more."""

NEW_OBJECTS = 20_000
"""Python collects garbage after this many new objects. Its default of 700 is reached after six
short jobs, and collecting then costs a tenth of each job."""

IDLE_SECONDS = 5.0
"""How often an idle process sends its connection's heartbeat."""
COUNT_SECONDS = 1.0
"""How often a process reports its message counts to the main process."""

RETRY_SECONDS = 0.2
LONGEST_RETRY_SECONDS = 2.0
"""The pause between two attempts to connect doubles each time, up to this."""

_log = structlog.get_logger()


class Wishes:
    """The worker's start options, updated by the orders that it has received since."""

    def __init__(self, app: Any, node_name: str, most_ahead: int) -> None:
        self.app, self.node_name, self.most_ahead = app, node_name, most_ahead
        self.queues: tuple[str, ...] = ()
        self.revoked: tuple[str, ...] = ()
        self.processes = 1
        self.allowance = Allowance()


def serve(line: socket.socket, mask: Mask, slot: Slot, wishes: Wishes) -> None:
    """Run as a worker process until told to exit. Signals are blocked until `mask` is set."""
    process_initializer(wishes.app, wishes.node_name)
    state.revoked.update(wishes.revoked)
    wishes.app.equipment.leases.slot = slot
    process = Process(line, slot, wishes)
    # Signals that end the process raise SystemExit, so that `finally` blocks of jobs run.
    reset_signals(process.end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(SOFT_LIMIT_SIGNAL, process.interrupt)
    code = 0
    try:
        gc.set_threshold(NEW_OBJECTS)
        # All handlers are this process's own now: signals held since the fork are handled here.
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        process.run()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
        raise
    finally:
        process_destructor(None, code)


class EventLine:
    """Sends Celery's events of jobs to the main process, which publishes them."""

    groups: frozenset[str] = frozenset()

    def __init__(self, line: socket.socket, slot: Slot) -> None:
        self._line, self._slot = line, slot

    @property
    def enabled(self) -> bool:
        """Whether anything listens for events."""
        return self._slot.is_watched

    def send(self, type: str, **fields: Any) -> None:  # noqa: A002 - Celery's name
        """Send an event; it is lost if the socket to the main process is full."""
        with suppress(OSError):
            ipc.send(self._line, ("event", type, fields), wait=False)


class Process:
    """The loop, and the thread that keeps the connection alive while a job runs."""

    def __init__(self, line: socket.socket, slot: Slot, wishes: Wishes) -> None:
        self._line, self._slot, self._wishes = line, slot, wishes
        self._handler = Handler(
            wishes.app,
            wishes.node_name,
            slot,
            EventLine(line, slot),
            lambda: wishes.processes,
        )
        self._consumer = QueueConsumer(
            partial(_dial, wishes.app),
            f"{wishes.app.consumer_name} {os.getpid()}",
            wishes.most_ahead,
            self._handler.send_again,
            self._handler.release,
        )
        self._is_leaving = False
        self._is_ending = False
        self._rings = 0
        self._done = 0
        self._counted_at = 0.0
        self._retry_seconds = RETRY_SECONDS
        self._is_away = False
        self._busy = threading.Event()
        self._fence = Fence(slot, SOFT_LIMIT_SIGNAL)
        self._begun_at = 0.0
        """When it took up its message; 0 while it waits for one."""

    # ── The loop ───────────────────────────────────────────────────────────────────────────────

    def run(self) -> None:
        """Handle messages until told to exit, or until the process has used up its allowance."""
        threading.Thread(target=self._tend, name="connection", daemon=True).start()
        try:
            while self._obey():
                if not self._consumer.is_connected:
                    self._connect()
                    continue
                delivery = self._consumer.take()
                if delivery is not None:
                    self._deal_with(delivery)
                elif not self._handler.is_settled:
                    self._handler.settle()
                elif self._consumer.is_connected:
                    self._wait(IDLE_SECONDS)
        finally:
            self._busy.clear()
        self._handler.settle()
        self._consumer.requeue()
        self._send_counts()
        self._consumer.close()

    def _deal_with(self, delivery: Any) -> None:
        self._begun_at = started = monotonic()
        self._busy.set()
        try:
            self._handler.handle(delivery, self._consumer.look_ahead)
        except MessageLostError:
            self._consumer.drop()
            time.sleep(RETRY_SECONDS)
        # An exception that ends the process skips this: the main process still reads from the slot
        # what it ran.
        self._begun_at = 0.0
        self._done += 1
        self._slot.end(self._done)
        self._consumer.note_run(self._handler.code_seconds or monotonic() - started)
        if self._wishes.allowance.is_used_up(self._done, monotonic() - started):
            self._is_leaving = True

    def _wait(self, seconds: float) -> None:
        """Wait for a message or an order."""
        self._busy.clear()
        self._send_counts()
        self._consumer.flush_acks()
        poll = select.poll()
        poll.register(self._line, select.POLLIN)
        if self._consumer.is_connected:
            poll.register(self._consumer.descriptor, select.POLLIN)
        poll.poll(seconds * 1000)
        self._consumer.beat()

    def _connect(self) -> None:
        try:
            self._consumer.connect(self._wishes.queues)
        except TROUBLE as error:
            if not self._is_away:
                self._is_away = True
                _log.warning("queue_unreachable", reason=str(error))
            self._wait_for_orders(self._retry_seconds)
            self._retry_seconds = min(2 * self._retry_seconds, LONGEST_RETRY_SECONDS)
        else:
            self._is_away = False
            self._retry_seconds = RETRY_SECONDS

    def _wait_for_orders(self, seconds: float) -> None:
        self._busy.clear()
        select.select([self._line], [], [], seconds)

    # ── Orders and reports ─────────────────────────────────────────────────────────────────────

    def _obey(self) -> bool:
        """Carry out the orders received; whether the process keeps running."""
        if self._rings != self._slot.rings:
            self._rings = self._slot.rings
            while not self._is_leaving and (order := self._hear()) is not None:
                getattr(self, f"_order_{order[0]}")(*order[1:])
        return not self._is_leaving

    def _hear(self) -> Any:
        try:
            return ipc.receive(self._line, wait=False)
        except (EOFError, OSError):
            return ("leave",)  # the main process has exited

    def _order_leave(self) -> None:
        self._is_leaving = True

    def _order_queues(self, queues: Iterable[str]) -> None:
        self._wishes.queues = tuple(queues)
        self._consumer.consume_from(self._wishes.queues)

    def _order_revoke(self, job_ids: Iterable[str]) -> None:
        state.revoked.update(job_ids)

    def _order_limit(self, name: str, limits: dict[str, Any]) -> None:
        task = self._wishes.app.tasks[name]
        for attribute, value in limits.items():
            setattr(task, attribute, value)

    def _order_processes(self, count: int) -> None:
        self._wishes.processes = count

    def _send_counts(self) -> None:
        if state.total_count and monotonic() - self._counted_at > COUNT_SECONDS:
            self._counted_at = monotonic()
            counts = dict(state.total_count)
            state.total_count.clear()
            with suppress(OSError):
                ipc.send(self._line, ("counts", counts), wait=False)

    # ── Signals ────────────────────────────────────────────────────────────────────────────────

    def end(self, number: int, _frame: FrameType | None) -> None:
        """Exit now (signal handler)."""
        self._is_leaving = True
        if self._is_ending:
            raise SystemExit(1)
        self._is_ending = True
        if not self._handler.is_running:
            return  # the loop exits by itself, and no outcome is lost
        raise WorkerStop(-number) if self._slot.is_to_requeue else SystemExit(-number)

    def interrupt(self, _number: int, _frame: FrameType | None) -> None:
        """Interrupt a job that has reached its soft limit, or did not stop when asked."""
        if self._handler.is_running and self._slot.is_meant():
            raise SoftTimeLimitExceeded

    # ── While a job runs ───────────────────────────────────────────────────────────────────────

    def _tend(self) -> None:
        """In its own thread: write outcomes, requeue waiting messages, send heartbeats, and check
        that the lease is renewed."""
        while True:
            self._busy.wait()
            begun_at = self._begun_at
            age = monotonic() - begun_at if begun_at else 0.0
            is_slow = age > 10 * SOON_SECONDS
            time.sleep(SLOW_TICK_SECONDS if is_slow else TICK_SECONDS)
            if is_slow:
                self._fence.look()
            self._consumer.beat()
            if not begun_at or begun_at != self._begun_at:
                continue  # that message was handled meanwhile
            self._consumer.flush_acks()
            now = monotonic()
            if self._slot.code_seconds > SOON_SECONDS or now - begun_at > LATE_SECONDS:
                self._handler.hurry()
                self._requeue(begun_at)

    def _requeue(self, begun_at: float) -> None:
        """Requeue the messages that wait behind the job that began then."""
        count = self._consumer.requeue(lambda: self._begun_at == begun_at)
        if count:
            _log.debug("messages_requeued", count=count, reason="a_job_takes_long")


def _dial(app: Any) -> Any:
    """Open a py-amqp connection, without `Connection.connect`, which retries after a pause."""
    connection = app.connection_for_read(heartbeat=HEARTBEAT_SECONDS, connect_timeout=STEP_SECONDS)
    return connection.transport.establish_connection()
