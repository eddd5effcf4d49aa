"""A batch: jobs that are recorded, published and confirmed together.

Each job has its own answer. If Redis or the batch fails in between, it is unknown whether a job's
confirm was recorded; `confirm_recovery` resolves that.
"""

import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic

import structlog
from redis import RedisError

from project.broker.message import make_message
from project.broker.publisher import Publisher, unavailable
from project.broker.publisher.content import Content
from project.broker.publisher.flight import UNSETTLED, Flight
from project.errors import JobsError, TransitionError, UnavailableError, UnforeseenError
from project.ledger import Job, Status
from project.ledger.admissions import Admission, Admissions, Recorded
from project.observability.context import Trace
from project.redis_client import describe_outage
from project.submission.confirm_recovery import ConfirmRecovery
from project.submission.preparation import PreparedJob, delay_seconds, is_same_request
from project.submission.submit_logging import find_submit

PATIENCE_SECONDS = 0.05
"""How long a batch waits for its last confirm before it records the confirms received so far."""
LEAST_SECONDS = 0.1
"""Least time for RabbitMQ, even if Redis has used up the deadline: a worker waits for Redis."""
NOTED_SECONDS = 0.8
"""Redis records a confirm within this time after the call was sent, or not at all. It is less than
the second that the web server's Redis client waits: so after a time-out nothing is recorded later.
"""

_log = structlog.get_logger()


class Order:
    """The entries that one caller wants committed by its deadline, a time of `monotonic()`."""

    def __init__(self, entries: "Sequence[Entry]", deadline: float) -> None:
        self.entries = entries
        self.deadline = deadline
        for entry in entries:
            entry.order = self
        self._open = len(entries)
        # Not an Event, which breaks if a signal handler raises inside it.
        self._gate = threading.Lock()
        self._gate.acquire()

    def note_answer(self) -> None:
        """Note that one more of its entries has its answer."""
        self._open -= 1
        if not self._open:
            self._gate.release()

    def wait(self) -> None:
        """Wait until each entry has its answer."""
        if self._open:
            self._gate.acquire()


@dataclass(slots=True, eq=False)
class Entry:
    """A job to commit, and its state."""

    prepared: PreparedJob
    admission: Admission
    trace: Trace
    """The trace of the submitter."""
    content: Content
    submitted: Trace
    """The span of the submit that the message names."""
    order: Order = field(init=False)
    job: Job | None = None
    """The recorded job to publish: the prepared one, or an earlier job of the same key."""
    answer: Job | Recorded | JobsError | None = None
    """The confirmed job, or the job that the ledger already had, or the error."""
    is_to_be_withdrawn: bool = False
    """The job was recorded, but this submit will not confirm it."""

    def settle(self, answer: Job | Recorded | JobsError) -> None:
        """Set the answer, from the committer's queue or from a batch. The first answer counts."""
        if self.answer is None:
            self.answer = answer
            self.order.note_answer()

    def ends_at(self, least: float) -> float:
        """When its time ends: at its deadline, but not before `least`."""
        return max(least, self.order.deadline)


def encode(job: Job, submitted: Trace) -> Content:
    """Encode the job's message for sending; `submitted` is the span of its submit."""
    message = make_message(job, submitted, delay_seconds=delay_seconds(job))
    return Content(message, is_mandatory=True)


class Batch:
    """Entries that are committed together."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self.begun_at = monotonic()
        self.by = secrets.token_hex(6)
        """The name under which its confirms are recorded."""
        self.dependency = "Redis"
        """The dependency that it waits for."""
        self.is_over = False


@dataclass(frozen=True, slots=True)
class Steps:
    """Carries out batches: record, publish, note."""

    admissions: Admissions
    publisher: Publisher
    recovery: ConfirmRecovery

    def carry_out(self, batch: Batch) -> None:
        """Carry out the batch; however it ends, each entry then has its answer."""
        cause: Exception | None = None
        try:
            if going := self._record(batch.entries):
                self._publish(batch, going, monotonic())
        except Exception as error:
            cause = error
            raise
        finally:
            self._abandon(batch, cause)
            batch.is_over = True

    def _abandon(self, batch: Batch, cause: Exception | None) -> None:
        """Answer the entries left over. Whether their confirms were recorded is unknown."""
        for entry in batch.entries:
            if entry.answer is None:
                if entry.job is not None:
                    self.recovery.doubt([entry.job], batch.by)
                entry.settle(unforeseen(cause) if cause else UnavailableError(batch.dependency))

    def _record(self, entries: Sequence[Entry]) -> list[Entry]:
        """Record the jobs; returns the entries to publish."""
        answers: Sequence[Recorded | JobsError | RedisError]
        try:
            answers = self.admissions.record_many(
                [entry.prepared.job for entry in entries], [entry.admission for entry in entries]
            )
        except RedisError as error:
            answers = [error] * len(entries)
        for entry, answer in zip(entries, answers, strict=True):
            if isinstance(answer, RedisError):
                entry.settle(redis_unavailable(answer))
            elif isinstance(answer, Recorded) and is_to_be_published(entry.prepared, answer):
                _prepare_message(entry, answer)
            else:
                entry.settle(answer)
        return [entry for entry in entries if entry.answer is None]

    def _publish(self, batch: Batch, going: Sequence[Entry], recorded_at: float) -> None:
        """Send the messages, and record the confirms as they come; for most batches all at once."""
        batch.dependency = "RabbitMQ"
        least = monotonic() + LEAST_SECONDS
        under_way = dict(enumerate(going))
        with self.publisher.send([entry.content for entry in going]) as flight:
            while under_way:
                patience = monotonic() + PATIENCE_SECONDS
                flight.wait(min(patience, *(e.ends_at(least) for e in under_way.values())))
                over = _list_over(flight, under_way, least)
                failures = [(under_way.pop(place), flight.outcomes[place]) for place in over]
                self._conclude(batch, failures, recorded_at)

    def _conclude(
        self, batch: Batch, failures: Sequence[tuple[Entry, Exception | None]], recorded_at: float
    ) -> None:
        """Record in the ledger which messages RabbitMQ has confirmed: those jobs may run now."""
        confirmed: list[tuple[Entry, Job]] = []
        for entry, failure in failures:
            if failure is not None:
                entry.is_to_be_withdrawn = True
                entry.settle(unavailable(failure))
            elif entry.job is not None:
                confirmed.append((entry, entry.job))
        if confirmed:
            batch.dependency = "Redis"
            self._note(confirmed, batch.by, monotonic() - recorded_at + NOTED_SECONDS)
            batch.dependency = "RabbitMQ"

    def _note(self, confirmed: Sequence[tuple[Entry, Job]], by: str, within: float) -> None:
        jobs = [job for _, job in confirmed]
        answers: Sequence[Job | JobsError | RedisError]
        try:
            answers = self.admissions.confirm_many(jobs, within_seconds=within, by=by)
        except RedisError as error:
            answers = [error] * len(jobs)
        if noted := [answer for answer in answers if isinstance(answer, Job)]:
            self.recovery.remember(noted)
        for (entry, job), answer in zip(confirmed, answers, strict=True):
            if isinstance(answer, TransitionError):
                entry.is_to_be_withdrawn = True
            elif not isinstance(answer, Job):
                self.recovery.doubt([job], by)
            entry.settle(answer if isinstance(answer, Job) else redis_unavailable(answer))


def is_to_be_published(prepared: PreparedJob, recorded: Recorded) -> bool:
    """Whether the ledger's job is new, or not confirmed yet.

    The submitter of an accepted job is still busy, or has failed. The job is published again, so
    that this answer does not depend on the other submitter. The claim drops one of two messages.
    """
    job = recorded.job
    if recorded.is_new:
        return True
    is_holder = job.id != prepared.job.id  # of the deduplication key
    return job.status is Status.ACCEPTED and (is_holder or is_same_request(job, prepared.job))


def _prepare_message(entry: Entry, recorded: Recorded) -> None:
    """Set the job to publish; an older job needs its own message, which may not be encodable."""
    entry.job = recorded.job
    if not recorded.is_new:
        try:
            entry.submitted = find_submit(recorded.job, entry.trace)
            entry.content = encode(recorded.job, entry.submitted)
        except Exception as error:  # noqa: BLE001 - the other jobs continue
            _log.error("submit_failed", job_id=recorded.job.id, jobs=1, exc_info=error)
            entry.job = None
            entry.settle(unforeseen(error))


def _list_over(flight: Flight, under_way: dict[int, Entry], least: float) -> list[int]:
    """The positions of messages that RabbitMQ has answered, or whose time has ended."""
    now = monotonic()
    return [
        place
        for place, entry in under_way.items()
        if flight.outcomes[place] is not UNSETTLED or entry.ends_at(least) <= now
    ]


def redis_unavailable(cause: BaseException) -> UnavailableError:
    """The error for a caller whose job Redis could not record."""
    error = UnavailableError("Redis", describe_outage(cause))
    error.__cause__ = cause
    return error


def unforeseen(cause: BaseException) -> UnforeseenError:
    """The error for a caller whose job failed through a fault in this program."""
    error = UnforeseenError()
    error.__cause__ = cause
    return error
