"""Keeps the lease of the job that runs in this process, and makes a job stop that must.

A cancelled job is asked first: its next progress report or `check` raises CancelledError. One that
does not listen is interrupted, then killed with its process; its message comes back and is dropped,
because the ledger says `cancelled` by then.

A job whose lease cannot be renewed is stopped in the same way before the lease runs out, because
from then on another worker may run it.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic

import structlog
from redis import RedisError

from project.errors import CancelledError, TransitionError
from project.ledger import Job, Ledger
from project.ledger.store import LEASE_SECONDS, Hold
from project.observability.binding import about

RENEW_SECONDS = 1.0
"""A lease is renewed, and a cancel seen, this often. A job that is shorter costs no call at all."""
INTERRUPT_SECONDS = 5.0
"""After so long without listening a cancelled job is interrupted."""
KILL_SECONDS = 10.0
"""After so long it is killed."""

FENCE_SECONDS = LEASE_SECONDS - KILL_SECONDS - 8
"""A job whose lease was last renewed so long ago is told to stop, and has ended before the lease.
The eight seconds are for one renewal that hangs at each of the steps that lead to the kill."""

# Billiard's children raise SoftTimeLimitExceeded in the job's code at this signal.
_INTERRUPT = signal.SIGUSR1

_log = structlog.get_logger()


class Held:
    """The running job, and whether it is to stop."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.hold = Hold.HELD
        self.asked_at = 0.0
        self.is_interrupted = False
        self.renewed_at = monotonic()

    @property
    def is_to_stop(self) -> bool:
        """Somebody cancelled the job, or this attempt is not the current one any more."""
        return self.hold is not Hold.HELD

    def ask_to_stop(self, hold: Hold) -> None:
        """From now on the job is to stop."""
        if not self.is_to_stop:
            self.asked_at = monotonic()
        self.hold = hold

    def check(self) -> None:
        """CancelledError where the job is to stop."""
        if self.is_to_stop:
            raise CancelledError(f"Job {self.job.id} was asked to stop.")


class Keeper:
    """One thread per process; it starts with the first job, after the pool's fork.

    Its ledger's Redis must answer soon or fail: the thread waits for nothing else.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        renew_seconds: float = RENEW_SECONDS,
        interrupt_seconds: float = INTERRUPT_SECONDS,
        kill_seconds: float = KILL_SECONDS,
        fence_seconds: float = FENCE_SECONDS,
        send_signal: Callable[[int], None] = lambda number: os.kill(os.getpid(), number),
    ) -> None:
        self._ledger = ledger
        self._renew_seconds = renew_seconds
        self._interrupt_seconds = interrupt_seconds
        self._kill_seconds = kill_seconds
        self._fence_seconds = fence_seconds
        self._send_signal = send_signal
        self._lock = threading.Lock()
        self._held: Held | None = None
        self._pid = 0

    @contextmanager
    def keep(self, job: Job) -> Iterator[Held]:
        """Keep the job's lease while the block runs."""
        held = Held(job)
        with self._lock:
            self._held = held
            self._start_thread()
        try:
            yield held
        finally:
            with self._lock:  # no signal for this job is sent after this
                self._held = None

    def _start_thread(self) -> None:
        if self._pid != os.getpid():
            self._pid = os.getpid()
            threading.Thread(target=self._run, name="keeper", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(self._renew_seconds)
            held = self._held
            if held is not None:
                # What could not be noted now is noted a second later.
                with suppress(RedisError), about(held.job):
                    self._look_after(held)

    def _look_after(self, held: Held) -> None:
        self._renew(held)
        waited = monotonic() - held.asked_at
        if held.is_to_stop and waited > self._kill_seconds:
            self._kill(held)
        elif held.is_to_stop and waited > self._interrupt_seconds and not held.is_interrupted:
            self._interrupt(held)

    def _renew(self, held: Held) -> None:
        asked_at = monotonic()
        try:
            hold = self._ledger.renew(held.job)
        except RedisError as error:
            _log.warning("lease_not_renewed", job_id=held.job.id, reason=str(error))
            if asked_at - held.renewed_at > self._fence_seconds:
                held.ask_to_stop(Hold.LOST)
            return
        held.renewed_at = asked_at
        if hold is not Hold.HELD:
            held.ask_to_stop(hold)

    def _interrupt(self, held: Held) -> None:
        with self._lock:
            if self._held is held:
                held.is_interrupted = True
                _log.warning("job_interrupted", job_id=held.job.id)
                self._send_signal(_INTERRUPT)

    def _kill(self, held: Held) -> None:
        with self._lock:
            if self._held is held:
                finish_cancelled(self._ledger, held)
                _log.warning("job_killed", job_id=held.job.id)
                self._send_signal(signal.SIGKILL)


def finish_cancelled(ledger: Ledger, held: Held) -> None:
    """Record that the job has stopped because it was cancelled."""
    if held.hold is Hold.LOST:
        return  # whatever it is now, this attempt has no say in it
    try:
        ledger.stop(held.job)
    except TransitionError as error:
        _log.warning("outcome_refused", job_id=held.job.id, reason=str(error))
