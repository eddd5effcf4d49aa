"""Dramatiq on RabbitMQ with `confirm_delivery`, results in Redis."""

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
