"""Jobs as answers tell them, lists of jobs, and kinds."""

from typing import Any, Literal

from pydantic import Field

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
)
from project.ledger import Status
from project.ledger.job import AttemptOutcome


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


class JobQuery(QueryDocument):
    """Which jobs to list. A filter may be repeated or have commas; none lets all pass."""

    status: Statuses
    kind: Kinds
    queue: Queues
    submitted_after: Instant | None = Field(None, description="Submitted after this time")
    submitted_before: Instant | None = Field(None, description="Submitted before this time")
    owner: Literal["me"] | None = Field(
        None, description="`me`: this browser's; of those the newest 200, without further pages"
    )
    cursor: Cursor = ""
    limit: Whole = Field(LISTED_BY_DEFAULT, ge=1, le=LISTED_AT_MOST, description="How many at most")


class RunTime(AnswerDocument):
    """How long jobs of a kind run in a queue."""

    queue: str
    runs: int = Field(description="So many were looked at")
    p50_seconds: float
    p95_seconds: float = Field(description="19 of 20 take no longer")
    blocks_queue: bool = Field(description="Whether that is longer than the queue promises")


class Kind(AnswerDocument):
    """What can be run."""

    name: str
    title: str
    description: str
    queue: str | None = Field(description="None: it depends on the parameters")
    parameters: dict[str, Any] = Field(description="JSON Schema of its parameters")
    time_limit_seconds: float
    max_attempts: int
    run_times: list[RunTime] = Field(description="Measured from the newest jobs; by queue")


class KindList(AnswerDocument):
    """All kinds that are offered."""

    kinds: list[Kind]
