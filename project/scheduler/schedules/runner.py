"""Submits the jobs of due runs, and then records each run.

If a scheduler is killed between the two, the next one submits the same run again, and the submitter
finds its job. If the job may have been forgotten since, the runner asks the ledger first.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog
from redis import RedisError

from project.errors import (
    GoneError,
    InvalidInputError,
    KeyReusedError,
    NotFoundError,
    QueueFullError,
    UnavailableError,
)
from project.leader_lock import LeaderLock
from project.ledger import Ledger, Status
from project.observability.binding import enter, leave
from project.observability.context import Trace, derive_trace_id
from project.scheduler.schedules.due_runs import AT_ONCE, GRACE, find_due_runs
from project.scheduler.schedules.schedule import Overlap, Schedule, Skip, note_run, note_skip
from project.scheduler.schedules.store import ScheduleStore
from project.submission import Submitter
from project.submission.preparation import Submission, list_ids

STILL_RUNS = "The job of the last run has not finished."

PROBE_SECONDS = 2

_log = structlog.get_logger()


@dataclass
class Runner:
    """Runs schedules while this process is the leader."""

    store: ScheduleStore
    ledger: Ledger
    submitter: Submitter
    leader_lock: LeaderLock
    queues: Collection[str]
    clock: Callable[[], datetime]
    _tried: dict[str, datetime] = field(default_factory=dict)
    """For each schedule, the time whose submit failed and is still due."""
    _is_delayed: bool = False
    """Whether the last submit has failed."""

    def run_due(self) -> bool:
        """Submit the due runs. Returns False if some are left for the next round."""
        schedules = self.store.list_due(self.clock())
        if schedules and not self._may_submit():
            return False
        is_done = True
        for schedule in schedules:
            try:
                is_done = self._run_one(schedule) and is_done
            except NotFoundError:
                continue  # deleted meanwhile
            except QueueFullError:
                is_done = False
            except UnavailableError:
                self._is_delayed = True
                return False  # the other submits would also wait and fail
            except RedisError:
                raise
            except Exception as error:  # noqa: BLE001 - a fault of one schedule must not stop the others
                self._log_once(schedule, schedule.next_at, error)
                is_done = False
        return is_done

    def _may_submit(self) -> bool:
        """After a failed submit, check RabbitMQ first: each failure leaves a withdrawn job."""
        if self._is_delayed:
            try:
                self.submitter.publisher.check(self.queues, PROBE_SECONDS)
            except UnavailableError:
                return False
            self._is_delayed = False
        return True

    def _run_one(self, schedule: Schedule) -> bool:
        now = self.clock()
        schedule = self._note_unnoted(schedule, now)
        due = find_due_runs(schedule, now)
        if due.skip:
            schedule = self._skip(schedule, due.skip)
        for moment in due.runs:
            if schedule.is_paused or schedule.next_at != moment:
                return True  # changed meanwhile
            if not self.leader_lock.acquire():
                return False
            schedule = self._run(schedule, moment)
        return len(due.runs) < AT_ONCE

    def _note_unnoted(self, schedule: Schedule, now: datetime) -> Schedule:
        """Record a late run that a scheduler submitted, but was killed before it recorded it."""
        moment = schedule.next_at
        if schedule.is_paused or moment >= now - GRACE or self._tried.get(schedule.id) == moment:
            return schedule
        job_id = self._find_handed_in(schedule, moment)
        return self._note(schedule, moment, job_id) if job_id else schedule

    def _find_handed_in(self, schedule: Schedule, moment: datetime) -> str:
        """The id of the run's job, even if the job is forgotten; empty if there was no job."""
        for job_id in list_ids(_make_submission(schedule, moment)):
            try:
                job = self.ledger.get(job_id)
            except GoneError:
                return job_id
            except NotFoundError:
                break
            if not job.is_withdrawn:
                return "" if job.status is Status.ACCEPTED else job_id
        return ""

    def _run(self, schedule: Schedule, moment: datetime) -> Schedule:
        """Submit one run, in its own trace; every attempt to submit it has the same trace."""
        if schedule.plan.overlap is Overlap.SKIP and self._is_busy(schedule):
            return self._skip(schedule, Skip(moment, 1, STILL_RUNS))
        submission = _make_submission(schedule, moment)
        trace = replace(Trace.start(), trace_id=derive_trace_id(next(list_ids(submission))))
        enter(trace)
        try:
            return self._submit(schedule, moment, submission, trace)
        finally:
            leave()

    def _is_busy(self, schedule: Schedule) -> bool:
        job = self.ledger.find(schedule.last_job_id) if schedule.last_job_id else None
        return job is not None and not job.status.is_finished

    def _submit(
        self, schedule: Schedule, moment: datetime, submission: Submission, trace: Trace
    ) -> Schedule:
        """Submit the job. After UnavailableError or QueueFullError the run stays due."""
        try:
            job_id = self.submitter.submit(submission, trace).id
        except KeyReusedError:
            # The run was submitted, and the plan has changed since.
            job_id = self._find_handed_in(schedule, moment) or next(list_ids(submission))
        except InvalidInputError as error:
            # The kind has changed since. Log only the error's type: its text may quote parameters.
            return self._skip(schedule, Skip(moment, 1, str(error)), type(error).__name__)
        except (UnavailableError, QueueFullError) as error:
            self._log_once(schedule, moment, error)
            raise
        _log.info(
            "schedule_due",
            schedule_id=schedule.id,
            due_at=moment.isoformat(),
            job_id=job_id,
            kind=schedule.plan.kind,
        )
        return self._note(schedule, moment, job_id)

    def _note(self, schedule: Schedule, moment: datetime, job_id: str) -> Schedule:
        return self._change(schedule, lambda found: note_run(found, moment, job_id))

    def _skip(self, schedule: Schedule, skip: Skip, reason: str = "") -> Schedule:
        _log.warning(
            "schedule_skipped",
            schedule_id=schedule.id,
            kind=schedule.plan.kind,
            due_at=skip.until.isoformat(),
            runs=skip.count,
            reason=reason or skip.reason,
        )
        return self._change(schedule, lambda found: note_skip(found, skip))

    def _change(self, schedule: Schedule, change: Callable[[Schedule], Schedule]) -> Schedule:
        """Change it, unless it was created anew meanwhile, or another scheduler has handled it."""
        moment = schedule.next_at

        def change_ours(found: Schedule) -> Schedule:
            is_ours = found.created_at == schedule.created_at and found.next_at <= moment
            return change(found) if is_ours else found

        return self.store.change(schedule.id, change_ours)

    def _log_once(self, schedule: Schedule, moment: datetime, error: Exception) -> None:
        """Log a failed submit once for each time, although it is retried every second."""
        if self._tried.get(schedule.id) != moment:
            _log.warning(
                "schedule_delayed",
                schedule_id=schedule.id,
                due_at=moment.isoformat(),
                kind=schedule.plan.kind,
                exc_info=error,
            )
        self._tried[schedule.id] = moment


def _make_submission(schedule: Schedule, moment: datetime) -> Submission:
    plan = schedule.plan
    return Submission(
        kind=plan.kind, parameters=plan.parameters, idempotency_key=schedule.name_run(moment)
    )
