"""The broker and the client that all Dramatiq applications share."""

import os
from typing import Any

from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend


def build_broker(
    kind: type[RabbitmqBroker] = RabbitmqBroker, *, confirm_delivery: bool = False
) -> RabbitmqBroker:
    """Return a RabbitMQ broker, with Redis for the results."""
    broker = kind(url=os.environ["BENCH_BROKER_URL"], confirm_delivery=confirm_delivery)
    broker.add_middleware(Results(backend=RedisBackend(url=os.environ["BENCH_RESULTS_URL"])))
    return broker


class DramatiqClient:
    """Submits with `send`, awaits with a blocking `get_result`."""

    def __init__(self, noop: Any) -> None:
        self._noop = noop

    def submit(self, number: int) -> Any:
        """Submit a job and return its message."""
        return self._noop.send(number)

    def trip(self, number: int, timeout_seconds: float) -> Any:
        """Submit a job, and await its result."""
        message = self._noop.send(number)
        return message.get_result(block=True, timeout=int(timeout_seconds * 1000))
