"""The names in RabbitMQ: the queues, their exchange, and where dead letters go.

RabbitMQ itself declares the topology, from a definitions file that `deploy/rabbitmq/definitions.py`
makes from this module; so the application's user needs no right to create or delete a queue.
"""

import socket
from collections.abc import Callable
from functools import partial
from typing import Any

from amqp.basic_message import Message  # type: ignore[import-untyped]  # py-amqp ships no types
from amqp.method_framing import frame_handler  # type: ignore[import-untyped]
from amqp.serialization import dumps  # type: ignore[import-untyped]
from kombu import Exchange, Queue, compression

from project.broker.message_reader import UNPACKERS, UNREADABLE_HEADER, unpack

DELIVERY_LIMIT = 10
"""Failed deliveries of one message before it is dead-lettered."""


# A topic exchange, because Celery's delayed delivery (retries with a countdown) needs one.
JOBS_EXCHANGE = Exchange("jobs", type="topic", durable=True, no_declare=True)
DEAD_EXCHANGE = Exchange("jobs.dead", type="fanout", durable=True, no_declare=True)
DEAD_QUEUE = Queue(
    "dead",
    DEAD_EXCHANGE,
    durable=True,
    # RabbitMQ 4 drops a message after 20 failed deliveries, and reading one here counts as such.
    queue_arguments={"x-queue-type": "quorum", "x-delivery-limit": 1_000_000},
    no_declare=True,
)


def make_job_queue(name: str) -> Queue:
    """The quorum queue of that name; it dead-letters at least once to `dead`."""
    return Queue(
        name,
        JOBS_EXCHANGE,
        routing_key=name,
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
    """Options of every connection: confirmed publishing, and a name for RabbitMQ's console."""
    name = f"{role} on {socket.gethostname()}"
    return {
        "confirm_publish": True,
        "client_properties": {"connection_name": name},
        "frame_handler": TolerantFrames(),
    }


Frame = tuple[int, int, bytes]
"""A frame's type, channel and payload."""

_HEADER_FRAME = 2
_BODY_SIZE = slice(4, 12)
"""Position in a header frame's payload; the properties follow it (AMQP 0-9-1, 2.3.5.2)."""
# The only property is the table of headers.
_UNREADABLE = b"\x20\x00" + bytes(dumps("F", [{UNREADABLE_HEADER: True}]))


class TolerantFrames:
    """py-amqp's frame reader, made safe against undecodable properties of a message.

    RabbitMQ accepts properties that py-amqp cannot decode: a content type that is not UTF-8, a time
    in the year 10000, tables nested a thousand deep. py-amqp's error would end the worker, and
    RabbitMQ would redeliver the message. Here the message gets UNREADABLE_HEADER, and no other
    property.
    """

    def __call__(self, connection: Any, callback: Any) -> Callable[[Frame], bool]:
        """The function that reads a connection's frames; py-amqp calls this when it connects."""
        handle = frame_handler(connection, callback)

        def on_frame(frame: Frame) -> bool:
            if frame[0] != _HEADER_FRAME:
                return bool(handle(frame))
            if frame[2][_BODY_SIZE] == bytes(8):  # `handle` calls the message's receiver at once
                return bool(handle(frame if _is_readable(frame[2]) else _replace_properties(frame)))
            try:
                return bool(handle(frame))
            except Exception:  # noqa: BLE001 - whatever py-amqp raises on malformed bytes
                return bool(handle(_replace_properties(frame)))

        return on_frame

    def __json__(self) -> str:
        """For Celery, whose workers report their connection's options (`inspect stats`)."""
        return type(self).__name__


def _is_readable(payload: bytes) -> bool:
    try:
        Message().inbound_header(payload)
    except Exception:  # noqa: BLE001 - as above
        return False
    return True


def _replace_properties(frame: Frame) -> Frame:
    kind, channel, payload = frame
    return kind, channel, payload[: _BODY_SIZE.stop] + _UNREADABLE


def limit_unpacking() -> None:
    """Limit the size of bodies that kombu decompresses, which it does without asking."""
    for name in UNPACKERS:
        encoder, _ = compression.get_encoder(name)
        compression.register(encoder, partial(unpack, compression=name), name)


EXCHANGES = (JOBS_EXCHANGE, DEAD_EXCHANGE)
