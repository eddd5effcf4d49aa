"""The pool as Celery sees it (`worker_pool`). All of this happens in the worker's first process."""

import os
import select
import signal as signals
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count
from time import monotonic
from typing import Any

import structlog
from billiard.common import human_status
from billiard.einfo import ExceptionInfo
from billiard.exceptions import Terminated, WorkerLostError
from celery.concurrency.base import BasePool
from celery.signals import worker_before_create_process
from kombu.asynchronous import get_event_loop

from project.worker.pool.allowance import Allowance
from project.worker.pool.child import SOFT_LIMIT_SIGNAL, serve
from project.worker.pool.crew import Crew, tell
from project.worker.pool.seat import Seat
from project.worker.pool.ticket import Ticket

TICK_SECONDS = 0.25
"""Limits are looked at this often."""
YOUNG_SECONDS = 1.0
"""A child that ends so early is not replaced at once: it would only end again, and again."""


_log = structlog.get_logger()


def _ignore(*_: Any, **__: Any) -> None:
    """Nobody asked."""


def _never() -> bool:
    return False


class LanePool(BasePool):  # type: ignore[misc]  # Celery has no types
    """A pool of forked processes."""

    uses_semaphore = False
    on_settled: Callable[[], None] = staticmethod(_ignore)
    """Called when jobs have ended while no event loop runs: acknowledgements wait to be sent."""

    def on_start(self) -> None:
        """Start the children; Celery calls it once."""
        self._numbers = count(1)
        self._crew: Crew[Seat] = Crew()
        self._seats = self._crew.seats
        self._hub: Any = None
        self._is_short = False
        self._wanted: int = self.limit
        self._allowance = Allowance(
            self.options.get("maxtasksperchild"), self.options.get("max_memory_per_child")
        )
        self._hire()

    def did_start_ok(self) -> bool:
        """Whether all children live."""
        return all(seat.process.is_alive() for seat in self._seats)

    def register_with_event_loop(self, hub: Any) -> None:
        """Celery's loop begins, for the first time or with a new connection."""
        self._hub = hub
        for seat in self._seats:
            self._watch(seat)
        hub.call_repeatedly(TICK_SECONDS, self.maintain_pool)

    # ── Jobs ───────────────────────────────────────────────────────────────────────────────────

    def on_apply(
        self,
        target: Callable[..., Any] | None,
        args: Any = (),
        kwargs: Any = None,
        *,
        accept_callback: Callable[[int, float], None] | None = None,
        timeout_callback: Callable[[bool, float], None] | None = None,
        callback: Callable[[Any], None] | None = None,
        error_callback: Callable[[Any], None] | None = None,
        soft_timeout: float | None = None,
        timeout: float | None = None,
        is_revoked: Callable[[], bool] = _never,
        **_: Any,
    ) -> Ticket:
        """Have a child call the function; `apply_async` of Celery's pools."""
        ticket = Ticket(
            next(self._numbers),
            (target, args, kwargs or {}),
            accept_callback or _ignore,
            callback or _ignore,
            error_callback or _ignore,
            timeout_callback or _ignore,
            is_revoked,
            soft_timeout or self.options.get("soft_timeout"),
            timeout or self.options.get("timeout"),
        )
        self._crew.take(ticket)
        return ticket

    def flush(self) -> None:
        """The connection is lost, or the worker stops: forget all jobs that have not begun."""
        self._crew.settle()
        self._crew.waiting.clear()

    def _on_answer(self, seat: Seat) -> None:
        self._crew.hear(seat)
        if seat.has_done_long:  # before it gets the next one
            seat.has_done_long = False
            self._check_age(seat)
        if seat.is_leaving and self._state == self.RUN:  # nobody waits for its end
            self._hire()
        self._crew.hand_out()

    # ── Children ───────────────────────────────────────────────────────────────────────────────

    def _hire(self) -> None:
        while sum(map(_stays, self._seats)) < self._wanted:
            worker_before_create_process.send(sender=self)
            try:
                seat = Seat(partial(serve, app=self.app, node_name=self._node_name))
            except OSError as error:
                if self._state != self.RUN:
                    raise
                self._note_shortage(error)
                return
            self._is_short = False
            self._seats.append(seat)
            if self._hub:
                self._watch(seat)

    def _note_shortage(self, error: OSError) -> None:
        """There is no memory, process id or descriptor for one more. The next look tries again.

        Celery would take the error for a lost connection, and put back all jobs that run.
        """
        if not self._is_short:
            _log.error("process_not_started", reason=str(error))
        self._is_short = True

    @property
    def _node_name(self) -> str:
        _, name = self.options["initargs"]
        return str(name)

    def _watch(self, seat: Seat) -> None:
        self._hub.add_reader(seat.line, self._on_answer, seat)
        self._hub.add_reader(seat.life, self._bury, seat)

    def _bury(self, seat: Seat) -> None:
        """A child has ended, and the jobs in its hands with it."""
        if seat not in self._seats:
            return
        if self._hub:
            self._hub.remove(seat.line)
            self._hub.remove(seat.life)
        seat.process.join()
        for ticket in self._crew.leave(seat):
            if not ticket.started_at:
                tell(ticket.on_accepted, seat.pid, monotonic())
            tell(ticket.on_failure, _loss(ticket, seat.process.exitcode))
        seat.close()
        if self._state == self.RUN and monotonic() - seat.began_at > YOUNG_SECONDS:
            self._hire()
        self._crew.hand_out()

    def maintain_pool(self, *_: Any, **__: Any) -> None:
        """Look after children and limits."""
        for seat in list(self._seats):
            if not seat.process.is_alive():
                self._bury(seat)
                continue
            if seat.running:
                self._check_limits(seat, seat.running)
            self._check_age(seat)
        if self._state == self.RUN:
            self._hire()
        self._crew.recall()
        self._crew.hand_out()

    def _check_limits(self, seat: Seat, ticket: Ticket) -> None:
        if seat.running is not ticket:
            return
        seconds = monotonic() - ticket.started_at
        hard, soft = ticket.hard_limit_seconds, ticket.soft_limit_seconds
        if hard and seconds >= hard:
            self._enforce(seat, ticket, hard)
        elif soft and seconds >= soft and not ticket.is_interrupted:
            self._interrupt(seat, ticket, soft)
        for limit in (soft, hard):
            if limit and seconds < limit < seconds + TICK_SECONDS and self._hub:
                # Before the next look: else a limit might pass together with the one after it.
                self._hub.call_later(limit - seconds, self._check_limits, seat, ticket)

    def _interrupt(self, seat: Seat, ticket: Ticket, limit: float) -> None:
        self._crew.hear(seat)  # it may have ended
        if seat.running is ticket:
            ticket.is_interrupted = True
            tell(ticket.on_timeout, True, limit)
            self.terminate_job(seat.pid, SOFT_LIMIT_SIGNAL)

    def _enforce(self, seat: Seat, ticket: Ticket, limit: float) -> None:
        self._crew.settle()  # it may have ended, and the next one have begun
        if seat.running is ticket:
            seat.sent.popleft()
            seat.is_leaving = True
            tell(ticket.on_timeout, False, limit)
            self.terminate_job(seat.pid, signals.SIGKILL)

    def _check_age(self, seat: Seat) -> None:
        if not seat.is_leaving and self._allowance.is_used_up(seat):
            self._crew.retire(seat)

    # ── Remote control ─────────────────────────────────────────────────────────────────────────

    def terminate_job(self, pid: int, signal: int | None = None) -> None:
        """Send a child a signal. `Ticket.terminate` says which job was meant."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal or signals.SIGTERM)

    def grow(self, n: int) -> None:
        """More children."""
        self._wanted += n
        self._hire()
        self._crew.hand_out()

    def shrink(self, n: int) -> None:
        """Fewer; those who are busy end after their job."""
        if n >= self._wanted:
            raise ValueError("A pool has at least one process.")
        self._wanted -= n
        staying = [seat for seat in self._seats if not seat.is_leaving]
        for seat in sorted(staying, key=lambda seat: len(seat.sent))[:n]:
            self._crew.retire(seat)

    def restart(self) -> None:
        """Replace all children, each after its job."""
        for seat in self._seats:
            self._crew.retire(seat)

    @property
    def num_processes(self) -> int:
        """Children that there should be."""
        return self._wanted

    def _get_info(self) -> dict[str, Any]:
        info: dict[str, Any] = super()._get_info()
        return info | {
            "max-concurrency": self._wanted,
            "processes": [seat.pid for seat in self._seats],
            "max-tasks-per-child": self.options.get("maxtasksperchild") or "N/A",
            "put-guarded-by-semaphore": False,
            "timeouts": (self.options.get("soft_timeout") or 0, self.options.get("timeout") or 0),
            "writes": {
                "waiting": len(self._crew.waiting),
                "sent": [len(seat.sent) for seat in self._seats],
            },
        }

    # ── The end ────────────────────────────────────────────────────────────────────────────────

    def on_close(self) -> None:
        """Begin no more jobs."""
        self.flush()

    def on_stop(self) -> None:
        """Wait for the jobs that run; heartbeats go on meanwhile."""
        self._wanted = 0
        self.flush()
        hub = get_event_loop()
        while any(seat.sent for seat in self._seats):
            self._wait(TICK_SECONDS)
            self.maintain_pool()
            self.on_settled()
            if hub is not None:
                hub.fire_timers()
        self._dismiss_all()

    def on_terminate(self) -> None:
        """End all children now, whatever they do; their jobs come back."""
        self._wanted = 0
        for seat in self._seats:
            self.terminate_job(seat.pid, signals.SIGTERM)
        self._dismiss_all()

    def _wait(self, seconds: float) -> None:
        poll = select.poll()
        for seat in self._seats:
            poll.register(seat.line, select.POLLIN)
            poll.register(seat.life, select.POLLIN)
        poll.poll(seconds * 1000)
        for seat in list(self._seats):
            self._crew.hear(seat)

    def _dismiss_all(self) -> None:
        """End the children; who does not within a second is killed."""
        for seat in self._seats:
            seat.dismiss()
        deadline = monotonic() + 1
        for seat in self._seats:
            seat.await_end(max(0.0, deadline - monotonic()))
            if seat.process.is_alive():
                self.terminate_job(seat.pid, signals.SIGKILL)
                seat.process.join()
            seat.close()
        self._seats.clear()


def _stays(seat: Seat) -> bool:
    """Whether it has a job, or may get one: all others are about to end."""
    return bool(seat.sent) or not seat.is_leaving


def _loss(ticket: Ticket, exit_code: int) -> Any:
    """The error of a job whose process has ended."""
    error = (
        Terminated(-ticket.signal)
        if ticket.signal
        else WorkerLostError(f"Worker exited prematurely: {human_status(exit_code)}.")
    )
    try:
        raise error
    except (Terminated, WorkerLostError):
        return ExceptionInfo()
