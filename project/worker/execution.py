"""Runs one job inside a worker: the steps of `execute`, in order.

1. trace    put the ids of the request that caused it on every log line
2. claim    the job in the ledger (`claiming`), and keep its lease while it runs
3. bind     the parameters from the message; invalid ones fail the job
4. run      the kind's function; what it logs becomes the job's own log (`recorder`)
5. outcome  Celery passes a value, a retry or an error to `results`, which writes it to the ledger
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any, Never

import structlog
from celery.exceptions import Ignore, Reject, SoftTimeLimitExceeded
from pydantic import BaseModel
from redis import Redis, RedisError

from project.errors import CancelledError, JobsError, Suspension, TransitionError, WorkerStop
from project.files import FileStore
from project.files.job_files import JobFiles, open_files
from project.jobs import KINDS, Context, Kind
from project.kinds.definition import SOFT_LIMIT_SHARE
from project.kinds.inline import Inline
from project.ledger import Job, Ledger, Progress, Status
from project.ledger.attempts import LeaseState
from project.ledger.file_holders import FileHolders
from project.ledger.job import change
from project.ledger.memory import Memory
from project.mail import MailServer
from project.observability.binding import enter_attempt, enter_job
from project.observability.context import Trace
from project.observability.job_log import releasing
from project.observability.sink import lines_together
from project.observability.spans import NO_SPANS, Spans
from project.submission import Submitter
from project.worker.attempt_logging import log_end, log_start, log_stop
from project.worker.children import Children
from project.worker.claiming import claim, claim_reserved
from project.worker.history import list_jobs
from project.worker.lease import ActiveLease, Leases, finish_cancelled
from project.worker.recorder import Recorder
from project.worker.reservation import Reservation

PROGRESS_INTERVAL_SECONDS = 0.2
"""Shortest time between two writes of progress; nobody would see more."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Equipment:
    """What all jobs of a worker share."""

    ledger: Ledger
    """Waits for Redis, because an outcome must not be lost."""
    quick_ledger: Ledger
    """Does not wait for Redis: for calls that must not block."""
    leases: Leases
    recorder: Recorder
    submitter: Submitter
    redis: "Redis"
    """Waits for Redis, like the ledger's client."""
    file_holders: FileHolders
    files: FileStore
    mail: MailServer
    spans: Spans = NO_SPANS
    allowed_networks: tuple[str, ...] = ()
    """For jobs: see `Context.allowed_networks`."""


def execute(
    kind: Kind, task: Any, equipment: Equipment, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Run one job. A direct call (`create_task.run(1)`, `.apply()`) runs the plain function."""
    request = task.request
    if request.called_directly or request.is_eager:
        return _run_here(kind, equipment, args, kwargs)
    submitted = Trace.of_message(vars(request), request.id)
    request.submitted = submitted
    described = _describe(request, kind, kind.name_arguments(args, kwargs), submitted)
    enter_job(described, submitted)
    reservation: Reservation | None = vars(request).get("reservation")
    with lines_together():  # this claim also logs the end of the previous job
        job, trace = _begin(kind, task, equipment, described, submitted, reservation)
    request.job, request.begun_at = job, monotonic()
    with equipment.leases.keep(job) as held:
        try:
            if job.cancel_requested_at:
                held.ask_to_stop(LeaseState.CANCEL)
                held.check()
            with equipment.recorder.recording(job):
                try:
                    parameters = kind.bind(args, kwargs)
                    return _run(kind, parameters, equipment, held, trace, reservation)
                except BaseException:
                    if reservation:
                        reservation.claim(equipment.ledger)
                    raise
        except WorkerStop:
            _requeue(equipment, job, submitted)
            raise
        except (CancelledError, SoftTimeLimitExceeded):
            if not held.is_to_stop:
                raise
            _stop(equipment, held, submitted)
        except Exception as error:
            # The job's memory and waiting use Redis, which may be full at the moment.
            if not (kind.is_temporary(error) or isinstance(error, RedisError)):
                raise
            if held.is_to_stop:
                _stop(equipment, held, submitted)
            _retry(kind, task, equipment.ledger, job, error)


def _begin(  # noqa: PLR0917 - what an attempt begins with
    kind: Kind,
    task: Any,
    equipment: Equipment,
    described: Job,
    submitted: Trace,
    reservation: Reservation | None,
) -> tuple[Job, Trace]:
    """Begin the attempt: claim the job now or, if it is reserved, when something needs that."""

    def start(job: Job) -> tuple[Job, Trace]:
        trace = submitted.attempt(job.id, job.attempt)
        enter_attempt(job, trace)
        log_start(job, submitted, equipment.spans)
        return job, trace

    if reservation is None:
        return start(claim(equipment.ledger, kind, task, described))
    wanted = change(described, started_at=datetime.now(UTC))
    job = change(wanted, status=Status.RUNNING, attempt=1)
    trace = submitted.attempt(job.id, 1)
    enter_attempt(job, trace)

    def claim_later(ledger: Ledger) -> None:
        with releasing():  # these lines are not from the job's code
            start(claim_reserved(ledger, kind, wanted, reservation.name))

    reservation.begin(claim_later)
    return job, trace


def _run(  # noqa: PLR0917 - what an attempt has
    kind: Kind,
    parameters: BaseModel,
    equipment: Equipment,
    held: ActiveLease,
    trace: Trace,
    reservation: Reservation | None,
) -> Any:
    """Run the job's code; start it again if what it waits for has already finished."""
    while True:
        with _open_files(equipment, held.job.id) as files:
            children = Children(equipment.submitter, held, trace)
            try:
                context = _context(kind, equipment, held, trace, files, children, reservation)
                return kind.run(parameters, context)
            except Suspension as suspension:  # the files that it has made are kept
                wish = suspension
        if children.wait(wish):
            raise Ignore(str(wish))


def _describe(request: Any, kind: Kind, parameters: dict[str, Any], submitted: Trace) -> Job:
    """The job as its message describes it, to restore a record that Redis has lost."""
    return Job.from_message(
        vars(request),
        id=request.id,
        kind=kind.name,
        # A delayed message's routing key is the queue behind the delay: `0.0.….1.short`.
        queue=request.delivery_info["routing_key"].rpartition(".")[2],
        parameters=parameters,
        trace_id=submitted.trace_id,
        received_at=datetime.now(UTC),
        worker=request.hostname,
    )


def _stop(equipment: Equipment, held: ActiveLease, submitted: Trace) -> Never:
    """End the attempt of a job that has stopped on request."""
    finish_cancelled(equipment.ledger, held.job, held.hold)
    log_stop(held.job, held.hold, submitted, equipment.spans)
    if held.hold is LeaseState.LOST:  # maybe Redis was only unavailable: the next claim decides
        raise Reject("the lease was lost", requeue=True)
    raise Ignore("the job was asked to stop")


def _requeue(equipment: Equipment, job: Job, submitted: Trace) -> None:
    """The worker stops: end the attempt without a failure, and requeue its message."""
    try:
        requeue = equipment.quick_ledger.attempts.requeue(job.id, worker=job.worker)
    except (JobsError, RedisError) as error:
        # It will count as lost, as if the process had been killed.
        _log.info("job_not_requeued", job_id=job.id, reason=str(error))
    else:
        log_end(requeue, submitted, equipment.spans)


def _run_here(
    kind: Kind, equipment: Equipment, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Run the plain function, and its child jobs inline; no job holds the files that it makes."""
    with open_files(equipment.files) as files:
        context = Inline(KINDS).context(
            files=files,
            mail=equipment.mail,
            allowed_networks=equipment.allowed_networks,
        )
        return kind.run(kind.bind(args, kwargs), context)


def _open_files(equipment: Equipment, job_id: str) -> AbstractContextManager[JobFiles]:
    holders = equipment.file_holders
    return open_files(
        equipment.files,
        job_id,
        hold=lambda file_id: holders.hold(job_id, [file_id]),
        find_held=holders.find_held,
    )


def _context(  # noqa: PLR0917 - what an attempt has
    kind: Kind,
    equipment: Equipment,
    held: ActiveLease,
    trace: Trace,
    files: JobFiles,
    children: Children,
    reservation: Reservation | None,
) -> Context:
    def claimed(function: Callable[..., Any]) -> Callable[..., Any]:
        """Make the function claim a reserved job first."""
        if reservation is None:
            return function
        return partial(_claim_first, reservation, equipment.ledger, function)

    return Context(
        job_id=held.job.id,
        attempt=held.job.attempt,
        report_progress=claimed(_progress_reporter(equipment.ledger, held)),
        check=held.check,
        ends_at=monotonic() + kind.time_limit_seconds * SOFT_LIMIT_SHARE,
        submit=claimed(children.submit),
        submit_many=claimed(children.submit_many),
        look=claimed(children.look),
        gather=claimed(children.gather),
        list_jobs=partial(list_jobs, equipment.ledger),
        trace_headers=trace.http_headers,
        memory=Memory(equipment.redis, held.job.id),
        files=files,
        mail=equipment.mail,
        allowed_networks=equipment.allowed_networks,
    )


def _claim_first(
    reservation: Reservation, ledger: Ledger, function: Callable[..., Any], /, *args: Any, **kw: Any
) -> Any:
    reservation.claim(ledger)
    return function(*args, **kw)


def _progress_reporter(ledger: Ledger, held: ActiveLease) -> Callable[..., None]:
    """A function that writes progress, and raises CancelledError if the job must stop."""
    last = float("-inf")
    job = held.job

    def report(done: float, total: float, step: str = "") -> None:
        nonlocal last
        if monotonic() - last >= PROGRESS_INTERVAL_SECONDS:
            last = monotonic()
            reported = ledger.attempts.report_progress(job, Progress(done, total, step))
            if reported is None or reported.cancel_requested_at:
                held.ask_to_stop(LeaseState.CANCEL if reported else LeaseState.LOST)
        held.check()

    return report


def _retry(kind: Kind, task: Any, ledger: Ledger, job: Job, error: Exception) -> Never:
    """Schedule the next attempt; after the last one the error itself is the outcome."""
    delay = kind.retry_delay(task.request.retries + 1)
    task.request.due_at = datetime.now(UTC) + timedelta(seconds=delay)
    try:
        # The queue is named, because a delayed message arrives under the delay's own routing key.
        raise task.retry(exc=error, countdown=delay, queue=job.queue)
    except Reject as reject:
        # RabbitMQ did not accept the next attempt's message. Celery would dead-letter the job.
        _log.warning("retry_not_scheduled", reason=str(reject))
        try:
            ledger.attempts.requeue(job.id, worker=job.worker)
        except TransitionError as refused:
            raise Ignore(str(refused)) from refused
        raise Reject(str(reject), requeue=True) from reject
