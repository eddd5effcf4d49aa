"""Does all of the reconciler's work: repeatedly in a thread of the scheduler, or once by hand.

Several may run at a time: the leader lock lets one of them work, to save work and not for safety.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

import structlog
from kombu import Connection

from project.broker.topology import transport_options
from project.config import Settings
from project.leader_lock import LeaderLock
from project.scheduler.reconciler import OUTAGES
from project.scheduler.reconciler.dead_letter_consumer import DeadLetterConsumer
from project.scheduler.reconciler.measuring import Measuring
from project.scheduler.reconciler.repairs import Repairs

LEADER_KEY = "reconciler"
LEADER_SECONDS = 10
"""A reconciler that dies is replaced within this time."""
PAUSE_SECONDS = 1.0

_ONLY_MEASURED = {"queues", "kinds"}
"""Work that only writes log lines."""

_log = structlog.get_logger()


@dataclass
class Reconciler:
    """All of the work; each piece has its own interval in seconds."""

    leader_lock: LeaderLock
    dead_letter_consumer: DeadLetterConsumer
    repairs: Repairs
    measuring: Measuring
    connect: Callable[[], Connection]
    _connection: Connection | None = None
    _cursor: int = 0
    _last: dict[str, float] = field(default_factory=dict)

    def run_forever(self) -> None:
        """Work forever; failed work is tried again at its next time."""
        while True:
            self.run_due()
            time.sleep(PAUSE_SECONDS)

    def run_once(self) -> dict[str, int | None]:
        """Do everything now, whichever process is the leader.

        Returns what each piece of work found, by name; None if an outage prevented it.
        """
        works = {name: work for name, _, work in self._works()}
        works["orphans"] = self._remove_all_orphans
        return {
            name: self._try(name, work)
            for name, work in works.items()
            if name not in _ONLY_MEASURED
        }

    def _try(self, name: str, work: Callable[[], int]) -> int | None:
        try:
            return work()
        except OUTAGES as error:
            self._log_skipped(name, error)
            return None

    def run_due(self) -> None:
        """Do what is due, if this process is the leader. A failure does not stop other work."""
        for name, interval_seconds, work in self._works():
            if monotonic() - self._last.get(name, float("-inf")) < interval_seconds:
                continue
            try:
                if not self.leader_lock.acquire():
                    return
                work()
            except OUTAGES as error:
                self._log_skipped(name, error)
                continue  # it is tried again a second later
            except Exception as error:  # noqa: BLE001 - the thread must not end; it logs and continues
                _log.error("reconciler_failed", work=name, exc_info=error)
                self._drop_connection()
            self._last[name] = monotonic()

    def _log_skipped(self, name: str, error: Exception) -> None:
        _log.warning("reconciler_skipped", work=name, reason=f"{error!r:.300}")
        self._drop_connection()

    def _works(self) -> tuple[tuple[str, float, Callable[[], int]], ...]:
        return (
            ("dead_letters", 1, self._take_dead_letters),
            ("undecided", 5, self.repairs.withdraw_undecided),
            ("lost", 15, self.repairs.republish_lost),
            ("waiting", 15, self.repairs.resume_waiting),
            ("expired", 5, self.repairs.trim),
            ("orphans", 5, self._remove_orphans),
            ("queues", 30, self.measuring.measure_queues),
            ("kinds", 60, self.measuring.measure_kinds),
        )

    def _take_dead_letters(self) -> int:
        if self._connection is None:
            self._connection = self.connect()
        return self.dead_letter_consumer.take_all(self._connection)

    def _remove_orphans(self) -> int:
        self._cursor, removed = self.repairs.remove_orphans(self._cursor)
        return removed

    def _remove_all_orphans(self) -> int:
        cursor, removed = self.repairs.remove_orphans(0)
        while cursor:
            cursor, more = self.repairs.remove_orphans(cursor)
            removed += more
        return removed

    def _drop_connection(self) -> None:
        """Drop it without a close, which would wait for a RabbitMQ that may be silent."""
        if self._connection is not None:
            self._connection.collect()
            self._connection = None


def connect_to_broker(settings: Settings) -> Connection:
    """A connection that fails soon if RabbitMQ refuses it or is silent."""
    connection = Connection(
        settings.broker_url,
        connect_timeout=2,
        transport_options={
            **transport_options(settings.role),
            "read_timeout": 5,
            "write_timeout": 5,
        },
    )
    connection.ensure_connection(max_retries=1, interval_start=0, timeout=5)
    return connection
