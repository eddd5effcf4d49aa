"""Looks after the jobs that a worker's processes run: leases, cancels, time limits.

A thread of the main process, because the code of a job may hold up all threads of its own process:
C code that keeps the GIL for minutes. It waits for nobody. Redis answers soon or has failed, and
the next look tries again; RabbitMQ is not asked.

A job that is to stop is asked by a word in its process's slot, then interrupted, then killed. A
process is killed while it stands still, after the job's outcome is written: so the kill hits no
other job, and the message, which comes back at once, finds the outcome.
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
"""Leases are renewed, and cancels seen, this often. A job that is shorter costs no call at all."""

_log = structlog.get_logger()


@dataclass(slots=True)
class RunningJob:
    """A job that a process runs, and what was done about it so far."""

    process: WorkerProcess
    seen: Glance
    """As its slot says now."""
    renewed_at: float = 0.0
    hold: LeaseState = LeaseState.HELD
    asked_at: float = 0.0
    """When it was told to stop."""
    is_interrupted: bool = False
    is_killed: bool = False

    @property
    def token(self) -> int:
        """Which of the process's jobs it is."""
        return self.seen.token


class Supervisor:
    """One a worker. `start` it after the first fork; a process that is forked later has no copy of
    its thread, and uses nothing of it."""

    def __init__(
        self,
        app: Any,
        processes: Callable[[], Iterable[WorkerProcess]],
        request_of: Callable[[WorkerProcess, Run], RunningRequest],
        patience: Patience | None = None,
        renew_seconds: float = RENEW_SECONDS,
    ) -> None:
        """`processes`: those there are now, in a list that nobody changes."""
        self._app = app
        self._ledger: Ledger = app.equipment.quick_ledger
        self._processes, self._request_of = processes, request_of
        self._patience = patience or Patience()
        self._renew_seconds = renew_seconds
        self._jobs: dict[WorkerProcess, RunningJob] = {}
        self._renewed_at = self._failed_at = float("-inf")

    def start(self) -> None:
        """Look after them from now on."""
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
        """Do what is due now; seconds until the next look."""
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
        """Renew the leases of all jobs that have run for a while, in one call."""
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
            return  # its code has ended
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
        """Write the outcome, then kill; whether that was done.

        Where the outcome cannot be written now the process stands still, until one of the next
        looks: the job goes no further.
        """
        process = job.process
        with process.halted(job.token) as is_running:
            if not is_running or (job.seen.claim and process.slot.claimed != job.token):
                return False  # its code has ended just before
            if not self._write(write):
                process.halt()
                return False
            job.is_killed = process.is_leaving = True
            process.signal(signal.SIGKILL)
            return True

    def _write(self, write: Callable[[], None]) -> bool:
        """False where Redis is away; whoever comes soon after does not wait for it, too."""
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
        """Enforce them; seconds until that is to be done again."""
        if job.is_killed:
            return TICK_SECONDS
        seen = job.seen
        soft, hard = seen.soft_limit_seconds, seen.hard_limit_seconds
        seconds = monotonic() - seen.began_at
        if soft and seconds >= soft and not job.is_interrupted:
            # Also where this look comes so late that the hard limit has passed, too.
            self._interrupt(job)
            self._note_limit(job, is_soft=True)
            return TICK_SECONDS
        if hard and seconds >= hard:
            self._kill(job, lambda: self._note_limit(job, is_soft=False))
        coming = [limit - seconds for limit in (soft, hard) if limit > seconds]
        return min([TICK_SECONDS, *coming])

    def _note_limit(self, job: RunningJob, *, is_soft: bool) -> None:
        """As Celery does. RedisError where the outcome cannot be written now."""
        run = job.process.slot.read()
        if run is None or run.token != job.token:
            return
        limit = run.soft_limit_seconds if is_soft else run.hard_limit_seconds
        try:
            self._request_of(job.process, run).on_timeout(is_soft, limit)
        except RedisError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever Celery raises: the limit holds
            _log.error("job_callback_failed", exc_info=error)
