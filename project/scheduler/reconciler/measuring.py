"""How the queues are, as log lines: enough for an alert on one that nobody serves, or is behind.

A kind that runs longer than its queue promises is told, too.
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
    """Asks RabbitMQ and the ledger."""

    ledger: Ledger
    publisher: Publisher
    run_times: RunTimes
    queues: Collection[str]

    def measure_kinds(self) -> int:
        """A warning for each kind that blocks its queue; how many were measured."""
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
        """A line for each queue; how many. UnavailableError: the broker is away.

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
