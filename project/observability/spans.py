"""Requests, submits, waits and attempts as spans for a trace viewer, like their log lines.

A span is made when it is over, with the same ids as the lines, and passed to `Spans`. Attributes
have OpenTelemetry's names (https://opentelemetry.io/docs/specs/semconv/), or our own `jobs.*`. They
contain no parameters, results, queries or error messages.
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
    """A finished part of a trace."""

    name: str
    """A route's or a kind's name, so that there are few; not one request's or job's."""
    kind: SpanKind
    trace: Trace
    started_ns: int
    """Nanoseconds since 1970."""
    ended_ns: int
    attributes: Mapping[str, str | int | float] = field(default_factory=dict)
    error: str = ""
    """The error's class or HTTP status; empty if there was no error."""


class Spans(Protocol):
    """Where spans go."""

    def add(self, span: Span) -> None:
        """Accept the span; neither waits nor raises."""
        ...

    def close(self) -> None:
        """Send the remaining spans within a few seconds, because the process ends."""
        ...


class NoSpans:
    """Discards all spans: no collector is configured."""

    def add(self, _span: Span) -> None:
        """Discard the span."""

    def close(self) -> None:
        """Do nothing."""


NO_SPANS: Spans = NoSpans()


def message_attributes(job_id: str, kind: str, queue: str) -> dict[str, str]:
    """The attributes of spans about a job's message in the broker."""
    return {
        "messaging.system": "rabbitmq",
        "messaging.destination.name": queue,
        "messaging.message.id": job_id,
        "jobs.kind": kind,
    }


def as_nanoseconds(moment: datetime) -> int:
    """Nanoseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND * 1000
