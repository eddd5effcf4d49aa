"""The scheduler's loop: runs until it is told to stop. Of several schedulers one is the leader."""

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
"""Within this time a scheduler notices changed schedules and, after LEADER_SECONDS, a dead leader.
"""
SHORTEST_PAUSE_SECONDS = 0.01

_log = structlog.get_logger()


@dataclass
class Scheduler:
    """Runs the schedules while this process is the leader."""

    store: ScheduleStore
    runner: Runner
    leader_lock: LeaderLock
    clock: Callable[[], datetime] = read_clock
    _is_prepared: bool = False

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; after an outage it tries again a second later."""
        while not stop.is_set():
            stop.wait(self._go_round())
        try:
            self.leader_lock.release()
        except RedisError as error:
            _log.warning("scheduler_skipped", reason=f"{error!r:.300}")

    def _go_round(self) -> float:
        """Do what is due; returns the seconds until there is more to do."""
        try:
            if self.leader_lock.acquire():
                return self._lead()
        except RedisError as error:
            _log.warning("scheduler_skipped", reason=f"{error!r:.300}")
        except Exception as error:  # noqa: BLE001 - the loop must not end; it logs and continues
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
