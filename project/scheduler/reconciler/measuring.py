"""How the queues are, as log lines: enough for an alert on one that nobody serves, or is behind.

A kind that runs longer than its queue promises is told, too.
"""

from dataclasses import dataclass

import structlog

from project.broker.publisher import Publisher
from project.ledger import Ledger
from project.ledger.run_times import RunTimes
from project.queues import QueueName

INQUIRY_SECONDS = 5

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Measuring:
    """Asks RabbitMQ and the ledger."""

    ledger: Ledger
    publisher: Publisher
    run_times: RunTimes

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
                    promise_seconds=QueueName(one.queue).promise_seconds,
                )
        return len(found)

    def measure_queues(self) -> int:
        """A line for each queue; how many. UnavailableError: the broker is away."""
        queues = self.ledger.list_queues()
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
