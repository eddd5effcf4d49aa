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
    """A running job's progress."""

    done: float
    total: float
    step: str = Field(description="What the job is doing")


class Failure(AnswerDocument):
    """Why a job failed."""

    type: str
    message: str


class Attempt(AnswerDocument):
    """One attempt to run a job."""

    number: int
    outcome: AttemptOutcome
    worker: str | None
    available_at: Moment | None = Field(description="When it became ready for a worker")
    started_at: Moment | None
    finished_at: Moment | None
    wait_seconds: float | None
    run_seconds: float | None
    error: Failure | None


class Job(AnswerDocument):
    """A job's current state, without its parameters, which may be private."""

    id: str
    kind: str
    title: str = Field(description="The kind's name for people")
    queue: str = Field(description="The job's queue")
    status: Status
    progress: Progress | None
    worker: str | None = Field(description="The worker that runs the job, or ran it last")
    attempt: int = Field(description="Number of attempts so far")
    submitted_at: Moment
    run_at: Moment | None = Field(description="The job does not run before; null: no delay")
    available_at: Moment | None = Field(description="When the job is, or was, ready for a worker")
    started_at: Moment | None
    finished_at: Moment | None
    expires_at: Moment | None = Field(description="When the finished job's record is deleted")
    cancel_requested_at: Moment | None = Field(
        description="When the cancellation of the running job was requested"
    )
    is_internal: bool = Field(
        description="Whether clients cannot submit its kind; such a job reruns only with its parent"
    )
    has_log: bool = Field(description="Whether its code had logged anything at this version")
    result: Any = Field(description="What the job returned; each `file` in it has a `url`")
    error: Failure | None
    attempts: list[Attempt] = Field(description="All attempts, oldest first, with the current one")
    key: str | None = Field(description="Its name among its parent's child jobs")
    parent_id: str | None = Field(description="The job that submitted it")
    root_id: str = Field(description="The top job of its tree, or its own id")
    rerun_of: str | None = Field(description="The finished job that this job reruns")
    rerun_as: str | None = Field(description="The job that reruns this one")
    trace_id: str | None = Field(description="The id under which to find its log lines")
    trace_url: str | None = Field(
        description="Where its trace is shown; null unless JOBS_TRACE_LINK is set"
    )
    version: int = Field(description="Increases with every change")


class JobList(AnswerDocument):
    """A page of jobs, newest first."""

    jobs: list[Job]
    next: str | None = Field(description="The next page's cursor; null on the last page")


class JobTree(AnswerDocument):
    """A job and all its descendants: its child jobs, their child jobs, and so on."""

    root_id: str = Field(description="The top job of the whole tree")
    jobs: list[Job] = Field(description="This job first, parents before their child jobs")
    counts: dict[str, int] = Field(description="Number of descendants by status")
    is_complete: bool = Field(description="False if the tree has more jobs than are listed")


class JobChoice(QueryDocument):
    """Filters of a list or stream of jobs. Repeat one or separate its values with commas.

    `make_filter` maps each field to the ledger's `JobFilter` field of the same name.
    """

    status: Statuses
    kind: Kinds
    queue: Queues


class JobQuery(JobChoice):
    """Which jobs to list. Repeat a filter or separate its values with commas."""

    submitted_after: Instant | None = Field(None, description="Submitted after this time")
    submitted_before: Instant | None = Field(None, description="Submitted before this time")
    owner: Literal["me"] | None = Field(
        None, description="`me` lists this browser's newest 200 jobs, without further pages"
    )
    cursor: Cursor = ""
    limit: Whole = Field(LISTED_BY_DEFAULT, ge=1, le=LISTED_AT_MOST, description="Page size")


def serialize_job(job: LedgerJob, trace_link: str = "") -> dict[str, Any]:
    """A job as its schema describes it, without its parameters, which may be private.

    The schema's model is not used: it would validate the ledger's values again, which takes as
    long as accepting the job.
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
    """A job and its descendants, of which the caller has read `limit` jobs or fewer."""
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
    """The error without its traceback, which would reveal our code."""
    return {"type": error.type, "message": error.message} if error else None
