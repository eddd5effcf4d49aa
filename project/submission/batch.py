"""A batch: jobs that are recorded, published and confirmed together.

Each has an answer of its own. What nobody can know, whether the confirm of a job was noted when
Redis or the batch has ended in the middle, is left to the recovery.
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
"""So long a batch waits for its last confirm, before it notes those that have come."""
LEAST_SECONDS = 0.1
"""What RabbitMQ is given where Redis has used up the time: a worker waits until Redis is back."""
NOTED_SECONDS = 0.8
"""A confirm is noted within this time after it was sent, or not at all. Less than the second that
the web server's Redis client waits: so who has given up knows that it will not be noted later."""

_log = structlog.get_logger()


class Order:
    """What one caller wants committed by its deadline, a time of `monotonic()`."""

    def __init__(self, entries: "Sequence[Entry]", deadline: float) -> None:
        self.entries = entries
        self.deadline = deadline
        for entry in entries:
            entry.order = self
        self._open = len(entries)
        # Not an Event, which breaks when a signal's handler raises in the midst of it.
        self._gate = threading.Lock()
        self._gate.acquire()

    def note_answer(self) -> None:
        """One more of its entries has its answer."""
        self._open -= 1
        if not self._open:
            self._gate.release()

    def wait(self) -> None:
        """Until each entry has its answer."""
        if self._open:
            self._gate.acquire()


@dataclass(slots=True, eq=False)
class Entry:
    """A job to be committed, and what has become of it."""

    prepared: PreparedJob
    admission: Admission
    trace: Trace
    """Who submits it."""
    content: Content
    submitted: Trace
    """The span of the submit that the message names."""
    order: Order = field(init=False)
    job: Job | None = None
    """It was recorded, and is to be published: the prepared's, or one of the same key."""
    answer: Job | Recorded | JobsError | None = None
    """The confirmed job; the one that the ledger has already; or why there is none."""
    is_to_be_withdrawn: bool = False
    """The job was recorded, and will not be confirmed by this submit."""

    def settle(self, answer: Job | Recorded | JobsError) -> None:
        """By whoever has its order, the queue or a batch. The first answer counts."""
        if self.answer is None:
            self.answer = answer
            self.order.note_answer()

    def ends_at(self, least: float) -> float:
        """When its time is over, which is not before `least`."""
        return max(least, self.order.deadline)


def encode(job: Job, submitted: Trace) -> Content:
    """The job's message, as it is sent; `submitted` is the span of its submit."""
    message = make_message(job, submitted, delay_seconds=delay_seconds(job))
    return Content(message, is_mandatory=True)


class Batch:
    """Entries that go their way together."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self.begun_at = monotonic()
        self.by = secrets.token_hex(6)
        """The name under which its confirms are noted."""
        self.part = "Redis"
        """What it waits for."""
        self.is_over = False


@dataclass(frozen=True, slots=True)
class Steps:
    """Carries out batches: record, publish, note."""

    admissions: Admissions
    publisher: Publisher
    recovery: ConfirmRecovery

    def carry_out(self, batch: Batch) -> None:
        """Whatever ends it, each entry has its answer then."""
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
        """Nobody carries it out any more. Whether its confirms were noted, nobody knows."""
        for entry in batch.entries:
            if entry.answer is None:
                if entry.job is not None:
                    self.recovery.doubt([entry.job], batch.by)
                entry.settle(unforeseen(cause) if cause else UnavailableError(batch.part))

    def _record(self, entries: Sequence[Entry]) -> list[Entry]:
        """Those that are to be published."""
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
        """Send the messages, and note the confirms as they come: of most batches all at once."""
        batch.part = "RabbitMQ"
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
        """Tell the ledger which messages the broker has: from here on those jobs run."""
        confirmed: list[tuple[Entry, Job]] = []
        for entry, failure in failures:
            if failure is not None:
                entry.is_to_be_withdrawn = True
                entry.settle(unavailable(failure))
            elif entry.job is not None:
                confirmed.append((entry, entry.job))
        if confirmed:
            batch.part = "Redis"
            self._note(confirmed, batch.by, monotonic() - recorded_at + NOTED_SECONDS)
            batch.part = "RabbitMQ"

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
    """Whether the ledger's job is new, or nobody has confirmed it yet.

    One that is accepted has a submitter who has not finished, or never will: it is published again,
    so that this answer does not depend on that one's luck. Of two messages the claim drops one.
    """
    job = recorded.job
    if recorded.is_new:
        return True
    is_holder = job.id != prepared.job.id  # of the deduplication key
    return job.status is Status.ACCEPTED and (is_holder or is_same_request(job, prepared.job))


def _prepare_message(entry: Entry, recorded: Recorded) -> None:
    """An older job's may not be what we could send."""
    entry.job = recorded.job
    if not recorded.is_new:
        try:
            entry.submitted = find_submit(recorded.job, entry.trace)
            entry.content = encode(recorded.job, entry.submitted)
        except Exception as error:  # noqa: BLE001 - its neighbours go on
            _log.error("submit_failed", job_id=recorded.job.id, jobs=1, exc_info=error)
            entry.job = None
            entry.settle(unforeseen(error))


def _list_over(flight: Flight, under_way: dict[int, Entry], least: float) -> list[int]:
    """The places of what was heard of, and of what has no more time."""
    now = monotonic()
    return [
        place
        for place, entry in under_way.items()
        if flight.outcomes[place] is not UNSETTLED or entry.ends_at(least) <= now
    ]


def redis_unavailable(cause: BaseException) -> UnavailableError:
    """What a caller is told whose job Redis could not take."""
    error = UnavailableError("Redis", describe_outage(cause))
    error.__cause__ = cause
    return error


def unforeseen(cause: BaseException) -> UnforeseenError:
    """What a caller is told whose job has met a mistake of ours."""
    error = UnforeseenError()
    error.__cause__ = cause
    return error
