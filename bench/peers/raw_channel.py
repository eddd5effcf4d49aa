"""The limit: py-amqp alone, with persistent messages of 400 bytes to a quorum queue."""

import os
from typing import Any

import amqp  # type: ignore[import-untyped]  # py-amqp ships no types
from kombu.utils.url import parse_url

QUEUE = "raw"
BODY = b"x" * 400
CONFIRMED_TOGETHER = 100


def connect() -> "RawClient":
    """Return a client with its queue."""
    return open_client(os.environ["BENCH_BROKER_URL"], {"x-queue-type": "quorum"})


def open_client(url: str, queue_arguments: dict[str, Any]) -> "RawClient":
    """Declare a queue with these arguments, and return its client."""
    parts = parse_url(url)
    connection = amqp.Connection(
        host=f"{parts['hostname']}:{parts['port']}",
        userid=parts["userid"],
        password=parts["password"],
        virtual_host=parts["virtual_host"],
    )
    connection.connect()
    return RawClient(connection.channel(), queue_arguments)


class RawClient:
    """Publishes to the default exchange, and takes messages from the queue."""

    def __init__(self, channel: amqp.Channel, queue_arguments: dict[str, Any]) -> None:
        self._channel = channel
        self._open: set[int] = set()
        self._published = 0
        channel.queue_declare(QUEUE, durable=True, auto_delete=False, arguments=queue_arguments)
        channel.confirm_select()
        channel.events["basic_ack"].add(self._note)

    def submit(self, _number: int) -> None:
        """Publish, and await each confirm."""
        self._publish()
        self._await_confirms()

    def submit_many(self, numbers: list[int]) -> None:
        """Publish, and await the confirms of a hundred at a time."""
        for start in range(0, len(numbers), CONFIRMED_TOGETHER):
            for _ in numbers[start : start + CONFIRMED_TOGETHER]:
                self._publish()
            self._await_confirms()

    def take(self) -> None:
        """Get one message, and acknowledge it."""
        message = self._channel.basic_get(QUEUE)
        if message is None:
            raise ValueError("The queue is empty.")
        self._channel.basic_ack(message.delivery_tag)

    def close(self) -> None:
        """Close the connection."""
        self._channel.connection.close()

    def _publish(self) -> None:
        message = amqp.Message(BODY, delivery_mode=2)
        self._channel.basic_publish(message, exchange="", routing_key=QUEUE)
        self._published += 1
        self._open.add(self._published)

    def _note(self, delivery_tag: int, multiple: bool) -> None:
        settled = {tag for tag in self._open if tag <= delivery_tag} if multiple else {delivery_tag}
        self._open -= settled

    def _await_confirms(self) -> None:
        while self._open:
            self._channel.connection.drain_events(timeout=10)
