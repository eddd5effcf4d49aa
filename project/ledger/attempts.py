"""The attempts of jobs: a worker claims one, keeps its lease, and says how the attempt ended."""

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
"""How long a claim holds without being renewed; who cannot renew it stops the job before."""

LAST_CALL_SECONDS = 3
"""A lease that has run out can be renewed for so long after somebody wants to take it over."""

RELEASE_SECONDS = 1
"""A job that was put back may be claimed after so long, for the sake of clocks."""


RESERVATION_SECONDS = 10
"""How long a reservation holds: of jobs that are over, or claimed, some milliseconds later."""

_LEASE_MILLISECONDS = str(LEASE_SECONDS * 1000)
_LAST_CALL_MILLISECONDS = str(LAST_CALL_SECONDS * 1000)


class LeaseState(StrEnum):
    """What the renewal of a lease has found."""

    HELD = "held"
    CANCEL = "cancel"
    """Held, and the job was asked to stop."""
    LOST = "lost"
    """The attempt is over, or another one has begun."""


class Leased(Protocol):
    """An attempt that holds a lease: a `Job`, or what is known of it elsewhere."""

    @property
    def id(self) -> str: ...
    @property
    def attempt(self) -> int: ...


class Attempts:
    """What workers do with jobs. `get` reads a job; NotFoundError where there is none."""

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
        """A worker starts an attempt, and holds its lease as `holder`.

        `job` is what the message says; it becomes the record where Redis has lost it. A lease can
        be taken over from `gone_holder`, which is known to have ended, and from `silent_holder`,
        whose last call is over.

        Raises UndecidedError where the client has not been told yet that the job is taken,
        LeasedError where another attempt holds a lease, ExhaustedError after `most_losses` attempts
        without an outcome, MistakenError where the job is of another kind, TransitionError where it
        may not run.
        """
        now = job.started_at or datetime.now(UTC)  # what was reserved has started already
        arguments = [
            *(job.id, job.kind, worker, holder, format_time(now)),
            *(_LEASE_MILLISECONDS, _LAST_CALL_MILLISECONDS),
            *(gone_holder, silent_holder, str(most_losses)),
        ]
        key = job_key(job.id)
        answer = self._steps.work(("claim", key, [*arguments, ""]))
        if answer[:2] == ["refused", ""]:
            # Whose message is there was confirmed, or not even recorded: it may run.
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
        """Before first attempts of short jobs that may be repeated; whether each may begin.

        `jobs` are ids and kinds. Their status stays, and `holder` has their leases for
        RESERVATION_SECONDS. Claim the others one by one: the claim says why they were refused.
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
        """Keep the leases of these attempts, in one round trip; for each what was found."""
        items = [
            ("renew", job_key(leased.id), [leased.id, str(leased.attempt), _LEASE_MILLISECONDS])
            for leased in attempts
        ]
        answers = self._steps.call_each("renew", items)
        return [found if isinstance(found, RedisError) else LeaseState(found) for found in answers]

    def report_progress(self, job: Job, progress: Progress) -> Job | None:
        """Note how far the attempt is. None, and nothing changed, where it is over."""
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
        """An attempt has ended the job as `status`, together with Celery's own result document.

        `kind` says how long it is kept, where that kind has a time of its own.
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
        """As `finish`, for an attempt that has succeeded: it is written with the next step.

        The caller sees to it that there is one, or calls `steps.flush`. Calls `note` with the
        finished job, or with TransitionError or RedisError. `holder` is the holder of its
        reservation, where it was never claimed.
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
        """The attempt has failed for a reason that may pass; the next one is due at `due_at`."""
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
        """The worker stops: its attempt ends without a fault, and the message goes back.

        With `is_over` false its process has been told to end, and has not yet: the lease goes on.
        TransitionError where that worker does not run the job (any more).
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
        """The running attempt has stopped because the job was cancelled."""
        return self.finish(
            job.id,
            Status.CANCELLED,
            attempt=job.attempt,
            celery_result=revoked_document(job.id),
        )

    def end_unrecorded(
        self, job: Job, status: Status, *, celery_result: str, error: JobError | None
    ) -> Job:
        """A job that has no record and never began has ended: it expired, say, in its queue.

        TransitionError where it has a record by now, and has begun.
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
