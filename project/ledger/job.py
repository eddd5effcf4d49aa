"""What a job is, and which steps its status allows. Pure: no Redis, no clock.

accepted ─► queued ─► running ─► succeeded
    │          │       │  ▲ ├──► failed
    │          │       ▼  │ ├──► cancelled
    │          │    retrying└──► dead
    └──────────┴─► cancelled
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self

import orjson


class Status(StrEnum):
    """Where a job stands."""

    ACCEPTED = "accepted"
    """Recorded; the broker has not confirmed it yet."""
    QUEUED = "queued"
    """Confirmed by the broker: it will reach an outcome."""
    RUNNING = "running"
    """A worker has claimed it."""
    RETRYING = "retrying"
    """An attempt failed for a reason that may pass; another one is scheduled."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    """Withdrawn or cancelled; a message that still arrives is dropped at the claim."""
    DEAD = "dead"
    """Given up by the broker, not by the job's own code: see the dead letters."""

    @property
    def is_final(self) -> bool:
        """Whether the job has ended."""
        return self in FINAL


FINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.DEAD})

# The claim may overtake the web process's "queued": the worker sees the message the moment the
# broker has it. RUNNING → RUNNING is the claim of a redelivered message, as a new attempt.
SOURCES: Mapping[Status, frozenset[Status]] = {
    Status.ACCEPTED: frozenset(),
    Status.QUEUED: frozenset({Status.ACCEPTED}),
    Status.RUNNING: frozenset({Status.ACCEPTED, Status.QUEUED, Status.RUNNING, Status.RETRYING}),
    Status.RETRYING: frozenset({Status.RUNNING}),
    Status.SUCCEEDED: frozenset({Status.RUNNING}),
    Status.FAILED: frozenset({Status.RUNNING}),
    Status.CANCELLED: frozenset({Status.ACCEPTED, Status.QUEUED, Status.RUNNING, Status.RETRYING}),
    Status.DEAD: frozenset({Status.ACCEPTED, Status.QUEUED, Status.RUNNING, Status.RETRYING}),
}
"""For each status, the statuses it may be reached from."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running job is: `done` of `total`, and what it is doing."""

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
class Job:
    """One run of a kind. `id` is the Celery task id and the id in every log line."""

    id: str
    kind: str
    lane: str
    status: Status
    parameters: Mapping[str, Any]
    submitted_at: datetime
    owner: str = ""
    """The browser or client it belongs to; empty where nobody asked to see it again."""
    trace_id: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    """When somebody asked a running job to stop."""
    worker: str = ""
    attempt: int = 0
    """Number of claims so far; 0 until a worker has taken the job."""
    progress: Progress | None = None
    result: Any = None
    error: JobError | None = None
    version: int = 0
    """Grows by one with every change, so that a late event is known as late."""

    @property
    def is_withdrawn(self) -> bool:
        """Whether it could not be handed to the broker: its client was told to try again."""
        return self.status is Status.CANCELLED and self.error == WITHDRAWN

    @classmethod
    def from_record(cls, record: Mapping[str, str]) -> Self:
        """The job that a Redis hash, or an event made from it, describes."""
        return cls(
            **{
                field.name: _DECODERS.get(field.name, str)(record[field.name])
                for field in fields(cls)
                if field.name in record
            }
        )

    def to_record(self) -> dict[str, str]:
        """The job as a flat Redis hash; absent values are left out."""
        return encode_fields({field.name: getattr(self, field.name) for field in fields(self)})


def encode_fields(values: Mapping[str, Any]) -> dict[str, str]:
    """Fields of a job as the Redis hash stores them, without those that are None or empty text."""
    return {
        name: _encode(name, value)
        for name, value in values.items()
        if value is not None and (value != "" or name in _JSON_FIELDS)
    }


def encode_json(value: Any) -> str:
    """JSON text of plain values and of the dataclasses above."""
    return orjson.dumps(value).decode()


def _encode(name: str, value: Any) -> str:
    if name in _JSON_FIELDS:
        return encode_json(value)
    return format_time(value) if isinstance(value, datetime) else str(value)


def format_time(moment: datetime) -> str:
    """UTC with microseconds and a `Z`, so that text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


_JSON_FIELDS = frozenset({"parameters", "progress", "result", "error"})

_DECODERS: Mapping[str, Any] = {
    "status": Status,
    "parameters": orjson.loads,
    "submitted_at": datetime.fromisoformat,
    "started_at": datetime.fromisoformat,
    "finished_at": datetime.fromisoformat,
    "cancel_requested_at": datetime.fromisoformat,
    "attempt": int,
    "progress": lambda text: Progress(**orjson.loads(text)),
    "result": orjson.loads,
    "error": lambda text: JobError(**orjson.loads(text)),
    "version": int,
}
