"""What happens to one job inside a worker: the steps of `execute`, in order.

1. trace    put the ids of the click that caused it on every log line
2. claim    the right to run, from the ledger, and keep its lease while the job runs; a job that
            may not run is dropped, one that another worker still runs is looked at again later
3. bind     the parameters from the message; wrong ones fail the job
4. run      the kind's function
5. outcome  a value, a retry or an error, which Celery hands to `results`, and that to the ledger
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Never

import structlog
from amqp.exceptions import (  # type: ignore[import-untyped]  # py-amqp ships no types
    AMQPError,
    MessageNacked,
)
from celery.exceptions import Ignore, Reject, SoftTimeLimitExceeded
from kombu.exceptions import KombuError
from redis import RedisError

from project.errors import CancelledError, LeasedError, TemporaryError, TransitionError
from project.files import FileStore
from project.jobs import Context, Kind
from project.ledger import Job, Ledger, Progress, Status
from project.ledger.store import Hold
from project.mail import MailServer
from project.observability.context import Trace
from project.worker.keeper import Held, Keeper, describe_holder, finish_cancelled, is_gone

PROGRESS_INTERVAL_SECONDS = 0.2
"""Progress is written at most this often; more would not be seen."""

POSTPONE_SECONDS = 2
"""After so long a message is looked at again whose job another worker still runs."""

_PUBLISH_ERRORS = (KombuError, AMQPError, MessageNacked, OSError)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Equipment:
    """What all jobs of a worker share."""

    ledger: Ledger
    keeper: Keeper
    files: FileStore
    mail: MailServer
    retention_seconds: int


def execute(
    kind: Kind, task: Any, equipment: Equipment, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Run one job. In this process (`create_task.run(1)`, `.apply()`) it is the plain function."""
    request = task.request
    if request.called_directly or request.is_eager:
        return kind.run(kind.bind(args, kwargs), _context(equipment, 1, Context().report_progress))
    trace = _bind_log_context(kind, request)
    described = _job_of(request, kind, kind.name_arguments(args, kwargs), trace)
    claimed = _claim(equipment.ledger, task, described)
    request.job = claimed
    structlog.contextvars.bind_contextvars(attempt=claimed.attempt)
    _log.info("job_started", worker=claimed.worker, wait_seconds=_wait_seconds(claimed))
    with equipment.keeper.keep(claimed) as held:
        try:
            if claimed.cancel_requested_at:
                held.ask_to_stop(Hold.CANCEL)
            context = _context(equipment, claimed.attempt, _progress_reporter(equipment, held))
            return kind.run(kind.bind(args, kwargs), context)
        except TemporaryError as error:
            if held.is_to_stop:
                _stop(equipment.ledger, held)
            _retry(kind, task, error)
        except (CancelledError, SoftTimeLimitExceeded):
            if not held.is_to_stop:
                raise
            _stop(equipment.ledger, held)


def _bind_log_context(kind: Kind, request: Any) -> Trace:
    trace = Trace.start(getattr(request, "traceparent", None), getattr(request, "request_id", None))
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(
        trace_id=trace.trace_id,
        span_id=trace.span_id,
        request_id=trace.request_id,
        job_id=request.id,
        kind=kind.name,
    )
    return trace


def _job_of(request: Any, kind: Kind, parameters: dict[str, Any], trace: Trace) -> Job:
    """The job as its message describes it; the record, should Redis have lost it."""
    submitted_at = getattr(request, "submitted_at", None)
    return Job(
        id=request.id,
        kind=kind.name,
        # A delayed message's routing key is the lane behind the delay: `0.0.….1.short`.
        lane=request.delivery_info["routing_key"].rpartition(".")[2],
        status=Status.QUEUED,
        parameters=parameters,
        submitted_at=datetime.fromisoformat(submitted_at) if submitted_at else datetime.now(UTC),
        owner=getattr(request, "owner", None) or "",
        trace_id=trace.trace_id,
        worker=request.hostname,
    )


def _claim(ledger: Ledger, task: Any, job: Job, stale_lease: str = "") -> Job:
    try:
        return ledger.claim(job, job.worker, describe_holder(), stale_lease)
    except LeasedError as error:
        if not stale_lease and is_gone(error.lease):
            return _claim(ledger, task, job, stale_lease=error.lease)
        _postpone(task, job, error)
    except TransitionError as error:
        _log.info("job_dropped", reason=str(error))
        raise Ignore(str(error)) from error
    except RedisError as error:
        # A job that was never claimed has no outcome; Celery would record this as one, and ack.
        _log.error("claim_failed", exc_info=error)
        raise Reject(str(error), requeue=True) from error


def _postpone(task: Any, job: Job, reason: LeasedError) -> Never:
    """Look again in a moment: put a copy of the message back, with a delay, and drop this one.

    A requeue would count as a failed delivery, and come back at once.
    """
    _log.info("job_postponed", reason=str(reason))
    copy = task.signature_from_request(
        task.request, countdown=POSTPONE_SECONDS, retries=task.request.retries, queue=job.lane
    )
    try:
        copy.apply_async()
    except _PUBLISH_ERRORS as error:
        # To fail would be recorded as the outcome of the attempt that still runs.
        raise Reject(str(reason), requeue=True) from error
    raise Ignore(str(reason)) from reason


def _stop(ledger: Ledger, held: Held) -> Never:
    """The job has stopped because it was asked to."""
    finish_cancelled(ledger, held)
    _log.info("job_stopped", reason=held.hold.value)
    raise Ignore("the job was asked to stop")


def _wait_seconds(job: Job) -> float:
    started_at = job.started_at or job.submitted_at
    return round((started_at - job.submitted_at).total_seconds(), 6)


def _context(equipment: Equipment, attempt: int, report: Callable[..., None]) -> Context:
    return Context(
        attempt=attempt,
        report_progress=report,
        files=equipment.files,
        send_mail=equipment.mail.send,
        retention_seconds=equipment.retention_seconds,
    )


def _progress_reporter(equipment: Equipment, held: Held) -> Callable[..., None]:
    """Writes progress, and raises CancelledError where the job is to stop."""
    last = float("-inf")
    job = held.job

    def report(done: float, total: float, step: str = "") -> None:
        nonlocal last
        if monotonic() - last >= PROGRESS_INTERVAL_SECONDS:
            last = monotonic()
            reported = equipment.ledger.report_progress(job, Progress(done, total, step))
            if reported is None or reported.cancel_requested_at:
                held.ask_to_stop(Hold.CANCEL if reported else Hold.LOST)
        if held.is_to_stop:
            raise CancelledError(f"Job {job.id} was asked to stop.")

    return report


def _retry(kind: Kind, task: Any, error: TemporaryError) -> Never:
    """Schedule the next attempt; after the last one the error itself is the outcome."""
    attempt = task.request.retries + 1
    raise task.retry(
        exc=error,
        countdown=kind.retry_delay(attempt),
        # Named, because a delayed message arrives under the delay's own routing key.
        queue=task.request.job.lane,
    )
