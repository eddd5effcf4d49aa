"""Dramatiq on RabbitMQ with `confirm_delivery`, results in Redis.

Guaranteed, in addition to `dramatiq_default`: a `send` that returned is on RabbitMQ's disk, in a
classic queue, which is not replicated to other nodes of a cluster.

Not guaranteed: that a job runs once. A result that cannot be stored is lost, and the job does not
run again. Dramatiq has neither job states nor events.
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
    """Return a client."""
    return DramatiqClient(noop)
