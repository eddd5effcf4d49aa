"""The scheduler's loop: goes round until it is told to stop. Several may; one has the turn."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from redis import RedisError

from project.leader_lock import LeaderLock
from project.scheduler.schedules.examples import make_examples
from project.scheduler.schedules.runner import Runner
from project.scheduler.schedules.schedule_service import read_clock
from project.scheduler.schedules.store import ScheduleStore

LEADER_SECONDS = 5
PAUSE_SECONDS = 1.0
"""A change of the schedules is seen within this time, and so is a leader's end after its turn."""
SHORTEST_PAUSE_SECONDS = 0.01

_log = structlog.get_logger()


@dataclass
class Scheduler:
    """Goes round."""

    store: ScheduleStore
    runner: Runner
    leader_lock: LeaderLock
    clock: Callable[[], datetime] = read_clock
    _is_prepared: bool = False

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; whatever is away is tried again a second later."""
        while not stop.is_set():
            stop.wait(self._go_round())
        try:
            self.leader_lock.release()
        except RedisError as error:
            _log.warning("scheduler_skipped", reason=f"{error!r:.300}")

    def _go_round(self) -> float:
        """Do what is due; for how many seconds there is nothing to do."""
        try:
            if self.leader_lock.acquire():
                return self._lead()
        except RedisError as error:
            _log.warning("scheduler_skipped", reason=f"{error!r:.300}")
        except Exception as error:  # noqa: BLE001 - the loop must not end; it tells, and goes on
            _log.error("scheduler_failed", exc_info=error)
        return PAUSE_SECONDS

    def _lead(self) -> float:
        self.store.note_alive()
        if not self._is_prepared:
            make_examples(self.store)
            self._is_prepared = True
        if not self.runner.run_due():
            return PAUSE_SECONDS
        next_at = self.store.find_next()
        if next_at is None:
            return PAUSE_SECONDS
        seconds = (next_at - self.clock()).total_seconds()
        return min(max(seconds, SHORTEST_PAUSE_SECONDS), PAUSE_SECONDS)
