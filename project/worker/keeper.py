"""Keeps the lease of the job that runs in this process, and makes a cancelled job stop.

A cancelled job is asked first: its next progress report or `check_cancelled` raises CancelledError.
One that does not listen is interrupted, then killed with its process; its message comes back and is
dropped, because the ledger says `cancelled` by then.
"""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import structlog
from redis import RedisError

from project.errors import TransitionError
from project.ledger import Job, Ledger, Status
from project.ledger.store import Hold, revoked_document

RENEW_SECONDS = 1.0
"""A lease is renewed, and a cancel seen, this often. A job that is shorter costs no call at all."""
INTERRUPT_SECONDS = 5.0
"""After so long without listening a cancelled job is interrupted."""
KILL_SECONDS = 10.0
"""After so long it is killed."""

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

    @property
    def is_to_stop(self) -> bool:
        """Somebody cancelled the job, or this attempt is not the current one any more."""
        return self.hold is not Hold.HELD

    def ask_to_stop(self, hold: Hold) -> None:
        """From now on the job is to stop."""
        if not self.is_to_stop:
            self.asked_at = monotonic()
        self.hold = hold


class Keeper:
    """One thread per process; it starts with the first job, after the pool's fork."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        renew_seconds: float = RENEW_SECONDS,
        interrupt_seconds: float = INTERRUPT_SECONDS,
        kill_seconds: float = KILL_SECONDS,
        send_signal: Callable[[int], None] = lambda number: os.kill(os.getpid(), number),
    ) -> None:
        self._ledger = ledger
        self._renew_seconds = renew_seconds
        self._interrupt_seconds = interrupt_seconds
        self._kill_seconds = kill_seconds
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
                self._look_after(held)

    def _look_after(self, held: Held) -> None:
        try:
            hold = self._ledger.renew(held.job, describe_holder())
        except RedisError as error:
            _log.warning("lease_not_renewed", job_id=held.job.id, reason=str(error))
            return
        if hold is not Hold.HELD:
            held.ask_to_stop(hold)
        waited = monotonic() - held.asked_at
        if held.is_to_stop and waited > self._kill_seconds:
            self._kill(held)
        elif held.is_to_stop and waited > self._interrupt_seconds and not held.is_interrupted:
            self._interrupt(held)

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
        ledger.finish(
            held.job.id,
            Status.CANCELLED,
            attempt=held.job.attempt,
            celery_result=revoked_document(held.job.id),
        )
    except TransitionError as error:
        _log.warning("outcome_refused", job_id=held.job.id, reason=str(error))


def describe_holder() -> str:
    """This process, so that others can tell whether it still lives: `host:pid:started`."""
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{_find_start(pid)}"


def is_gone(lease: str) -> bool:
    """Whether the lease's holder ran on this host and has ended. False where that is not known."""
    host, pid, started = lease.rpartition(" ")[2].rsplit(":", 2)
    return host == socket.gethostname() and _find_start(int(pid)) != started


def _find_start(pid: int) -> str:
    """When the process started, in clock ticks since boot; pids are used again, this is not.

    Field 22 of /proc/<pid>/stat (man 5 proc), counted behind the name, which may hold spaces.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""
