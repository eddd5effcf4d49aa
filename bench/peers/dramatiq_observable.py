"""Dramatiq with all switched on that it has of what our service has by itself.

Confirms, results in Redis, a JSON log line for each start and end, and quorum queues. Dramatiq 2.2
has no option for the type of a queue: `RabbitmqBroker` takes `confirm_delivery`, `max_priority` and
pika's connection parameters. `_build_queue_arguments`, which is private, makes the arguments of a
queue and of its queue for delayed messages; it is overridden here. Dramatiq's dead-letter queue has
arguments of its own, and stays a classic one.

Guaranteed: a `send` that has returned is on RabbitMQ's disk. A job whose worker is killed is
delivered again; one that raises is retried, 20 times by default, and then kept for a week as a dead
letter.

Not guaranteed: that a job runs once. Dramatiq has neither a state of a job (there is its result, or
there is none) nor events: nothing says that a job exists, waits or runs, but for its log lines.
"""

from typing import Any

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker

from bench.peers.dramatiq_client import DramatiqClient, build_broker
from bench.peers.json_log import JobLines, open_log


class QuorumBroker(RabbitmqBroker):  # type: ignore[misc]  # not in our environment
    """Its queues, and those of delayed messages, are quorum queues."""

    def _build_queue_arguments(self, queue_name: str) -> dict[str, Any]:
        return {**super()._build_queue_arguments(queue_name), "x-queue-type": "quorum"}


class LogLines(dramatiq.Middleware):  # type: ignore[misc]  # not in our environment
    """A line for each start and end of a job."""

    def __init__(self) -> None:
        self._lines = JobLines()

    def before_worker_boot(self, *_: Any) -> None:
        """In the process that runs the jobs."""
        open_log()

    def before_process_message(self, _broker: Any, message: Any) -> None:
        """A job begins."""
        self._lines.start(message.message_id, message.actor_name)

    def after_process_message(
        self, _broker: Any, message: Any, *, exception: Any = None, **_: Any
    ) -> None:
        """A job has ended, and its result is stored."""
        status = "failed" if exception else "succeeded"
        self._lines.finish(message.message_id, message.actor_name, status)


broker = build_broker(QuorumBroker, confirm_delivery=True)
broker.add_middleware(LogLines())
dramatiq.set_broker(broker)


@dramatiq.actor(store_results=True)
def noop(number: int) -> int:
    """Nothing."""
    return number


def connect() -> DramatiqClient:
    """A client."""
    return DramatiqClient(noop)
