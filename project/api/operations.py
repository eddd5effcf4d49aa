"""What operators see: how full the queues are, and the dead letters."""

from typing import Any, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from project.api.jobs import Job
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
from project.ledger.dead_letters import DeathReason

REPLAYED_AT_ONCE = 1_000


class Queue(AnswerDocument):
    """How full a queue is."""

    name: str
    depth: int = Field(description="Jobs that are due and wait for a worker")
    scheduled: int = Field(description="Jobs that are not due yet")
    running: int
    oldest_seconds: float | None = Field(
        description="How long the job that has waited longest has been due"
    )
    ready: int | None = Field(description="Messages in RabbitMQ's queue; null: it does not answer")
    consumers: int | None = Field(description="Its consumers; null: RabbitMQ does not answer")


class QueueList(AnswerDocument):
    """All queues."""

    queues: list[Queue]
    dead_letters: int = Field(description="How many jobs have been given up")


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
