"""What documents consist of: times, filters, pages; and the three kinds of document. Pure.

A request's document refuses unknown fields, so that a misspelt name is an error, and text in place
of a number. Answers may gain fields later.
"""

import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError

from project.ledger import Status
from project.ledger.dead_letters import DeadLetterFilter, DeathReason
from project.ledger.job import format_time
from project.ledger.listing import JobFilter

Moment = Annotated[
    str, Field(json_schema_extra={"format": "date-time"}, examples=["2026-05-04T12:00:00.123456Z"])
]
"""A point in time in an answer: UTC with microseconds and a `Z`."""

Filter = TypeVar("Filter", JobFilter, DeadLetterFilter)


def _read_whole(value: Any) -> Any:
    """Refuse `1.0`, `1_0` and surrounding blanks: pydantic accepts them, JSON Schema does not."""
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,9}", value):
        raise PydanticCustomError("whole_number", "must be a whole number")
    return value


Whole = Annotated[int, BeforeValidator(_read_whole)]

_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)


def _read_instant(value: Any) -> Any:
    """Parse an RFC 3339 time; without an offset it would be ambiguous."""
    refusal = PydanticCustomError(
        "instant", "must be a time with its offset, as in 2026-05-04T12:00:00Z (in a URL + is %2B)"
    )
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise refusal
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):  # the 30th of February; the last hours of the year 9999
        raise refusal from None


Instant = Annotated[datetime, BeforeValidator(_read_instant)]

Cursor = Annotated[
    str,
    Field(
        max_length=200,
        json_schema_extra={"format": "cursor"},
        description="Pass `next` from the previous page, or leave it out",
    ),
]
_AS_TEXT = Field(strict=False)
"""A strict model accepts enum members only, which JSON does not have."""

Kinds = Annotated[
    list[str], Field(default_factory=list, max_length=100, description="Only these kinds")
]
Statuses = Annotated[
    list[Annotated[Status, _AS_TEXT]],
    Field(default_factory=list, description="Only these statuses"),
]
Reasons = Annotated[
    list[Annotated[DeathReason, _AS_TEXT]],
    Field(default_factory=list, description="Only these reasons"),
]


def _check_queue(name: str, info: ValidationInfo) -> str:
    """Check the name against the configured queues, which the caller passes as the context."""
    queues: Mapping[str, Any] = (info.context or {}).get("queues", {})
    if name not in queues:
        offered = ", ".join(map(repr, queues))
        raise PydanticCustomError("queue", "must be one of {offered}", {"offered": offered})
    return name


QUEUE_FORMAT = "queue"
"""The schema format of a configured queue's name."""

QueueName = Annotated[
    str, AfterValidator(_check_queue), Field(json_schema_extra={"format": QUEUE_FORMAT})
]
Queues = Annotated[
    list[QueueName],
    Field(default_factory=list, description="Only these queues"),
]

LISTED_BY_DEFAULT = 50
LISTED_AT_MOST = 200


class RequestDocument(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class QueryDocument(BaseModel):
    """A URL's query: texts, some of them numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AnswerDocument(BaseModel):
    """An answer's body."""

    model_config = ConfigDict(frozen=True)


def make_filter(kind: type[Filter], document: BaseModel) -> Filter:
    """The ledger's filter, from the document's fields that the filter has too."""
    names = {field.name for field in fields(kind)} & set(type(document).model_fields)
    values: dict[str, Any] = {name: getattr(document, name) for name in names}
    lists = {name: frozenset(value) for name, value in values.items() if isinstance(value, list)}
    return kind(**values | lists)


def serialize_time(moment: datetime | None) -> str | None:
    """A time in the format of answers."""
    return format_time(moment) if moment else None
