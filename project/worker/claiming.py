"""Acquires a job's lease, retries briefly, or requeues, drops or rejects the message.

A message alone is no permission to run: it may be a second copy, or its job may be cancelled, or
its client may have been told that the job will not run. The ledger decides.
"""

import time
from typing import Any, Never

import structlog
from amqp.exceptions import (  # type: ignore[import-untyped]  # py-amqp ships no types
    AMQPError,
    MessageNacked,
)
from celery.exceptions import Ignore, Reject
from kombu.exceptions import KombuError
from redis import RedisError

from project.errors import (
    ExhaustedError,
    HolderState,
    JobsError,
    LeasedError,
    MistakenError,
    TransitionError,
    UndecidedError,
)
from project.jobs import Kind
from project.ledger import Job, Ledger
from project.ledger.job import JobError
from project.observability.sink import write_lines
from project.worker.process_identity import is_gone, is_halted, name_holder

REQUEUE_DELAY_SECONDS = 2
"""A message whose job another worker still runs is tried again after this time."""

UNDECIDED_SECONDS = 0.0002
"""A job whose submit is still in progress is tried again after this time, doubled each time."""

PUBLISH_ERRORS = (KombuError, AMQPError, MessageNacked, OSError)

_log = structlog.get_logger()


def claim_reserved(ledger: Ledger, kind: Kind, job: Job, holder: str) -> Job:
    """Claim the job that `holder` has reserved, and whose code may already run.

    Raises Ignore if the job has finished; Reject (requeue the message) if another process has it.
    """
    try:
        return ledger.attempts.claim(job, job.worker, holder, most_losses=kind.max_losses)
    except TransitionError as error:
        _log.info("job_dropped", reason=str(error))
        raise Ignore(str(error)) from error
    except JobsError as error:
        raise Reject(str(error), requeue=True) from error


def claim(ledger: Ledger, kind: Kind, task: Any, job: Job) -> Job:
    """Claim the job for this process; returns it as running.

    Raises Ignore to drop the message, Reject to requeue it or send it to the dead letters.
    """
    holder, gone_holder, silent_holder = name_holder(), "", ""
    pause = UNDECIDED_SECONDS
    while True:
        try:
            return ledger.attempts.claim(
                job,
                job.worker,
                holder,
                gone_holder=gone_holder,
                silent_holder=silent_holder,
                most_losses=kind.max_losses,
            )
        except UndecidedError as error:
            if error.seconds_left < 0:
                _withdraw(ledger, job)
            write_lines()
            time.sleep(pause)
            pause = min(2 * pause, 0.1)
        except LeasedError as error:
            if is_gone(error.holder) and error.holder != gone_holder:
                gone_holder = error.holder
            elif error.state is HolderState.SILENT and not is_halted(error.holder):
                silent_holder = error.holder
            else:
                _requeue_later(task, job, error)
        except ExhaustedError as error:
            _record_death(ledger, job, error)
        except MistakenError as error:  # clients gave two jobs the same id
            _log.error("job_refused", reason=str(error))
            raise Reject(str(error), requeue=False) from error
        except TransitionError as error:
            _log.info("job_dropped", reason=str(error))
            raise Ignore(str(error)) from error
        except RedisError as error:
            # The job was not claimed, so it has no outcome. Celery would record this error as its
            # outcome, and acknowledge the message.
            _log.error("claim_failed", exc_info=error)
            raise Reject(str(error), requeue=True) from error


def _withdraw(ledger: Ledger, job: Job) -> Never:
    """Drop a job whose client was answered 503, or not at all: it must not run."""
    try:
        ledger.admissions.withdraw(job)
    except TransitionError as error:
        _log.info("job_dropped", reason=str(error))  # another process was faster
        raise Ignore(str(error)) from error
    _log.warning("job_withdrawn", reason="its confirm was not recorded in time")
    raise Ignore("its client was not told that it would run")


def _requeue_later(task: Any, job: Job, reason: LeasedError) -> Never:
    """Another attempt runs: publish a delayed copy to try again, and drop this message.

    A requeued message would return at once, and count as a failed delivery. A copy that the
    reconciler has published as a precaution is simply dropped: the first message still exists.
    """
    if getattr(task.request, "repair", None) and reason.state is HolderState.HELD:
        _log.info("job_dropped", reason=str(reason))
        raise Ignore(str(reason)) from reason
    _log.info("job_requeued_later", reason=str(reason))
    copy = task.signature_from_request(
        task.request, countdown=REQUEUE_DELAY_SECONDS, retries=task.request.retries, queue=job.queue
    )
    try:
        copy.apply_async()
    except PUBLISH_ERRORS as error:
        # A failure would be recorded as the outcome of the attempt that still runs.
        raise Reject(str(reason), requeue=True) from error
    raise Ignore(str(reason)) from reason


def _record_death(ledger: Ledger, job: Job, reason: ExhaustedError) -> Never:
    """Record a job that has killed too many processes as dead, and dead-letter its message."""
    message = f"{reason} The process was killed each time, or its machine was lost."
    try:
        ledger.mark_dead(job.id, JobError("WorkerLost", message))
    except TransitionError as error:
        raise Ignore(str(error)) from error
    _log.error("job_died", status="dead", reason="worker_lost", outcome="failure")
    raise Reject(message, requeue=False) from reason
