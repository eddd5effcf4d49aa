"""Group commit: jobs that are submitted at the same time go their way together.

A batch is recorded in one round trip, published in one write, and its confirms are noted in one
round trip. Who comes while nothing is under way carries out its own batch, and waits for nobody.
While two batches are under way the others wait, and a thread carries out the next batch with all
that has come meanwhile. So no caller who is interrupted, or whose greenlet is killed, takes
another's job with it.

Each job has an answer of its own, whatever becomes of its neighbours.
"""

import os
import secrets
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from time import monotonic

import structlog
from redis import RedisError

from project.errors import JobsError, TransitionError, UnavailableError, UnforeseenError
from project.ledger import Job, Ledger, Status
from project.ledger.store import Admission, Recorded
from project.message import make_message
from project.observability.binding import leave
from project.observability.context import Trace
from project.publisher import Publisher, unavailable
from project.publisher.content import Content
from project.publisher.flight import UNSETTLED, Flight
from project.redis_client import describe_outage
from project.submission.aftermath import Aftermath
from project.submission.draft import Draft, delay_seconds, is_same_request
from project.submission.telling import find_submit

UNDER_WAY = 2
"""Batches: while one waits for RabbitMQ, Redis has the other."""
MOST_TOGETHER = 250
"""Jobs of a batch: who comes next waits for them."""
SLICE = 50
"""Jobs of one caller that a batch takes before the next caller has its turn."""
LATE_SECONDS = 0.25
"""A batch that takes longer, because a server hangs, does not keep the next ones waiting."""
IDLE_SECONDS = 10.0
"""A thread that has had nothing to do for so long ends."""
PATIENCE_SECONDS = 0.05
"""So long a batch waits for its last confirm, before it notes those that have come."""
LEAST_SECONDS = 0.1
"""What RabbitMQ is given where Redis has used up the time: a worker waits until Redis is back."""
NOTED_SECONDS = 0.8
"""A confirm is noted within this time after it was sent, or not at all. Less than the second that
the web server's Redis client waits: so who has given up knows that it will not be noted later."""

_log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class Entry:
    """A job to be committed, and what has become of it."""

    draft: Draft
    admission: Admission
    trace: Trace
    """Who submits it."""
    content: Content
    job: Job | None = None
    """It was recorded, and is to be published: the draft's, or one of the same key."""
    answer: Job | Recorded | JobsError | None = None
    """The confirmed job; the one that the ledger has already; or why there is none."""
    is_to_be_withdrawn: bool = False
    """The job was recorded, and will not be confirmed by this submit."""
    batch: "Batch | None" = None


def encode(job: Job, trace: Trace) -> Content:
    """The job's message, as it is sent."""
    submitted = find_submit(job, trace)
    message = make_message(job, submitted, delay_seconds=delay_seconds(job))
    return Content(message, is_mandatory=True)


class Order:
    """What one caller wants committed by its deadline, a time of `monotonic()`."""

    def __init__(self, entries: Sequence[Entry], deadline: float) -> None:
        self.entries = entries
        self.deadline = deadline
        self.taken = 0
        """So many of the entries belong to a batch."""
        self._settled: list[Entry] = []
        # Not an Event, which breaks when a signal's handler raises in the midst of it.
        self._gate = threading.Lock()
        self._gate.acquire()

    def is_settled(self) -> bool:
        """Whether each entry has its answer."""
        return len(self._settled) >= len(self.entries)

    def settle(self, entry: Entry, answer: Job | Recorded | JobsError) -> None:
        """The first answer counts."""
        if entry.answer is None:
            entry.answer = answer
            self._settled.append(entry)
            if self.is_settled():
                with suppress(RuntimeError):  # it is awake
                    self._gate.release()

    def sleep(self, seconds: float) -> None:
        """Wait until all is settled, or for so long."""
        self._gate.acquire(timeout=seconds)


@dataclass(slots=True, eq=False)
class Batch:
    """Entries that go their way together, each with the order that it is of."""

    entries: Sequence[tuple[Order, Entry]]
    begun_at: float = field(default_factory=monotonic)
    by: str = field(default_factory=lambda: secrets.token_hex(6))
    """The name under which its confirms are noted."""
    part: str = "Redis"
    """What it waits for."""
    thread: threading.Thread | None = None
    """Who carries it out; None: the caller itself."""
    is_over: bool = False

    def has_died(self) -> bool:
        """Whether nobody carries it out any more."""
        return self.is_over or (self.thread is not None and not self.thread.is_alive())


class Committer:
    """One in each process; a fork gets an empty one."""

    def __init__(self, ledger: Ledger, publisher: Publisher, aftermath: Aftermath) -> None:
        self._ledger = ledger
        self._publisher = publisher
        self._aftermath = aftermath
        self._forget()

    def _forget(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._waiting: deque[Order] = deque()
        self._under_way: list[Batch] = []
        """Those that are not late, and turns whose thread has not begun yet."""
        self._idle = 0
        """Threads that wait for a turn."""
        self._turns: SimpleQueue[Batch] = SimpleQueue()

    def commit(self, entries: Sequence[Entry], deadline: float) -> None:
        """Give each entry its answer.

        What no batch has taken by the deadline was not even recorded, and never will be.
        """
        if self._pid != os.getpid():  # a fork: its parent's callers and threads are not ours
            self._forget()
        order = Order(entries, deadline)
        try:
            batch = self._enter(order)
            if batch is not None:
                self._carry_out(batch)
            self._start_next()
            while not order.is_settled():
                left = order.deadline - monotonic()
                order.sleep(min(LATE_SECONDS, left) if left > 0 else LATE_SECONDS)
                self._look_after(order)
        except BaseException:
            self._take_back(order)
            self._start_next()
            raise

    def _enter(self, order: Order) -> Batch | None:
        """The order's own batch where nobody else is here; else it waits for its turn."""
        with self._lock:
            is_small = len(order.entries) <= MOST_TOGETHER
            if is_small and not self._waiting and not self._count_under_way():
                return self._begin(_take_from(order, MOST_TOGETHER))
            self._waiting.append(order)
            return None

    def _look_after(self, order: Order) -> None:
        """All is settled; or nothing has happened for a while, or the time is over."""
        if order.is_settled():
            return
        if monotonic() >= order.deadline:
            self._take_back(order)
        for entry in order.entries:
            batch = entry.batch
            if entry.answer is None and batch is not None and batch.has_died():
                self._abandon(batch, [(order, entry)])
        self._start_next()

    def _take_back(self, order: Order) -> None:
        """What no batch has taken is not recorded any more."""
        with self._lock:
            with suppress(ValueError):
                self._waiting.remove(order)
            rest = order.entries[order.taken :]
            order.taken = len(order.entries)
            part = self._under_way[0].part if self._under_way else "Redis"
        for entry in rest:
            order.settle(entry, UnavailableError(part))

    # ── Whose turn it is ───────────────────────────────────────────────────────────────────────

    def _start_next(self) -> None:
        """See to it that who waits has its turn."""
        with self._lock:
            if not self._waiting or self._count_under_way() >= UNDER_WAY:
                return
            turn = self._begin([])
            is_thread_there = self._idle > 0
            self._idle -= is_thread_there
        if is_thread_there:
            self._turns.put(turn)
        else:
            threading.Thread(target=self._work, args=(turn,), name="committer", daemon=True).start()

    def _work(self, turn: Batch | None) -> None:
        """A committer thread; it ends when there is nothing to do for a while."""
        leave()
        while turn is not None:
            while batch := self._take_turn(turn):
                try:
                    self._carry_out(batch)
                except Exception as error:  # noqa: BLE001 - the next batch may have more luck
                    _log.error("submit_failed", jobs=len(batch.entries), exc_info=error)
            turn = self._await_turn()

    def _await_turn(self) -> Batch | None:
        with self._lock:
            self._idle += 1
        try:
            return self._turns.get(timeout=IDLE_SECONDS)
        except Empty:
            with self._lock:
                is_called = self._idle == 0
                self._idle -= not is_called
            return self._turns.get() if is_called else None

    def _take_turn(self, turn: Batch) -> Batch | None:
        """All that waits, as far as it is not too much."""
        with self._lock:
            turn.is_over = True
            if not self._waiting or self._count_under_way() >= UNDER_WAY:
                return None
            entries: list[tuple[Order, Entry]] = []
            while self._waiting and len(entries) < MOST_TOGETHER:
                order = self._waiting.popleft()
                entries += _take_from(order, min(SLICE, MOST_TOGETHER - len(entries)))
                if order.taken < len(order.entries):
                    self._waiting.append(order)
            return self._begin(entries, threading.current_thread())

    def _count_under_way(self) -> int:
        fresh = monotonic() - LATE_SECONDS
        self._under_way = [
            batch for batch in self._under_way if not batch.is_over and batch.begun_at > fresh
        ]
        return len(self._under_way)

    def _begin(
        self, entries: Sequence[tuple[Order, Entry]], thread: threading.Thread | None = None
    ) -> Batch:
        batch = Batch(entries, thread=thread)
        for _, entry in entries:
            entry.batch = batch
        self._under_way.append(batch)
        return batch

    # ── The steps of a batch ───────────────────────────────────────────────────────────────────

    def _carry_out(self, batch: Batch) -> None:
        """Record, publish, note; whatever ends it, each entry has its answer then."""
        try:
            going = self._record(batch)
            if going:
                self._publish(batch, going, monotonic())
        except Exception as error:
            self._abandon(batch, batch.entries, error)
            raise
        finally:
            self._abandon(batch, batch.entries)
            batch.is_over = True

    def _abandon(
        self,
        batch: Batch,
        entries: Iterable[tuple[Order, Entry]],
        cause: Exception | None = None,
    ) -> None:
        """Nobody carries it out any more. Whether its confirms were noted, nobody knows."""
        for order, entry in entries:
            if entry.answer is None:
                if entry.job is not None:
                    self._aftermath.doubt([entry.job], batch.by)
                order.settle(entry, unforeseen(cause) if cause else UnavailableError(batch.part))

    def _record(self, batch: Batch) -> list[tuple[Order, Entry]]:
        """Those that are to be published."""
        try:
            answers = self._ledger.record_many(
                [entry.draft.job for _, entry in batch.entries],
                [entry.admission for _, entry in batch.entries],
            )
        except RedisError as error:
            answers = [error] * len(batch.entries)
        going = []
        for (order, entry), answer in zip(batch.entries, answers, strict=True):
            if isinstance(answer, RedisError):
                order.settle(entry, redis_unavailable(answer))
            elif not isinstance(answer, Recorded) or not is_to_be_published(entry.draft, answer):
                order.settle(entry, answer)
            elif _prepare_message(order, entry, answer):
                going.append((order, entry))
        return going

    def _publish(
        self, batch: Batch, going: Sequence[tuple[Order, Entry]], recorded_at: float
    ) -> None:
        """Send the messages, and note the confirms as they come: of most batches all at once."""
        batch.part = "RabbitMQ"
        least = monotonic() + LEAST_SECONDS
        open_places = dict(enumerate(going))
        with self._publisher.send([entry.content for _, entry in going]) as flight:
            while open_places:
                patience = monotonic() + PATIENCE_SECONDS
                ends = (max(least, order.deadline) for order, _ in open_places.values())
                flight.wait(min(patience, *ends))
                over = _list_over(flight, open_places, least)
                if over:
                    self._note(batch, flight, {p: open_places.pop(p) for p in over}, recorded_at)

    def _note(
        self,
        batch: Batch,
        flight: Flight,
        going: dict[int, tuple[Order, Entry]],
        recorded_at: float,
    ) -> None:
        """Tell the ledger which messages the broker has: from here on those jobs run."""
        confirmed: list[tuple[Order, Entry, Job]] = []
        for place, (order, entry) in going.items():
            failure = flight.outcomes[place]
            if failure is not None:
                entry.is_to_be_withdrawn = True
                order.settle(entry, unavailable(failure))
            elif entry.job is not None:
                confirmed.append((order, entry, entry.job))
        if not confirmed:
            return
        batch.part = "Redis"
        jobs = [job for _, _, job in confirmed]
        within_seconds = monotonic() - recorded_at + NOTED_SECONDS
        try:
            answers = self._ledger.confirm_many(jobs, within_seconds=within_seconds, by=batch.by)
        except RedisError as error:
            answers = [error] * len(jobs)
        if noted := [answer for answer in answers if isinstance(answer, Job)]:
            self._aftermath.remember(noted)
        for (order, entry, job), answer in zip(confirmed, answers, strict=True):
            if isinstance(answer, TransitionError):
                entry.is_to_be_withdrawn = True
            elif not isinstance(answer, Job):
                self._aftermath.doubt([job], batch.by)
            order.settle(entry, answer if isinstance(answer, Job) else redis_unavailable(answer))
        batch.part = "RabbitMQ"


def _take_from(order: Order, most: int) -> list[tuple[Order, Entry]]:
    taken = order.entries[order.taken : order.taken + most]
    order.taken += len(taken)
    return [(order, entry) for entry in taken]


def is_to_be_published(draft: Draft, recorded: Recorded) -> bool:
    """Whether the ledger's job is new, or nobody has confirmed it yet.

    One that is accepted has a submitter who has not finished, or never will: it is published again,
    so that this answer does not depend on that one's luck. Of two messages the claim drops one.
    """
    job = recorded.job
    if recorded.is_new:
        return True
    is_holder = job.id != draft.job.id  # of the deduplication key
    return job.status is Status.ACCEPTED and (is_holder or is_same_request(job, draft.job))


def _prepare_message(order: Order, entry: Entry, recorded: Recorded) -> bool:
    """Whether there is one: an older job's may not be what we could send."""
    try:
        if not recorded.is_new:
            entry.content = encode(recorded.job, entry.trace)
    except Exception as error:  # noqa: BLE001 - its neighbours go on
        _log.error("submit_failed", job_id=recorded.job.id, jobs=1, exc_info=error)
        order.settle(entry, unforeseen(error))
        return False
    entry.job = recorded.job
    return True


def _list_over(
    flight: Flight, open_places: dict[int, tuple[Order, Entry]], least: float
) -> list[int]:
    """The places of what was heard of, and of what has no more time."""
    now = monotonic()
    return [
        place
        for place, (order, _) in open_places.items()
        if flight.outcomes[place] is not UNSETTLED or max(least, order.deadline) <= now
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
