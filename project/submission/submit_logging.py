"""Writes the log line of a submitted job, and the span of its submit."""

import time
from dataclasses import replace

import structlog

from project.ledger import Job
from project.observability.context import Trace
from project.observability.spans import NO_SPANS, Span, SpanKind, Spans, message_attributes

_log = structlog.get_logger()


def find_submit(job: Job, trace: Trace) -> Trace:
    """The span of the job's submit, where `trace` is the submitter's.

    A job that an earlier request recorded, and that is published again, stays in its first trace.
    """
    if job.trace_id in {"", trace.trace_id}:
        return trace.submit(job.id)
    return replace(Trace.of_job(job.id, job.trace_id), request_id=trace.request_id)


def log_submitted(job: Job, trace: Trace, submitted: Trace, seconds: float, spans: Spans) -> None:
    """Log that the job will run; `submitted` is the span of its submit, which took `seconds`."""
    duration_ns = round(seconds * 1e9)
    _log.info(
        "job_submitted",
        job_id=job.id,
        kind=job.kind,
        queue=job.queue,
        parent_job_id=job.parent_id or None,
        root_job_id=job.root_id or None,
        trace_id=submitted.trace_id,
        span_id=submitted.span_id,
        transaction_id=trace.span_id,
        duration_ns=duration_ns,
    )
    if spans is not NO_SPANS:
        spans.add(_submit_span(job, submitted, duration_ns))


def _submit_span(job: Job, submitted: Trace, duration_ns: int) -> Span:
    now_ns = time.time_ns()
    return Span(
        name=f"submit {job.kind}",
        kind=SpanKind.PRODUCER,
        trace=submitted,
        started_ns=now_ns - duration_ns,
        ended_ns=now_ns,
        attributes={
            **message_attributes(job.id, job.kind, job.queue),
            "messaging.operation.name": "submit",
            "messaging.operation.type": "send",
        },
    )
