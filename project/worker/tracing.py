"""The trace of messages that Celery itself publishes, and the log of messages received.

A message from `submission` carries its trace already. A message that Celery publishes (`delay`, a
canvas) gets one here: the trace of the request or attempt that publishes it, or a new one.
"""

from collections.abc import Mapping
from dataclasses import replace
from time import time_ns
from typing import Any

import structlog
from celery import signals

from project.config import Settings
from project.observability.binding import describe_cause, find_current
from project.observability.context import Trace, submit_span_id
from project.observability.spans import Span, SpanKind, Spans, message_attributes

_log = structlog.get_logger()


def connect_tracing(settings: Settings, spans: Spans) -> None:
    """Add a trace to Celery's messages, and log received messages at level debug."""

    @signals.before_task_publish.connect(weak=False)  # type: ignore[untyped-decorator]
    def publishing(headers: dict[str, Any], routing_key: str = "", **_: Any) -> None:
        submitted = add_trace(headers)
        if submitted:
            spans.add(_submit_span(headers, submitted, routing_key))

    for signal in (signals.worker_process_shutdown, signals.worker_shutdown):
        signal.connect(lambda **_: spans.close(), weak=False)

    # Celery calls every receiver for every message: so connect one only at level DEBUG.
    if settings.log_level == "DEBUG":
        signals.task_received.connect(log_received, weak=False)


def add_trace(headers: dict[str, Any]) -> Trace | None:
    """Make the message part of the current trace, unless it already has a trace."""
    if "traceparent" in headers:
        return None
    submitted = _begin(headers["id"])
    headers.update(submitted.message_headers)
    return submitted


def _begin(job_id: str) -> Trace:
    current = find_current()
    if current is not None:
        return current.submit(job_id)
    return replace(Trace.start(), span_id=submit_span_id(job_id))


def _submit_span(headers: Mapping[str, Any], submitted: Trace, routing_key: str) -> Span:
    """A span without duration: Celery does not say how long publishing takes."""
    now_ns, kind = time_ns(), headers["task"]
    return Span(
        name=f"submit {kind}",
        kind=SpanKind.PRODUCER,
        trace=submitted,
        started_ns=now_ns,
        ended_ns=now_ns,
        # A delayed message's routing key is the queue behind the delay.
        attributes=message_attributes(headers["id"], kind, routing_key.rpartition(".")[2]),
    )


def log_received(request: Any, **_: Any) -> None:
    """Log that a worker process has taken up a message."""
    submitted = Trace.of_message(request.request_dict, request.id)
    _log.debug("job_received", job_id=request.id, kind=request.name, **describe_cause(submitted))
