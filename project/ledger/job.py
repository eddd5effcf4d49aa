"""What a job is, and which steps its status allows. Pure: no Redis, no clock.

accepted ─► queued, scheduled ─► running ─► succeeded, failed
running  ─► retrying ─► running         an attempt failed, and another attempt follows
running  ─► waiting ─► queued           the job waits for its child jobs
running  ─► queued                      its worker stops, and requeues it
each unfinished status ─► cancelled, dead
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from operator import attrgetter
from typing import Any


class Status(StrEnum):
    """The status of a job."""

    ACCEPTED = "accepted"
    """Recorded; the job runs only once the broker's confirm has been noted."""
    QUEUED = "queued"
    """Confirmed by the broker: it will reach an outcome."""
    SCHEDULED = "scheduled"
    """Like `queued`, but due at a later time. The job keeps this status until a worker claims it,
    so nothing has to change it when it becomes due."""
    RUNNING = "running"
    """A worker has claimed it."""
    RETRYING = "retrying"
    """An attempt failed for a reason that may pass; another attempt is scheduled."""
    WAITING = "waiting"
    """It waits for its child jobs, and occupies no worker process meanwhile."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    """Withdrawn or cancelled; the claim drops a message that still arrives."""
    DEAD = "dead"
    """Given up, though not by the job's own code: see the dead letters."""

    @property
    def is_finished(self) -> bool:
        """Whether the job is finished."""
        return self in FINISHED


FINISHED = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.DEAD})
UNFINISHED = frozenset(Status) - FINISHED
CONFIRMED = frozenset({Status.QUEUED, Status.SCHEDULED})
"""The client was answered that the job will run; it waits for a worker, or until it is due."""
PENDING = frozenset({Status.ACCEPTED, *CONFIRMED, Status.RETRYING})
"""The job has a place in its queue, ordered by the time it is due."""

# RUNNING → RUNNING: a worker claims a redelivered message, as a new attempt. RUNNING → QUEUED: a
# stopping worker requeues the job. WAITING → QUEUED: the child jobs that it waited for finished.
SOURCES: Mapping[Status, frozenset[Status]] = {
    Status.ACCEPTED: frozenset(),
    Status.QUEUED: frozenset({Status.ACCEPTED, Status.RUNNING, Status.WAITING}),
    Status.SCHEDULED: frozenset({Status.ACCEPTED}),
    Status.RUNNING: frozenset({*CONFIRMED, Status.RUNNING, Status.RETRYING}),
    Status.RETRYING: frozenset({Status.RUNNING}),
    Status.WAITING: frozenset({Status.RUNNING}),
    Status.SUCCEEDED: frozenset({Status.RUNNING}),
    Status.FAILED: frozenset({Status.RUNNING}),
    Status.CANCELLED: UNFINISHED,
    Status.DEAD: UNFINISHED,
}
"""For each status, the statuses from which a job may reach it."""


class AttemptOutcome(StrEnum):
    """How an attempt ended."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    RETRIED = "retried"
    """It failed, and another attempt is scheduled."""
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """Its worker was stopped and requeued the job."""
    SUSPENDED = "suspended"
    """The job waits for its child jobs; another attempt continues it."""
    LOST = "lost"
    """Its process ended without reporting an outcome."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running job is: `done` of `total`, and its current `step`."""

    done: float
    total: float
    step: str = ""


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job failed."""

    type: str
    message: str
    traceback: str = ""


WITHDRAWN = JobError("Unavailable", "The job could not be handed to the broker.")
"""The error of a job whose client was answered 503."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt to run a job."""

    number: int
    outcome: AttemptOutcome
    worker: str = ""
    available_at: datetime | None = None
    """Since when it waited for a worker; None if that is unknown."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    """For a lost attempt: when the loss was detected."""
    error: JobError | None = None

    @property
    def wait_seconds(self) -> float | None:
        """How long it waited for a worker."""
        return _seconds_between(self.available_at, self.started_at)

    @property
    def run_seconds(self) -> float | None:
        """How long it ran; None while it runs."""
        return _seconds_between(self.started_at, self.finished_at)


@dataclass(slots=True, kw_only=True, unsafe_hash=True)
class Job:
    """One run of a kind. `id` is the Celery task id and the id in every log line.

    It is never changed, only replaced (`change`). A frozen dataclass would enforce that, but takes
    three times as long to create.
    """

    id: str
    kind: str
    queue: str
    status: Status
    parameters: Mapping[str, Any]
    submitted_at: datetime
    owner: str = ""
    """The browser or client that owns it; empty if nobody asked to see it again."""
    trace_id: str = ""
    parent_id: str = ""
    """The job that submitted it."""
    root_id: str = ""
    """The first job of its line of parents; its own id if it has no parent."""
    key: str = ""
    """Its name among the children of its parent."""
    rerun_of: str = ""
    """The finished job that it reruns."""
    rerun_as: str = ""
    """The job that reruns it."""
    run_at: datetime | None = None
    """It runs not before this time; None: at once."""
    request_digest: str = ""
    """For a request with an Idempotency-Key: what it asked for besides kind and parameters."""
    available_at: datetime | None = None
    """Since when it waits again, or will wait; None: since `run_at` or its submission."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    """When a finished job is forgotten."""
    cancel_requested_at: datetime | None = None
    """When somebody asked a running job to stop."""
    worker: str = ""
    attempt: int = 0
    """Number of claims so far; 0 until a worker has taken the job."""
    losses: int = 0
    """How many of these attempts ended without reporting an outcome."""
    requeues: int = 0
    """How often it returned from the dead letters because none of its attempts was to blame."""
    repairs: int = 0
    """How often its message was lost and published again."""
    repaired_at: datetime | None = None
    earlier_attempts: tuple[Attempt, ...] = ()
    progress: Progress | None = None
    has_log: bool = False
    """Whether its code had logged anything by the last change of the record."""
    result: Any = None
    error: JobError | None = None
    version: int = 0
    """Grows with every change, so that an outdated event can be recognised."""

    @classmethod
    def from_message(
        cls,
        headers: Mapping[str, Any],
        *,
        id: str,  # noqa: A002 - the field's name
        kind: str,
        queue: str,
        parameters: Mapping[str, Any],
        trace_id: str,
        received_at: datetime,
        worker: str = "",
    ) -> "Job":
        """The job that its message describes: it becomes the record if Redis has none.

        `headers` are the message's headers. Values that a record cannot hold are left out.
        """
        parent_id, root_id = read_lineage(headers, id)
        submitted_at = _read_time(headers.get("submitted_at"))
        return cls(
            id=id,
            kind=kind,
            queue=queue,
            status=Status.QUEUED,
            parameters=parameters,
            submitted_at=min(submitted_at or received_at, received_at),
            run_at=_read_time(headers.get("run_at")),
            owner=_read_text(headers.get("owner")),
            trace_id=trace_id,
            parent_id=parent_id,
            root_id=root_id,
            key=_read_text(headers.get("key")),
            rerun_of=_read_text(headers.get("rerun_of")),
            request_digest=_read_text(headers.get("request_digest")),
            worker=worker,
        )

    @property
    def is_withdrawn(self) -> bool:
        """Whether it never reached the broker: the client was answered to try again."""
        return self.status is Status.CANCELLED and self.error == WITHDRAWN

    @property
    def waiting_since(self) -> datetime:
        """When it became due for the current or next attempt."""
        return self.available_at or self.run_at or self.submitted_at

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """All attempts, including the current or last one."""
        if self.attempt == len(self.earlier_attempts) or self.status not in _ATTEMPT_OUTCOMES:
            return self.earlier_attempts
        last = Attempt(
            number=self.attempt,
            outcome=_ATTEMPT_OUTCOMES[self.status],
            worker=self.worker,
            available_at=self.waiting_since,
            started_at=self.started_at,
            finished_at=self.finished_at,
            error=self.error,
        )
        return (*self.earlier_attempts, last)


def change(job: Job, **changes: Any) -> Job:
    """`dataclasses.replace`, in a third of its time."""
    values = dict(zip(_NAMES, _get_values(job), strict=True))
    values.update(changes)
    return Job(**values)


_NAMES = tuple(field.name for field in fields(Job))
_get_values = attrgetter(*_NAMES)


_LONGEST_TEXT = 1000
"""Characters of a header's text that a record may hold."""


def read_lineage(headers: Mapping[str, Any], job_id: str) -> tuple[str, str]:
    """The ids of a job's parent and root from Celery's headers; empty if it has none.

    Celery's retry of a job without a parent names the job itself as its parent.
    """
    parent_id, root_id = (
        _find_other(headers.get(name), job_id) for name in ("parent_id", "root_id")
    )
    return parent_id, root_id or parent_id


def _find_other(value: Any, job_id: str) -> str:
    return _read_text(value) if value != job_id else ""


def _read_text(value: Any) -> str:
    """A header's text; empty if it is not text, or not text that a record can hold."""
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        return ""
    return value if value == value.encode(errors="ignore").decode() else ""


def _read_time(value: Any) -> datetime | None:
    """A header's time, in UTC; None if it is not a time."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


_ATTEMPT_OUTCOMES = {
    Status.RUNNING: AttemptOutcome.RUNNING,
    Status.SUCCEEDED: AttemptOutcome.SUCCEEDED,
    Status.FAILED: AttemptOutcome.FAILED,
    Status.CANCELLED: AttemptOutcome.CANCELLED,
    Status.DEAD: AttemptOutcome.LOST,
}


def _seconds_between(earlier: datetime | None, later: datetime | None) -> float | None:
    return (later - earlier).total_seconds() if earlier and later else None


@lru_cache(maxsize=64)  # a job's record, message and response have the same times
def format_time(moment: datetime) -> str:
    """UTC with microseconds and a `Z`, so that text order is time order."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return f"{moment.isoformat(timespec='microseconds')[:26]}Z"
