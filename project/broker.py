"""RabbitMQ's names: the lanes, their exchange, and where dead letters go.

RabbitMQ itself declares the topology, from a definitions file that `deploy/rabbitmq/definitions.py`
makes from this module; so the application's user needs no right to create or delete a queue.
"""

import socket
from typing import Any

from kombu import Exchange, Queue

from project.lane import Lane

DELIVERY_LIMIT = 10
"""Failed deliveries of one message before it is dead-lettered."""


# A topic exchange, because Celery's delayed delivery (retries with a countdown) needs one.
JOBS_EXCHANGE = Exchange("jobs", type="topic", durable=True, no_declare=True)
DEAD_EXCHANGE = Exchange("jobs.dead", type="fanout", durable=True, no_declare=True)
DEAD_QUEUE = Queue(
    "dead",
    DEAD_EXCHANGE,
    durable=True,
    # RabbitMQ 4 drops a message after 20 failed deliveries, and looking at one here counts as such.
    queue_arguments={"x-queue-type": "quorum", "x-delivery-limit": 1_000_000},
    no_declare=True,
)


def lane_queue(lane: Lane) -> Queue:
    """The lane's quorum queue, dead-lettering at least once to `dead`."""
    return Queue(
        lane.value,
        JOBS_EXCHANGE,
        routing_key=lane.value,
        durable=True,
        queue_arguments={
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": DEAD_EXCHANGE.name,
            "x-dead-letter-strategy": "at-least-once",
            # at-least-once dead-lettering works only with this overflow; there is no max-length.
            "x-overflow": "reject-publish",
        },
        no_declare=True,
    )


def transport_options(role: str) -> dict[str, Any]:
    """Options of every connection: publishing is confirmed, and the console shows whose it is."""
    name = f"{role} on {socket.gethostname()}"
    return {"confirm_publish": True, "client_properties": {"connection_name": name}}


LANE_QUEUES = tuple(lane_queue(lane) for lane in Lane)
QUEUES = (*LANE_QUEUES, DEAD_QUEUE)
EXCHANGES = (JOBS_EXCHANGE, DEAD_EXCHANGE)
