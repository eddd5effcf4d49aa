"""Does all of the reconciler's work, again and again: a thread of the scheduler, or by hand once.

Several may run at a time: a key in Redis lets one of them work, for thrift and not for safety.
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
"""Works that only write log lines."""

_log = structlog.get_logger()


@dataclass
class Reconciler:
    """All of the work, each part with its own interval in seconds."""

    leader_lock: LeaderLock
    dead_letter_consumer: DeadLetterConsumer
    repairs: Repairs
    measuring: Measuring
    connect: Callable[[], Connection]
    _connection: Connection | None = None
    _cursor: int = 0
    _last: dict[str, float] = field(default_factory=dict)

    def run_forever(self) -> None:
        """Work for ever; what fails is tried again when it is due again."""
        while True:
            self.run_due()
            time.sleep(PAUSE_SECONDS)

    def run_once(self) -> dict[str, int | None]:
        """Do everything now, whoever's turn it is.

        What was found, by the name of the work; None where a part that is away kept it from being
        done.
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
        """Do what is due, where it is this one's turn. No work holds up the others."""
        for name, interval_seconds, work in self._works():
            if monotonic() - self._last.get(name, float("-inf")) < interval_seconds:
                continue
            try:
                if not self.leader_lock.acquire():
                    return
                work()
            except OUTAGES as error:
                self._log_skipped(name, error)
                continue  # and again a second later
            except Exception as error:  # noqa: BLE001 - the thread must not end; it tells, and goes on
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
        """As it is: a proper close would wait for a broker that may be silent."""
        if self._connection is not None:
            self._connection.collect()
            self._connection = None


def connect_to_broker(settings: Settings) -> Connection:
    """A connection that neither a refusal nor a silence of RabbitMQ holds up for long."""
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
