"""Dramatiq on RabbitMQ with its defaults, results in Redis.

Guaranteed: a job that RabbitMQ has written to its queue, a classic one, is kept over its restart.
One whose worker is killed runs again; one that raises is retried, 20 times by default.

Not guaranteed: that a `send` that has returned has reached RabbitMQ, as nobody confirms it; that a
job runs once. A result that cannot be stored is lost, and the job is not run again. Dramatiq has
neither a state of a job nor events.
"""

import dramatiq

from bench.peers.dramatiq_client import DramatiqClient, build_broker

broker = build_broker()
dramatiq.set_broker(broker)


@dramatiq.actor(store_results=True)
def noop(number: int) -> int:
    """Nothing."""
    return number


def connect() -> DramatiqClient:
    """A client."""
    return DramatiqClient(noop)
