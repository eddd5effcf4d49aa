"""Logs the state of the queues: enough for an alert on a queue that has no worker, or is behind.

It also warns of a kind that runs longer than its queue promises.
"""

from collections.abc import Collection
from dataclasses import dataclass

import structlog

from project.broker.publisher import Publisher
from project.ledger import Ledger
from project.ledger.run_times import RunTimes

INQUIRY_SECONDS = 5

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Measuring:
    """Measures queues and kinds, from RabbitMQ and the ledger."""

    ledger: Ledger
    publisher: Publisher
    run_times: RunTimes
    queues: Collection[str]

    def measure_kinds(self) -> int:
        """Log a warning for each kind that blocks its queue; returns how many were measured."""
        found = self.run_times.measure()
        for one in found:
            if one.blocks_queue:
                _log.warning(
                    "queue_blocked",
                    kind=one.kind,
                    queue=one.queue,
                    jobs=one.runs,
                    p95_seconds=one.p95_seconds,
                    promise_seconds=one.promise_seconds,
                )
        return len(found)

    def measure_queues(self) -> int:
        """Log a line for each queue; returns how many. UnavailableError: RabbitMQ is unavailable.

        Jobs may wait in a queue that JOBS_QUEUES no longer names. They stay in the ledger and in
        RabbitMQ until it names the queue again, or somebody cancels them.
        """
        for name, waiting in self.ledger.list_forgotten_queues(self.queues):
            _log.warning("queue_not_configured", queue=name, queue_waiting=waiting)
        queues = self.ledger.list_queues(self.queues)
        depths = self.publisher.depths([queue.name for queue in queues], INQUIRY_SECONDS)
        for queue in queues:
            _log.info(
                "queue_measured",
                queue=queue.name,
                queue_waiting=queue.depth,
                queue_consumers=depths[queue.name][1],
                queue_oldest_seconds=queue.oldest_seconds or 0.0,
            )
        return len(queues)
