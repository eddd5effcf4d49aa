"""Group commit: jobs that are submitted at the same time go their way together.

A batch is recorded in one round trip, published in one write, and its confirms are noted in one
round trip (`batch`). Who comes while nothing is under way carries out its own batch, and waits for
nobody. Else orders wait until a thread takes all that has come meanwhile; two batches are under way
at most. So no caller who is interrupted, or whose greenlet is killed, takes another's job with it.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic

import structlog

from project.broker.publisher import Publisher
from project.errors import UnavailableError
from project.ledger.admissions import Admissions
from project.observability.binding import leave
from project.submission.batch import Batch, Entry, Order, Steps
from project.submission.confirm_recovery import ConfirmRecovery

UNDER_WAY = 2
"""Batches: while one waits for RabbitMQ, Redis has the other."""
MOST_TOGETHER = 250
"""Jobs of a batch: who comes next waits for them."""
LATE_SECONDS = 0.25
"""A batch that takes longer, because a server hangs, does not keep the next ones waiting."""
LOOK_SECONDS = 0.05
"""Orders that wait are looked at this often."""

_log = structlog.get_logger()


class Committer:
    """One in each process; a fork gets an empty one."""

    def __init__(
        self, admissions: Admissions, publisher: Publisher, recovery: ConfirmRecovery
    ) -> None:
        self._steps = Steps(admissions, publisher, recovery)
        self._forget()

    def _forget(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._waiting: deque[Order] = deque()
        self._under_way: list[Batch] = []
        """Those that are not late, and an empty one for each thread that has not begun yet."""
        self._is_watched = False

    def begin(self, entries: Sequence[Entry], deadline: float, *, is_alone: bool) -> Order:
        """Commit entries, MOST_TOGETHER at the most; the caller waits for them when it likes to.

        With `is_alone` it has nothing else to do meanwhile. What no batch has taken by the deadline
        was not even recorded, and never will be.
        """
        order = Order(entries, deadline)
        try:
            if batch := self._enter(order, is_alone=is_alone):
                self._steps.carry_out(batch)
            self._start_next()
        except BaseException:
            self.take_back(order)
            raise
        return order

    def wait(self, order: Order) -> None:
        """Until each entry has its answer; a caller who is interrupted takes its order back."""
        try:
            order.wait()
        except BaseException:
            self.take_back(order)
            raise

    def take_back(self, order: Order) -> None:
        """See to it that it is not recorded, unless a batch has taken it."""
        with self._lock:
            if order not in self._waiting:
                return
            self._waiting.remove(order)
            part = self._under_way[0].part if self._under_way else "Redis"
        for entry in order.entries:
            entry.settle(UnavailableError(part))

    # ── Whose turn it is ───────────────────────────────────────────────────────────────────────

    def _enter(self, order: Order, *, is_alone: bool) -> Batch | None:
        """The caller's own batch where nobody else is here; else the order waits for its turn."""
        if self._pid != os.getpid():  # a fork: its parent's callers and threads are not ours
            self._forget()
        with self._lock:
            if is_alone and not self._waiting and not self._count_under_way():
                return self._begin(order.entries)
            self._waiting.append(order)
            if not self._is_watched:
                threading.Thread(target=self._watch, name="committer", daemon=True).start()
                self._is_watched = True
        return None

    def _watch(self) -> None:
        """While orders wait: what is overdue goes back, and batches that hang make room."""
        leave()
        while True:
            time.sleep(LOOK_SECONDS)
            with self._lock:
                waiting = list(self._waiting)
                self._is_watched = bool(waiting)
            if not waiting:
                return
            for order in waiting:
                if monotonic() >= order.deadline:
                    self.take_back(order)
            with suppress(RuntimeError):  # no thread to be had: until the next look
                self._start_next()

    def _start_next(self) -> None:
        """A thread for the next batch, where there may be one more."""
        with self._lock:
            if not self._waiting or self._count_under_way() >= UNDER_WAY:
                return
            turn = self._begin([])
        threading.Thread(target=self._work, args=(turn,), name="committer", daemon=True).start()

    def _work(self, turn: Batch) -> None:
        """Carry out batches until nobody waits."""
        leave()
        while batch := self._take_place(turn):
            try:
                self._steps.carry_out(batch)
            except Exception as error:  # noqa: BLE001 - the next batch may have more luck
                _log.error("submit_failed", jobs=len(batch.entries), exc_info=error)
            turn = batch

    def _take_place(self, turn: Batch) -> Batch | None:
        """All that waits, as far as it is not too much."""
        with self._lock:
            turn.is_over = True
            if not self._waiting or self._count_under_way() >= UNDER_WAY:
                return None
            entries = list(self._waiting.popleft().entries)
            while self._waiting and len(entries) + len(self._waiting[0].entries) <= MOST_TOGETHER:
                entries += self._waiting.popleft().entries
            return self._begin(entries)

    def _count_under_way(self) -> int:
        fresh = monotonic() - LATE_SECONDS
        self._under_way = [
            batch for batch in self._under_way if not batch.is_over and batch.begun_at > fresh
        ]
        return len(self._under_way)

    def _begin(self, entries: Sequence[Entry]) -> Batch:
        batch = Batch(entries)
        self._under_way.append(batch)
        return batch
