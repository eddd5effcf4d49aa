"""Dramatiq on RabbitMQ with `confirm_delivery`, results in Redis.

Guaranteed, beside what `dramatiq_default` guarantees: a `send` that has returned is on RabbitMQ's
disk, in a classic queue, which no other node of a cluster has a copy of.

Not guaranteed: that a job runs once. A result that cannot be stored is lost, and the job is not run
again. Dramatiq has neither a state of a job nor events.
"""

import dramatiq

from bench.peers.dramatiq_client import DramatiqClient, build_broker

broker = build_broker(confirm_delivery=True)
dramatiq.set_broker(broker)


@dramatiq.actor(store_results=True)
def noop(number: int) -> int:
    """Nothing."""
    return number


def connect() -> DramatiqClient:
    """A client."""
    return DramatiqClient(noop)
