"""Dramatiq on RabbitMQ with its defaults, results in Redis.

Guaranteed: a job that RabbitMQ has written to its classic queue survives RabbitMQ's restart.
A job whose worker is killed runs again; a job that raises is retried, 20 times by default.

Not guaranteed: that a `send` that returned has reached RabbitMQ, because nothing confirms it; that
a job runs once. A result that cannot be stored is lost, and the job does not run again. Dramatiq
has neither job states nor events.
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
    """Return a client."""
    return DramatiqClient(noop)
