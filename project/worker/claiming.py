"""The right to run a job: claim it, wait a moment for it, or leave it.

A message is no right by itself: it may be a second copy, belong to a cancelled job, or be of one
whose client was told that it will not run. The ledger decides.
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
"""After so long a message is looked at again whose job another worker still runs."""

UNDECIDED_SECONDS = 0.0002
"""After so long a job is looked at again whose submit is still under way; doubled each time."""

PUBLISH_ERRORS = (KombuError, AMQPError, MessageNacked, OSError)

_log = structlog.get_logger()


def claim_reserved(ledger: Ledger, kind: Kind, job: Job, holder: str) -> Job:
    """The job, running, which `holder` has reserved, and whose code may run by now.

    Raises Ignore where it is over, Reject where somebody else has it: then its message goes back.
    """
    try:
        return ledger.attempts.claim(job, job.worker, holder, most_losses=kind.max_losses)
    except TransitionError as error:
        _log.info("job_dropped", reason=str(error))
        raise Ignore(str(error)) from error
    except JobsError as error:
        raise Reject(str(error), requeue=True) from error


def claim(ledger: Ledger, kind: Kind, task: Any, job: Job) -> Job:
    """The job, running, with its lease held by this process.

    Raises Ignore where the message is to be dropped, Reject where it goes back or is dead.
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
                _leave(task, job, error)
        except ExhaustedError as error:
            _bury(ledger, job, error)
        except MistakenError as error:  # two jobs were given the same id by their clients
            _log.error("job_refused", reason=str(error))
            raise Reject(str(error), requeue=False) from error
        except TransitionError as error:
            _log.info("job_dropped", reason=str(error))
            raise Ignore(str(error)) from error
        except RedisError as error:
            # A job that was never claimed has no outcome; Celery would record this as one, and ack.
            _log.error("claim_failed", exc_info=error)
            raise Reject(str(error), requeue=True) from error


def _withdraw(ledger: Ledger, job: Job) -> Never:
    """Its client was told 503, or nothing at all: it does not run."""
    try:
        ledger.admissions.withdraw(job)
    except TransitionError as error:
        _log.info("job_dropped", reason=str(error))  # somebody else was faster
        raise Ignore(str(error)) from error
    _log.warning("job_withdrawn", reason="its confirm was not noted in time")
    raise Ignore("its client was not told that it runs")


def _leave(task: Any, job: Job, reason: LeasedError) -> Never:
    """Another attempt runs. Look again in a moment: put a delayed copy back and drop this message.

    A requeue would count as a failed delivery, and come back at once. A message that the
    reconciler has published to be safe is dropped: the first one is still there.
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
        # To fail would be recorded as the outcome of the attempt that still runs.
        raise Reject(str(reason), requeue=True) from error
    raise Ignore(str(reason)) from reason


def _bury(ledger: Ledger, job: Job, reason: ExhaustedError) -> Never:
    """It has taken too many processes with it: dead, and its message to the dead letters."""
    message = f"{reason} The process was killed each time, or its machine was lost."
    try:
        ledger.bury(job.id, JobError("WorkerLost", message))
    except TransitionError as error:
        raise Ignore(str(error)) from error
    _log.error("job_died", status="dead", reason="worker_lost", outcome="failure")
    raise Reject(message, requeue=False) from reason
