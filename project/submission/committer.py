"""Group commit: jobs that are submitted at the same time are committed together.

A batch is recorded in one round trip, published in one write, and its confirms are recorded in one
round trip (`batch`). A caller that finds nothing in progress carries out its own batch, without
waiting. Otherwise orders wait until a thread takes all that have arrived; at most two batches are
in progress. So a caller that is interrupted, or whose greenlet is killed, affects no other's job.
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
"""Batches in progress at most: while one waits for RabbitMQ, Redis handles the other."""
MOST_TOGETHER = 250
"""Jobs in a batch at most, because the next batch waits for them."""
LATE_SECONDS = 0.25
"""A batch that takes longer, because a server hangs, no longer blocks the next ones."""
LOOK_SECONDS = 0.05
"""How often waiting orders are checked."""

_log = structlog.get_logger()


class Committer:
    """Commits the jobs of one process; a forked process starts with an empty committer."""

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
        """The batches that are not late, and an empty one for each thread that is starting."""
        self._is_watched = False

    def begin(self, entries: Sequence[Entry], deadline: float, *, is_alone: bool) -> Order:
        """Commit at most MOST_TOGETHER entries; the caller can wait for them later, with `wait`.

        With `is_alone`, the caller has nothing else to do meanwhile, and may carry out the batch.
        An entry that no batch has taken by the deadline was not recorded, and never will be.
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
        """Wait until each entry has its answer; an interrupted caller takes its order back."""
        try:
            order.wait()
        except BaseException:
            self.take_back(order)
            raise

    def take_back(self, order: Order) -> None:
        """Remove the order, so that it is not recorded, unless a batch has taken it already."""
        with self._lock:
            if order not in self._waiting:
                return
            self._waiting.remove(order)
            dependency = self._under_way[0].dependency if self._under_way else "Redis"
        for entry in order.entries:
            entry.settle(UnavailableError(dependency))

    # ── Which batch is next ────────────────────────────────────────────────────────────────────

    def _enter(self, order: Order, *, is_alone: bool) -> Batch | None:
        """The caller's own batch if nothing else is in progress; otherwise queue the order."""
        if self._pid != os.getpid():  # forked: the parent's callers and threads do not exist here
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
        """While orders wait, take back overdue ones, and start a batch if others hang."""
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
            with suppress(RuntimeError):  # no thread could start: try again at the next check
                self._start_next()

    def _start_next(self) -> None:
        """Start a thread for the next batch, if another batch may be in progress."""
        with self._lock:
            if not self._waiting or self._count_under_way() >= UNDER_WAY:
                return
            turn = self._begin([])
        threading.Thread(target=self._work, args=(turn,), name="committer", daemon=True).start()

    def _work(self, turn: Batch) -> None:
        """Carry out batches until no order waits."""
        leave()
        while batch := self._take_place(turn):
            try:
                self._steps.carry_out(batch)
            except Exception as error:  # noqa: BLE001 - the next batch may succeed
                _log.error("submit_failed", jobs=len(batch.entries), exc_info=error)
            turn = batch

    def _take_place(self, turn: Batch) -> Batch | None:
        """Take the waiting orders, as many as fit into a batch."""
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
