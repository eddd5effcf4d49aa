"""Dead letters: one, a page of them, and which to list or to run again."""

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

REPLAYED_AT_ONCE = 1_000


class DeadMessage(AnswerDocument):
    """The message as it was."""

    headers: dict[str, Any]
    content_type: str
    body: Any = Field(description="JSON; a text in Base64 where it cannot be read as such")


class DeadLetter(AnswerDocument):
    """A job that was given up."""

    id: str = Field(description="The job's id, where its message named one")
    reason: DeathReason
    detail: str
    kind: str | None
    queue: str | None
    died_at: Moment
    job: Job | None = Field(description="The job's record, if there is one")
    message: DeadMessage | None = Field(description="Left out of lists")


class DeadLetterList(AnswerDocument):
    """A page of dead letters, newest first."""

    dead_letters: list[DeadLetter]
    next: str | None = Field(description="The next page's cursor; null: there is none")


class DeadLetterQuery(QueryDocument):
    """Which dead letters to list. A filter may be repeated or have commas."""

    reason: Reasons
    kind: Kinds
    queue: Queues
    cursor: Cursor = ""
    limit: Whole = Field(LISTED_BY_DEFAULT, ge=1, le=LISTED_AT_MOST, description="How many at most")


class RerunDeadLetters(RequestDocument):
    """Which dead letters to run again: those named, or those that the filters let pass."""

    ids: list[str] = Field([], max_length=REPLAYED_AT_ONCE)
    reason: Reasons
    kind: Kinds
    queue: Queues
    rate_per_second: float | None = Field(
        None, gt=0, le=10_000, description="So many become due a second; null: all at once"
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
    """An answer for each dead letter that was taken."""

    jobs: list[BulkItem]
    left: int = Field(description="Dead letters that there are still, of all kinds and reasons")


def serialize_dead_letter(
    letter: LedgerDeadLetter,
    job: LedgerJob | None,
    trace_link: str = "",
    *,
    with_message: bool = True,
) -> dict[str, Any]:
    """A dead letter and its job, if that has a record."""
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
    """Without its owner: who knows that id passes for that browser."""
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
