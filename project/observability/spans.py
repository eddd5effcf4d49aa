"""What log lines tell of requests, submits, waits and runs, as spans for a trace viewer.

A span is made when all of it is known, with the ids that the lines have, and handed to `Spans`.
Names of attributes are those of OpenTelemetry (https://opentelemetry.io/docs/specs/semconv/), and
`jobs.*` of our own. No parameter, result, query or text of an error is in them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from project.observability.context import Trace

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class SpanKind(StrEnum):
    """OpenTelemetry's kinds."""

    SERVER = "SERVER"
    PRODUCER = "PRODUCER"
    CONSUMER = "CONSUMER"
    INTERNAL = "INTERNAL"


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a trace that is over."""

    name: str
    """Of few: a route's or a kind's, not one request's or job's."""
    kind: SpanKind
    trace: Trace
    started_ns: int
    """Since 1970."""
    ended_ns: int
    attributes: Mapping[str, str | int | float] = field(default_factory=dict)
    error: str = ""
    """The class of what went wrong; empty where nothing did."""


class Spans(Protocol):
    """Where spans go."""

    def add(self, span: Span) -> None:
        """Take the span; neither waits nor raises."""
        ...

    def close(self) -> None:
        """The process ends: send what is left, within a few seconds."""
        ...


class NoSpans:
    """Nobody wants them."""

    def add(self, _span: Span) -> None:
        """Forget it."""

    def close(self) -> None:
        """There is nothing to do."""


NO_SPANS: Spans = NoSpans()


def message_attributes(job_id: str, kind: str, queue: str) -> dict[str, str]:
    """The attributes of spans about a job's way through the broker."""
    return {
        "messaging.system": "rabbitmq",
        "messaging.destination.name": queue,
        "messaging.message.id": job_id,
        "jobs.kind": kind,
    }


def as_nanoseconds(moment: datetime) -> int:
    """Nanoseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND * 1000
