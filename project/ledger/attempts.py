"""The attempts of jobs: a worker claims a job, renews its lease, and records the outcome."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol

from redis import RedisError

from project.errors import (
    ExhaustedError,
    HolderState,
    LeasedError,
    MistakenError,
    TransitionError,
    UndecidedError,
)
from project.ledger.celery_results import revoked_document
from project.ledger.job import (
    CONFIRMED,
    AttemptOutcome,
    Job,
    JobError,
    Progress,
    Status,
    change,
    format_time,
)
from project.ledger.keys import job_key, result_key
from project.ledger.record import as_milliseconds, encode_json
from project.ledger.steps import Steps, read_moved, refuse

LEASE_SECONDS = 45
"""How long a lease lasts unless renewed; a worker that cannot renew it stops the job earlier."""

LAST_CALL_SECONDS = 3
"""How long an expired lease can still be renewed after another worker has asked for it."""

RELEASE_SECONDS = 1
"""How long after its requeue a job may be claimed again; allows for differing clocks."""

RESERVATION_SECONDS = 10
"""How long a reservation lasts; its job is finished or claimed within milliseconds."""

_LEASE_MILLISECONDS = str(LEASE_SECONDS * 1000)
_LAST_CALL_MILLISECONDS = str(LAST_CALL_SECONDS * 1000)


class LeaseState(StrEnum):
    """The answer to the renewal of a lease."""

    HELD = "held"
    CANCEL = "cancel"
    """Held, and the job was asked to stop."""
    LOST = "lost"
    """The attempt is over, or another attempt has begun."""


class Leased(Protocol):
    """An attempt that holds a lease: a `Job`, or anything else with its id and attempt."""

    @property
    def id(self) -> str: ...
    @property
    def attempt(self) -> int: ...


class Attempts:
    """What workers do with jobs. `get` reads a job, or raises NotFoundError."""

    def __init__(self, steps: Steps, get: Callable[[str], Job]) -> None:
        self._steps = steps
        self._get = get

    # ── Beginning ──────────────────────────────────────────────────────────────────────────────

    def claim(
        self,
        job: Job,
        worker: str,
        holder: str,
        *,
        gone_holder: str = "",
        silent_holder: str = "",
        most_losses: int = 5,
    ) -> Job:
        """Start an attempt of the worker, which holds the lease as `holder`.

        `job` is the job from the message; it becomes the record if Redis has lost it. The claim
        can take over a lease from `gone_holder`, which is known to have ended, and from
        `silent_holder`, whose last call is over.

        Raises UndecidedError if the client has not been answered yet that the job is accepted,
        LeasedError if another attempt holds a lease, ExhaustedError after `most_losses` attempts
        without an outcome, MistakenError if the job is of another kind, TransitionError if it may
        not run.
        """
        now = job.started_at or datetime.now(UTC)  # a reserved job has started already
        arguments = [
            *(job.id, job.kind, worker, holder, format_time(now)),
            *(_LEASE_MILLISECONDS, _LAST_CALL_MILLISECONDS),
            *(gone_holder, silent_holder, str(most_losses)),
        ]
        key = job_key(job.id)
        answer = self._steps.work(("claim", key, [*arguments, ""]))
        if answer[:2] == ["refused", ""]:
            # A job whose message exists was confirmed, or never recorded: it may run.
            lost = self._steps.describe_lost(change(job, status=Status.QUEUED))
            answer = self._steps.work(("claim", key, [*arguments, encode_json(lost)]))
        if answer[0] == "leased":
            raise LeasedError(job.id, answer[1], HolderState(answer[2]))
        if answer[0] == "mistaken":
            raise MistakenError(job.id, answer[1])
        if answer[0] == "starting":
            raise UndecidedError(job.id, seconds_left=float(answer[1]))
        if answer[0] == "exhausted":
            raise ExhaustedError(job.id, most_losses)
        if answer[0] == "refused" and answer[1] == Status.ACCEPTED:
            raise UndecidedError(job.id, seconds_left=int(answer[2]) / 1000)
        if answer[0] != "begun":
            return read_moved(job.id, Status.RUNNING, answer)
        return change(
            job,
            status=Status.RUNNING,
            attempt=1,
            worker=worker,
            started_at=now,
            version=int(answer[1]),
        )

    def reserve(self, jobs: Sequence[tuple[str, str]], holder: str) -> list[bool]:
        """Reserve short, repeatable jobs for their first attempts; whether each may begin.

        `jobs` are ids and kinds. Their status stays, and `holder` has their leases for
        RESERVATION_SECONDS. Claim refused jobs one by one: the claim says why they were refused.
        """
        lease = str(RESERVATION_SECONDS * 1000)
        items = [
            ("reserve", job_key(job_id), [job_id, kind, holder, lease]) for job_id, kind in jobs
        ]
        answers = self._steps.work_each(items)
        return [answer == ["reserved"] for answer in answers]

    def release(self, jobs: Sequence[tuple[str, str]]) -> None:
        """Give up the reservations of jobs that have not begun: their ids and holders."""
        self._steps.release(
            [("release", job_key(job_id), [job_id, holder]) for job_id, holder in jobs]
        )

    def renew_each(self, attempts: Sequence[Leased]) -> list[LeaseState | RedisError]:
        """Renew the leases of these attempts in one round trip; the state of each lease."""
        items = [
            ("renew", job_key(leased.id), [leased.id, str(leased.attempt), _LEASE_MILLISECONDS])
            for leased in attempts
        ]
        answers = self._steps.call_each("renew", items)
        return [found if isinstance(found, RedisError) else LeaseState(found) for found in answers]

    def report_progress(self, job: Job, progress: Progress) -> Job | None:
        """Record how far the attempt is. If it is over, change nothing and return None."""
        try:
            return self._steps.move(
                job.id,
                None,
                sources=(Status.RUNNING,),
                attempt=job.attempt,
                progress=progress,
            )
        except TransitionError:
            return None

    def finish(
        self,
        job_id: str,
        status: Status,
        *,
        attempt: int | None,
        celery_result: str,
        kind: str = "",
        result: Any = None,
        error: JobError | None = None,
    ) -> Job:
        """Finish the job of this attempt as `status`, and write Celery's own result document.

        `kind` decides how long the job is kept, if that kind has its own retention.
        """
        return self._steps.move(
            job_id,
            status,
            kind=kind,
            attempt=attempt,
            celery_result=celery_result,
            finished_at=datetime.now(UTC),
            result=result,
            error=error,
        )

    def succeed_later(
        self,
        job: Job,
        celery_result: str,
        result: Any,
        note: Callable[[Any], None],
        *,
        holder: str = "",
    ) -> None:
        """Finish a successful attempt as `finish` does, but write it with the next step.

        The caller must take another step, or call `steps.flush`. Calls `note` with the finished
        job, or with TransitionError or RedisError. `holder` is the holder of the reservation, if
        the job was never claimed.
        """
        now = datetime.now(UTC)
        arguments = [
            *(job.id, result_key(job.id), str(job.attempt), format_time(now)),
            "" if result is None else encode_json(result),
            *(celery_result, str(self._steps.retention.seconds_for(Status.SUCCEEDED, job.kind))),
            *(holder, job.worker, format_time(job.started_at or now)),
        ]
        finished = change(job, status=Status.SUCCEEDED, finished_at=now, result=result)

        def hear(answer: Any) -> None:
            note(_read_finished(finished, answer))
            if not isinstance(answer, RedisError):
                self._steps.note_release(answer)

        self._steps.defer(("succeed", job_key(job.id), arguments), hear)

    def retry(
        self,
        job_id: str,
        *,
        attempt: int | None,
        celery_result: str,
        error: JobError | None,
        due_at: datetime,
    ) -> Job:
        """End a failed attempt whose reason may pass; the next attempt is due at `due_at`."""
        return self._steps.move(
            job_id,
            Status.RETRYING,
            attempt=attempt,
            celery_result=celery_result,
            archive=AttemptOutcome.RETRIED,
            due=as_milliseconds(due_at),
            available_at=due_at,
            error=error,
            at=datetime.now(UTC),
        )

    def requeue(self, job_id: str, *, worker: str, is_over: bool = True) -> Job:
        """End the attempt of a stopping worker without blame; its message returns to the queue.

        With `is_over` false its process was asked to end, but still runs: the lease lasts on.
        TransitionError if that worker does not run the job (any more).
        """
        job = self._get(job_id)
        if job.worker != worker:
            raise refuse(job_id, Status.QUEUED, job.status)
        now = datetime.now(UTC)
        return self._steps.move(
            job_id,
            Status.QUEUED,
            sources=(Status.RUNNING,),
            attempt=job.attempt,
            archive=AttemptOutcome.INTERRUPTED,
            release=(RELEASE_SECONDS if is_over else LEASE_SECONDS) * 1000,
            available_at=now,
            at=now,
        )

    def stop(self, job: Leased) -> Job:
        """Finish a job whose running attempt stopped because the job was cancelled."""
        return self.finish(
            job.id,
            Status.CANCELLED,
            attempt=job.attempt,
            celery_result=revoked_document(job.id),
        )

    def end_unrecorded(
        self, job: Job, status: Status, *, celery_result: str, error: JobError | None
    ) -> Job:
        """Finish a job that has no record and never began: it expired in its queue, for example.

        TransitionError if it has a record by now, and has begun.
        """
        return self._steps.move(
            job.id,
            status,
            sources=CONFIRMED,
            fallback=change(job, status=Status.QUEUED),
            celery_result=celery_result,
            finished_at=datetime.now(UTC),
            error=error,
        )


def _read_finished(job: Job, answer: Any) -> Any:
    if isinstance(answer, RedisError):
        return answer
    return job if answer[0] == "moved" else refuse(job.id, job.status, answer[1])
