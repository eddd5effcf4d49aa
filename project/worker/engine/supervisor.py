"""Supervises the jobs that the worker processes run: leases, cancellation, time limits.

It is a thread of the main process, because a job's code may block all threads of its process:
C code can keep the GIL for minutes. It never waits long. A call to Redis succeeds soon or fails,
and the next check tries again; it makes no calls to RabbitMQ.

To stop a job, it first asks through the process's slot, then interrupts, then kills. It kills a
process only while that is stopped (SIGSTOP) and the job's outcome is written: so the kill hits no
other job, and the message, which RabbitMQ redelivers at once, finds the outcome.
"""

import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Thread
from time import monotonic
from typing import Any

import structlog
from redis import RedisError

from project.ledger import Ledger
from project.ledger.attempts import LeaseState
from project.observability.binding import about
from project.worker.engine.process import SOFT_LIMIT_SIGNAL
from project.worker.engine.request import RunningRequest
from project.worker.engine.slot import Claim, Glance, Run
from project.worker.engine.worker_process import WorkerProcess
from project.worker.lease import Patience, finish_cancelled

TICK_SECONDS = 0.25
RENEW_SECONDS = 1.0
"""How often leases are renewed and cancellations noticed. A shorter job costs no call at all."""

_log = structlog.get_logger()


@dataclass(slots=True)
class RunningJob:
    """A job that a process runs, and what the supervisor has done about it so far."""

    process: WorkerProcess
    seen: Glance
    """What its slot last said."""
    renewed_at: float = 0.0
    hold: LeaseState = LeaseState.HELD
    asked_at: float = 0.0
    """When it was asked to stop."""
    is_interrupted: bool = False
    is_killed: bool = False

    @property
    def token(self) -> int:
        """Which of the process's jobs it is."""
        return self.seen.token


class Supervisor:
    """One per worker. Call `start` after the first fork; processes forked later get no copy of the
    thread, and do not use the supervisor."""

    def __init__(
        self,
        app: Any,
        processes: Callable[[], Iterable[WorkerProcess]],
        request_of: Callable[[WorkerProcess, Run], RunningRequest],
        patience: Patience | None = None,
        renew_seconds: float = RENEW_SECONDS,
    ) -> None:
        """`processes` returns the current processes, in a list that nobody changes."""
        self._app = app
        self._ledger: Ledger = app.equipment.quick_ledger
        self._processes, self._request_of = processes, request_of
        self._patience = patience or Patience()
        self._renew_seconds = renew_seconds
        self._jobs: dict[WorkerProcess, RunningJob] = {}
        self._renewed_at = self._failed_at = float("-inf")

    def start(self) -> None:
        """Start to supervise."""
        Thread(target=self._run, name="supervisor", daemon=True).start()

    def _run(self) -> None:
        self._app.backend.be_impatient()
        while True:
            pause = TICK_SECONDS
            try:
                pause = self.look()
            except Exception as error:  # noqa: BLE001 - all leases and limits hang on this thread
                _log.error("supervision_failed", exc_info=error)
            time.sleep(pause)

    def look(self) -> float:
        """Do what is due now; returns the seconds until the next check."""
        self._jobs = {job.process: job for job in map(self._see, self._processes()) if job}
        jobs = list(self._jobs.values())
        self._renew([job for job in jobs if job.seen.claim])
        for job in jobs:
            if job.hold is not LeaseState.HELD and not job.is_killed:
                self._insist(job)
        return min([TICK_SECONDS, *(self._check_limits(job) for job in jobs)])

    def _see(self, process: WorkerProcess) -> RunningJob | None:
        slot = process.slot
        slot.note_look()
        seen = None if process.is_finished else slot.glance()
        if seen is None:
            return None
        if slot.target not in {0, seen.token}:
            slot.aim(0)
        job = self._jobs.get(process)
        if job is None or job.token != seen.token:
            return RunningJob(process, seen)
        job.seen = seen
        return job

    # ── Leases ─────────────────────────────────────────────────────────────────────────────────

    def _renew(self, jobs: list[RunningJob]) -> None:
        """Renew the leases of all jobs older than `renew_seconds`, in one call."""
        now = monotonic()
        due = [
            (job, claim)
            for job in jobs
            if (claim := job.seen.claim) and now - claim.claimed_at > self._renew_seconds
        ]
        if not due or now - self._renewed_at < self._renew_seconds:
            return
        self._renewed_at = now
        try:
            answers = self._ledger.attempts.renew_each([claim for _, claim in due])
        except RedisError as error:
            self._failed_at = monotonic()
            answers = [error] * len(due)
        for (job, claim), answer in zip(due, answers, strict=True):
            with about(claim):
                self._note_renewal(job, claim, answer, now)

    def _note_renewal(
        self, job: RunningJob, claim: Claim, answer: LeaseState | RedisError, asked_at: float
    ) -> None:
        if isinstance(answer, RedisError):
            _log.warning("lease_not_renewed", job_id=claim.id, reason=str(answer))
            held_since = max(claim.claimed_at, job.renewed_at)
            if asked_at - held_since > self._patience.fence_seconds:
                self._ask(job, LeaseState.LOST)
            return
        job.renewed_at = asked_at
        job.process.slot.note_renewal(asked_at)
        if answer is not LeaseState.HELD:
            self._ask(job, answer)

    # ── The end of a job that is to stop ───────────────────────────────────────────────────────

    def _ask(self, job: RunningJob, hold: LeaseState) -> None:
        if job.hold is LeaseState.HELD:
            job.asked_at = monotonic()
        job.hold = hold
        job.process.slot.stop(job.token, hold)

    def _insist(self, job: RunningJob) -> None:
        claim = job.seen.claim
        if claim is None:
            return  # the job's code has ended
        waited = monotonic() - job.asked_at
        with about(claim):
            if waited > self._patience.kill_seconds:
                if self._kill(job, lambda: finish_cancelled(self._ledger, claim, job.hold)):
                    _log.warning("job_killed", job_id=claim.id)
            elif waited > self._patience.interrupt_seconds and not job.is_interrupted:
                _log.warning("job_interrupted", job_id=claim.id)
                self._interrupt(job)

    def _interrupt(self, job: RunningJob) -> None:
        job.is_interrupted = True
        job.process.slot.aim(job.token)
        job.process.signal(SOFT_LIMIT_SIGNAL)

    def _kill(self, job: RunningJob, write: Callable[[], None]) -> bool:
        """Write the outcome, then kill; returns whether both were done.

        If the outcome cannot be written now, the process stays stopped until a later check, so that
        the job does not continue.
        """
        process = job.process
        with process.halted(job.token) as is_running:
            if not is_running or (job.seen.claim and process.slot.claimed != job.token):
                return False  # the job's code has just ended
            if not self._write(write):
                process.halt()
                return False
            job.is_killed = process.is_leaving = True
            process.signal(signal.SIGKILL)
            return True

    def _write(self, write: Callable[[], None]) -> bool:
        """False if Redis is unavailable; the next calls then fail at once instead of waiting."""
        if monotonic() - self._failed_at < self._renew_seconds:
            return False
        try:
            write()
        except RedisError as error:
            self._failed_at = monotonic()
            _log.warning("outcome_not_written", reason=str(error))
            return False
        return True

    # ── Time limits ────────────────────────────────────────────────────────────────────────────

    def _check_limits(self, job: RunningJob) -> float:
        """Enforce the time limits; returns the seconds until the next check."""
        if job.is_killed:
            return TICK_SECONDS
        seen = job.seen
        soft, hard = seen.soft_limit_seconds, seen.hard_limit_seconds
        seconds = monotonic() - seen.began_at
        if soft and seconds >= soft and not job.is_interrupted:
            # Also if this check is so late that the hard limit has passed, too.
            self._interrupt(job)
            self._note_limit(job, is_soft=True)
            return TICK_SECONDS
        if hard and seconds >= hard:
            self._kill(job, lambda: self._note_limit(job, is_soft=False))
        coming = [limit - seconds for limit in (soft, hard) if limit > seconds]
        return min([TICK_SECONDS, *coming])

    def _note_limit(self, job: RunningJob, *, is_soft: bool) -> None:
        """Record the limit as Celery does. RedisError: the outcome cannot be written now."""
        run = job.process.slot.read()
        if run is None or run.token != job.token:
            return
        limit = run.soft_limit_seconds if is_soft else run.hard_limit_seconds
        try:
            self._request_of(job.process, run).on_timeout(is_soft, limit)
        except RedisError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever Celery raises, the limit applies
            _log.error("job_callback_failed", exc_info=error)
