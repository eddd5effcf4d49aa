"""Writes the log lines and spans of an attempt.

An attempt has a span for its wait, which starts when the job was due, and a span for its run, which
carries the attempt's ids. The parent of both is the job's submit span.
"""

from datetime import UTC, datetime
from typing import Any

import structlog

from project.ledger import Job
from project.ledger.attempts import LeaseState
from project.ledger.job import Attempt, AttemptOutcome, Status
from project.observability.context import Trace, attempt_span_id, wait_span_id
from project.observability.failures import frames_of
from project.observability.spans import (
    NO_SPANS,
    Span,
    SpanKind,
    Spans,
    as_nanoseconds,
    message_attributes,
)

_FAULTS = {AttemptOutcome.RETRIED, AttemptOutcome.FAILED, AttemptOutcome.LOST}

_log = structlog.get_logger()


def log_start(job: Job, submitted: Trace, spans: Spans) -> None:
    """Log that an attempt begins, and the loss of an earlier attempt whose process was killed."""
    attempts = job.attempts
    attempt = attempts[-1]
    _log.info("job_started", worker=job.worker, wait_seconds=attempt.wait_seconds)
    _add_wait(job, attempt, submitted, spans)
    for earlier in attempts[-2:-1]:
        if earlier.outcome is AttemptOutcome.LOST:
            _log_loss(job, earlier)
            spans.add(_run_span(job, earlier, submitted))


def log_end(job: Job, submitted: Trace, spans: Spans, *, with_start: bool = False) -> None:
    """Log that an attempt has ended. The line has all ids, as it may be written elsewhere or later.

    `with_start`: the start was not logged; this line contains its fields, too.
    """
    attempts = job.attempts
    attempt = attempts[-1] if attempts else None
    _log_outcome(job, attempt, submitted, with_start=with_start)
    if attempt and spans is not NO_SPANS:
        if with_start:
            _add_wait(job, attempt, submitted, spans)
        spans.add(_run_span(job, attempt, submitted))


def log_stop(job: Job, hold: LeaseState, submitted: Trace, spans: Spans) -> None:
    """Log that an attempt has stopped on request; `job` is the record from while it ran.

    If the attempt lost its lease, the next attempt logs what became of it.
    """
    _log.info("job_stopped", reason=hold.value)
    if hold is LeaseState.CANCEL:
        spans.add(_run_span(job, job.attempts[-1], submitted, outcome=AttemptOutcome.CANCELLED))


def _log_loss(job: Job, lost: Attempt) -> None:
    """Log the attempt of a process that could not do it. Nobody knows when the attempt ended."""
    _log.warning(
        "attempt_lost",
        transaction_id=attempt_span_id(job.id, lost.number),
        attempt=lost.number,
        queue=job.queue,
        worker=lost.worker,
        outcome="failure",
    )


def _add_wait(job: Job, attempt: Attempt, submitted: Trace, spans: Spans) -> None:
    if spans is not NO_SPANS and attempt.available_at and attempt.started_at:
        spans.add(_wait_span(job, attempt, submitted))


def _log_outcome(job: Job, last: Attempt | None, submitted: Trace, *, with_start: bool) -> None:
    seconds = last.run_seconds if last else None
    fields: dict[str, Any] = {
        "trace_id": submitted.trace_id,
        "transaction_id": attempt_span_id(job.id, job.attempt) if job.attempt else None,
        "parent_id": submitted.span_id,
        "request_id": submitted.request_id or None,
        "job_id": job.id,
        "kind": job.kind,
        "queue": job.queue,
        "parent_job_id": job.parent_id or None,
        "root_job_id": job.root_id or None,
        "status": job.status.value,
        "attempt": job.attempt,
        "outcome": "success" if job.status is Status.SUCCEEDED else "failure",
        "duration_ns": None if seconds is None else round(seconds * 1e9),
    }
    if with_start and last:
        fields |= {"worker": last.worker, "wait_seconds": last.wait_seconds}
    if job.status is Status.SUCCEEDED:
        _log.info("job_finished", **fields)
    elif job.status is Status.QUEUED:
        _log.warning("job_requeued", **fields)
    elif job.status is Status.RETRYING:
        _log.warning("job_retrying", **fields, **_error_fields(job))
    else:
        _log.error("job_finished", **fields, **_error_fields(job))


def _error_fields(job: Job) -> dict[str, str]:
    """The error without its message, which may quote a parameter; the record has the message."""
    if job.error is None:
        return {}
    return {
        "error_type": job.error.type,
        "error_stack_trace": frames_of(job.error.traceback),
    }


def _wait_span(job: Job, attempt: Attempt, submitted: Trace) -> Span:
    started = attempt.started_at or datetime.now(UTC)
    return Span(
        name=f"wait {job.kind}",
        kind=SpanKind.INTERNAL,
        trace=submitted.child(wait_span_id(job.id, attempt.number)),
        started_ns=as_nanoseconds(attempt.available_at or started),
        ended_ns=as_nanoseconds(started),
        attributes=_attributes(job, attempt),
    )


def _run_span(
    job: Job, attempt: Attempt, submitted: Trace, *, outcome: AttemptOutcome | None = None
) -> Span:
    finished = attempt.finished_at or datetime.now(UTC)
    outcome = outcome or attempt.outcome
    error = attempt.error.type if attempt.error else outcome.value
    return Span(
        name=f"run {job.kind}",
        kind=SpanKind.CONSUMER,
        trace=submitted.attempt(job.id, attempt.number),
        started_ns=as_nanoseconds(attempt.started_at or finished),
        ended_ns=as_nanoseconds(finished),
        attributes={
            **_attributes(job, attempt),
            "messaging.operation.name": "run",
            "messaging.operation.type": "process",
            "jobs.attempt.outcome": outcome.value,
            "jobs.worker": attempt.worker,
        },
        error=error if outcome in _FAULTS else "",
    )


def _attributes(job: Job, attempt: Attempt) -> dict[str, str | int | float]:
    return {**message_attributes(job.id, job.kind, job.queue), "jobs.attempt": attempt.number}
