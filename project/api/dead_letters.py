"""Dead letters: one, a page of them, and which to list or rerun."""

import base64
from typing import Any, Self

import orjson
from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from project.api.jobs import Job, serialize_job
from project.api.submissions import BulkItem
from project.api.values import (
    LISTED_AT_MOST,
    LISTED_BY_DEFAULT,
    AnswerDocument,
    Cursor,
    Kinds,
    Moment,
    QueryDocument,
    Queues,
    Reasons,
    RequestDocument,
    Whole,
)
from project.ledger import Job as LedgerJob
from project.ledger.dead_letters import DeadLetter as LedgerDeadLetter
from project.ledger.dead_letters import DeathReason
from project.ledger.job import format_time

RERUN_AT_ONCE = 1_000


class DeadMessage(AnswerDocument):
    """The job's message as it arrived."""

    headers: dict[str, Any]
    content_type: str
    body: Any = Field(description="The body as JSON, or in Base64 if it is not valid JSON")


class DeadLetter(AnswerDocument):
    """A dead job with its message and the reason for its death."""

    id: str = Field(description="The job's id, if its message has one; otherwise a generated id")
    reason: DeathReason
    detail: str
    kind: str | None
    queue: str | None
    died_at: Moment
    job: Job | None = Field(description="The job's record; null if it has none")
    message: DeadMessage | None = Field(description="The message; null in lists")


class DeadLetterList(AnswerDocument):
    """A page of dead letters, newest first."""

    dead_letters: list[DeadLetter]
    next: str | None = Field(description="The next page's cursor; null on the last page")


class DeadLetterQuery(QueryDocument):
    """Which dead letters to list. Repeat a filter or separate its values with commas."""

    reason: Reasons
    kind: Kinds
    queue: Queues
    cursor: Cursor = ""
    limit: Whole = Field(LISTED_BY_DEFAULT, ge=1, le=LISTED_AT_MOST, description="Page size")


class RerunDeadLetters(RequestDocument):
    """Which dead letters to rerun: by `ids`, or all that match the filters."""

    ids: list[str] = Field([], max_length=RERUN_AT_ONCE)
    reason: Reasons
    kind: Kinds
    queue: Queues
    rate_per_second: float | None = Field(
        None,
        gt=0,
        le=10_000,
        description="Release rate in jobs per second; null releases all at once",
    )

    model_config = ConfigDict(
        json_schema_extra={
            "not": {
                "required": ["ids"],
                "anyOf": [{"required": [name]} for name in ("reason", "kind", "queue")],
            }
        }
    )

    @model_validator(mode="after")
    def _check_choice(self) -> Self:
        if "ids" in self.model_fields_set and {"reason", "kind", "queue"} & self.model_fields_set:
            raise PydanticCustomError("choice", "name ids or filters, not both")
        return self


class RerunAnswer(AnswerDocument):
    """One result per selected dead letter."""

    jobs: list[BulkItem]
    left: int = Field(description="How many dead letters remain, of all kinds and reasons")


def serialize_dead_letter(
    letter: LedgerDeadLetter,
    job: LedgerJob | None,
    trace_link: str = "",
    *,
    with_message: bool = True,
) -> dict[str, Any]:
    """A dead letter and its job, if the job has a record."""
    return DeadLetter(
        id=letter.id,
        reason=letter.reason,
        detail=letter.detail,
        kind=letter.kind or None,
        queue=letter.queue or None,
        died_at=format_time(letter.died_at),
        job=Job(**serialize_job(job, trace_link)) if job else None,
        message=_serialize_message(letter) if with_message else None,
    ).model_dump()


def _serialize_message(letter: LedgerDeadLetter) -> DeadMessage:
    """The message without its owner: anyone who knows that id could act as that browser."""
    return DeadMessage(
        headers={name: value for name, value in letter.headers.items() if name != "owner"},
        content_type=letter.content_type,
        body=_serialize_body(letter.body),
    )


def _serialize_body(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return base64.b64encode(body).decode()
