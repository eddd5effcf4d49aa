"""Jobs: one, a page of them, a tree of them, and which to list."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal

from pydantic import Field

from project.api.files import add_links
from project.api.values import (
    LISTED_AT_MOST,
    LISTED_BY_DEFAULT,
    AnswerDocument,
    Cursor,
    Instant,
    Kinds,
    Moment,
    QueryDocument,
    Queues,
    Statuses,
    Whole,
    serialize_time,
)
from project.jobs import KINDS
from project.ledger import Job as LedgerJob
from project.ledger import Status
from project.ledger.job import Attempt as LedgerAttempt
from project.ledger.job import AttemptOutcome, JobError


class Progress(AnswerDocument):
    """How far a running job is."""

    done: float
    total: float
    step: str = Field(description="What it is doing")


class Failure(AnswerDocument):
    """Why a job failed."""

    type: str
    message: str


class Attempt(AnswerDocument):
    """One attempt to run a job."""

    number: int
    outcome: AttemptOutcome
    worker: str | None
    available_at: Moment | None = Field(description="Since when it waited for a worker")
    started_at: Moment | None
    finished_at: Moment | None
    wait_seconds: float | None
    run_seconds: float | None
    error: Failure | None


class Job(AnswerDocument):
    """A job as it is. Its parameters are left out: they may be private."""

    id: str
    kind: str
    title: str = Field(description="The kind's name for people")
    queue: str = Field(description="The queue that it goes through")
    status: Status
    progress: Progress | None
    worker: str | None = Field(description="Who runs it, or ran it last")
    attempt: int = Field(description="How often a worker has taken it")
    submitted_at: Moment
    run_at: Moment | None = Field(description="Not before this time; null: at once")
    available_at: Moment | None = Field(description="Since when it waits for a worker, or will")
    started_at: Moment | None
    finished_at: Moment | None
    expires_at: Moment | None = Field(description="When it is forgotten, as it has ended")
    cancel_requested_at: Moment | None = Field(
        description="When somebody asked a running job to stop"
    )
    is_internal: bool = Field(
        description="Whether its kind is not offered to clients: it is run again as a part only"
    )
    has_log: bool = Field(description="Whether its code had logged something by this change")
    result: Any = Field(description="What it returned; each `file` in it has a `url`")
    error: Failure | None
    attempts: list[Attempt] = Field(description="All of them, the present one too; oldest first")
    key: str | None = Field(description="Its name among its parent's children")
    parent_id: str | None = Field(description="The job that submitted it")
    root_id: str = Field(description="The first of its line of parents, or itself")
    rerun_of: str | None = Field(description="The ended job that it repeats")
    rerun_as: str | None = Field(description="The job that repeats it")
    trace_id: str | None = Field(description="Finds its log lines")
    trace_url: str | None = Field(description="Shows its trace; null where nothing is set to")
    version: int = Field(description="Grows with every change")


class JobList(AnswerDocument):
    """A page of jobs, newest first."""

    jobs: list[Job]
    next: str | None = Field(description="The next page's cursor; null: there is none")


class JobTree(AnswerDocument):
    """A job and the jobs that it has submitted, they and theirs."""

    root_id: str = Field(description="The job at the top of all of them")
    jobs: list[Job] = Field(description="This job first, parents before their children")
    counts: dict[str, int] = Field(description="How many of its descendants have which status")
    is_complete: bool = Field(description="False: there are more than are listed")


class JobChoice(QueryDocument):
    """Which jobs, in a list or a stream. A filter may be repeated or have commas.

    Each is mapped to the ledger's `JobFilter` by its name.
    """

    status: Statuses
    kind: Kinds
    queue: Queues


class JobQuery(JobChoice):
    """Which jobs to list. A filter may be repeated or have commas; none lets all pass."""

    submitted_after: Instant | None = Field(None, description="Submitted after this time")
    submitted_before: Instant | None = Field(None, description="Submitted before this time")
    owner: Literal["me"] | None = Field(
        None, description="`me`: this browser's; of those the newest 200, without further pages"
    )
    cursor: Cursor = ""
    limit: Whole = Field(LISTED_BY_DEFAULT, ge=1, le=LISTED_AT_MOST, description="How many at most")


def serialize_job(job: LedgerJob, trace_link: str = "") -> dict[str, Any]:
    """A job, by its schema; its parameters are left out, they may be private.

    Not made by the schema's model, which would check once more what comes from the ledger: that
    takes as long as to take the job in.
    """
    kind = KINDS.get(job.kind)
    return {
        "id": job.id,
        "kind": job.kind,
        "title": kind.title if kind else job.kind,
        "queue": job.queue,
        "status": job.status,
        "progress": asdict(job.progress) if job.progress else None,
        "worker": job.worker or None,
        "attempt": job.attempt,
        "submitted_at": serialize_time(job.submitted_at),
        "run_at": serialize_time(job.run_at),
        "available_at": serialize_time(job.available_at),
        "started_at": serialize_time(job.started_at),
        "finished_at": serialize_time(job.finished_at),
        "expires_at": serialize_time(job.expires_at),
        "cancel_requested_at": serialize_time(job.cancel_requested_at),
        "is_internal": kind is not None and kind.is_internal,
        "has_log": job.has_log,
        "result": add_links(job.result),
        "error": _serialize_error(job.error),
        "attempts": [_serialize_attempt(attempt) for attempt in job.attempts],
        "key": job.key or None,
        "parent_id": job.parent_id or None,
        "root_id": job.root_id or job.id,
        "rerun_of": job.rerun_of or None,
        "rerun_as": job.rerun_as or None,
        "trace_id": job.trace_id or None,
        "trace_url": _make_trace_url(job, trace_link),
        "version": job.version,
    }


def serialize_tree(jobs: Sequence[LedgerJob], limit: int, trace_link: str = "") -> dict[str, Any]:
    """A job and its descendants, which were read up to the limit."""
    return {
        "root_id": jobs[0].root_id or jobs[0].id,
        "jobs": [serialize_job(job, trace_link) for job in jobs],
        "counts": Counter(job.status.value for job in jobs[1:]),
        "is_complete": len(jobs) < limit,
    }


def _make_trace_url(job: LedgerJob, trace_link: str) -> str | None:
    return trace_link.replace("{trace_id}", job.trace_id) if job.trace_id and trace_link else None


def _serialize_attempt(attempt: LedgerAttempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "outcome": attempt.outcome,
        "worker": attempt.worker or None,
        "available_at": serialize_time(attempt.available_at),
        "started_at": serialize_time(attempt.started_at),
        "finished_at": serialize_time(attempt.finished_at),
        "wait_seconds": attempt.wait_seconds,
        "run_seconds": attempt.run_seconds,
        "error": _serialize_error(attempt.error),
    }


def _serialize_error(error: JobError | None) -> dict[str, str] | None:
    """Without the traceback, which tells of our code."""
    return {"type": error.type, "message": error.message} if error else None
