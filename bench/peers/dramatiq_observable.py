"""Dramatiq with all its features on that our service has by default.

Confirms, results in Redis, a JSON log line for each start and end, and quorum queues. Dramatiq 2.2
has no option for a queue's type: `RabbitmqBroker` takes `confirm_delivery`, `max_priority` and
pika's connection parameters. The private `_build_queue_arguments` makes the arguments of a queue
and of its queue for delayed messages; it is overridden here. Dramatiq's dead-letter queue has other
arguments, and stays a classic queue.

Guaranteed: a `send` that returned is on RabbitMQ's disk. A job whose worker is killed is delivered
again; a job that raises is retried, 20 times by default, and then kept for a week as a dead
letter.

Not guaranteed: that a job runs once. Dramatiq has neither job states (a job has a result or not)
nor events: only log lines show that a job exists, waits or runs.
"""

from typing import Any

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker

from bench.peers.dramatiq_client import DramatiqClient, build_broker
from bench.peers.json_log import JobLines, open_log


class QuorumBroker(RabbitmqBroker):  # type: ignore[misc]  # not in our environment
    """A broker whose queues, also those of delayed messages, are quorum queues."""

    def _build_queue_arguments(self, queue_name: str) -> dict[str, Any]:
        return {**super()._build_queue_arguments(queue_name), "x-queue-type": "quorum"}


class LogLines(dramatiq.Middleware):  # type: ignore[misc]  # not in our environment
    """Writes a line for each start and end of a job."""

    def __init__(self) -> None:
        self._lines = JobLines()

    def before_worker_boot(self, *_: Any) -> None:
        """Open the log in the process that runs the jobs."""
        open_log()

    def before_process_message(self, _broker: Any, message: Any) -> None:
        """Log a job's start."""
        self._lines.start(message.message_id, message.actor_name)

    def after_process_message(
        self, _broker: Any, message: Any, *, exception: Any = None, **_: Any
    ) -> None:
        """Log a job's end, once its result is stored."""
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
    """Return a client."""
    return DramatiqClient(noop)
