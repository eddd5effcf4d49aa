"""The API's documents: what a request may hold and what an answer holds, as pydantic models. Pure.

A request's document takes no field that it does not know, so that a misspelt one is refused by its
name, and no text in place of a number. Answers may get further fields in time.
"""

import re
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    EmailStr,
    Field,
    TypeAdapter,
    create_model,
)
from pydantic_core import PydanticCustomError

from project import jobs
from project.lane import Lane
from project.ledger import Status

Moment = Annotated[
    str, Field(json_schema_extra={"format": "date-time"}, examples=["2026-05-04T12:00:00.123456Z"])
]
"""A point in time as an answer tells it: UTC with microseconds and a `Z`."""


def _read_whole(value: Any) -> Any:
    """pydantic takes `1.0`, `1_0` and blanks around as well, which JSON Schema does not."""
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,9}", value):
        raise PydanticCustomError("whole_number", "must be a whole number")
    return value


Whole = Annotated[int, BeforeValidator(_read_whole)]

LISTED_BY_DEFAULT = 50
LISTED_AT_MOST = 200


class RequestDocument(BaseModel):
    """A body of a request."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class QueryDocument(BaseModel):
    """What follows the `?`: texts, and some say numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AnswerDocument(BaseModel):
    """A body of an answer."""

    model_config = ConfigDict(frozen=True)


# ── Jobs ──


class Submission(RequestDocument):
    """A job to run."""

    kind: str = Field(description="What to run: a name from `/api/v1/kinds`")
    parameters: dict[str, Any] = Field({}, description="What the kind's JSON Schema asks for")


def _describe_submission(kind: jobs.Kind) -> type[BaseModel]:
    """A submission of this kind. It tells; checking the parameters is the kind's own affair."""
    name = "".join(word.capitalize() for word in kind.name.replace(".", "_").split("_"))
    name_type: Any = Literal[kind.name]
    return create_model(
        f"{name}Submission",
        __base__=Submission,
        __doc__=f"{kind.title}: a job of the kind `{kind.name}`.",
        kind=(name_type, Field(description="What to run")),
        parameters=(kind.parameters_model, Field(description="What it runs with")),
    )


def any_submission() -> TypeAdapter[Any]:
    """A submission of any kind that is offered, for the description of the API."""
    offered = [kind for kind in jobs.KINDS.values() if not kind.is_internal]
    choice: Any = reduce(or_, (_describe_submission(kind) for kind in offered))
    return TypeAdapter(Annotated[choice, Field(discriminator="kind")])


class Progress(AnswerDocument):
    """How far a running job is."""

    done: float
    total: float
    step: str = Field(description="What it is doing")


class Failure(AnswerDocument):
    """Why a job failed."""

    type: str
    message: str


class Job(AnswerDocument):
    """A job as it is. Its parameters are left out: they may be private."""

    id: str
    kind: str
    title: str = Field(description="The kind's name for people")
    lane: str = Field(description="The queue that it goes through")
    status: Status
    progress: Progress | None
    worker: str | None = Field(description="Who runs it, or ran it last")
    attempt: int = Field(description="How often a worker has taken it")
    submitted_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    cancel_requested_at: Moment | None = Field(
        description="When somebody asked a running job to stop"
    )
    result: Any = Field(description="What it returned; each `file` in it has a `url`")
    error: Failure | None
    trace_id: str | None = Field(description="Finds its log lines")
    version: int = Field(description="Grows with every change")


class JobList(AnswerDocument):
    """Jobs, newest first."""

    jobs: list[Job]


class JobQuery(QueryDocument):
    """Which jobs to list."""

    limit: Whole = Field(
        LISTED_BY_DEFAULT, ge=1, le=LISTED_AT_MOST, description="How many jobs at most"
    )


class NewsQuery(QueryDocument):
    """What to follow. A filter may be repeated or have commas; none lets all pass."""

    scope: Literal["own", "all"] = Field(
        "own", description="This browser's jobs and sign-ups, or all jobs"
    )
    kind: list[str] = Field([], description="Jobs of these kinds only")
    lane: list[Lane] = Field([], description="Jobs on these lanes only")
    status: list[Status] = Field([], description="Jobs that come to these statuses only")


class SocketMessage(AnswerDocument):
    """One event."""

    event: Literal["job", "signup", "resync"]
    data: dict[str, Any] = Field(description="The job or the sign-up; empty for `resync`")


class Kind(AnswerDocument):
    """What can be run."""

    name: str
    title: str
    parameters: dict[str, Any] = Field(description="JSON Schema of its parameters")
    time_limit_seconds: float
    max_attempts: int


class KindList(AnswerDocument):
    """All kinds that are offered."""

    kinds: list[Kind]


# ── Sign-ups ──


class SignUpForm(RequestDocument):
    """A picture and an address."""

    picture: bytes = Field(
        description="A JPEG, PNG, GIF or WebP file",
        json_schema_extra={"format": "binary", "contentMediaType": "image/*"},
    )
    email: EmailStr = Field(description="Gets a mail with a confirmation link")


class SignUp(AnswerDocument):
    """A sign-up and the ids of its two jobs."""

    id: str
    email: str
    picture_job: str
    mail_job: str
    created_at: Moment
    confirmed_at: Moment | None


class SignUpList(AnswerDocument):
    """Sign-ups, newest first."""

    signups: list[SignUp]


# ── The tutorial's routes ──


TaskStatus = Literal["PENDING", "SUCCESS", "FAILURE", "REVOKED"]


class TaskSubmission(BaseModel):
    """A job that sleeps. Further fields are ignored, as the tutorial does."""

    model_config = ConfigDict(frozen=True)

    type: int = Field(ge=0, description="Tens of seconds to sleep")


class TaskCreated(AnswerDocument):
    """The job's id, in the tutorial's words."""

    task_id: str


class Task(AnswerDocument):
    """A job in the tutorial's words."""

    task_id: str
    task_status: TaskStatus
    task_result: Any


# ── Probes and problems ──


class Health(AnswerDocument):
    """The process answers."""

    status: Literal["ok"]


class Readiness(AnswerDocument):
    """Whether work can be taken."""

    status: Literal["ready", "not ready"]
    parts: dict[str, Literal["ok", "missing"]]


class Problem(AnswerDocument):
    """What went wrong: a problem document (RFC 9457)."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Bad Request"])
    status: int = Field(examples=[400])
    detail: str = Field(description="What to change, in a sentence")
    field: str = Field("", description="The field that it is about, where it is about one")
    request_id: str | None = Field(description="Finds the request's log lines")
