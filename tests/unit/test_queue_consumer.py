"""What a worker process tells RabbitMQ about the messages that it has taken.

RabbitMQ is a socket here, whose other end the test holds.
"""

import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from project.worker.engine import frames
from project.worker.engine.consumer import (
    AHEAD_SECONDS,
    FIRST_AHEAD,
    MOST_AHEAD,
    MOST_DELIVERIES,
    Prefetch,
    QueueConsumer,
)
from project.worker.engine.delivery import Delivery
from tests.unit.test_frames import a_deliver, a_header

ACK, REJECT, QOS, CONSUME, CANCEL = 80, 90, 10, 20, 30


class Broker:
    """The far end of the connection, and the connection as py-amqp has it."""

    def __init__(self) -> None:
        self.sock, self._far_end = socket.socketpair()
        self._far_end.settimeout(0)
        self.connected = True
        self._tag = 0
        self._unread = b""

    def channel(self, number: int) -> None:
        assert number == 1

    def collect(self) -> None:
        self.connected = False
        self.sock.close()

    def close(self) -> None:
        self.connected = False

    def on_inbound_frame(self, frame: Any) -> None:
        raise ConnectionError(str(frame))

    def deliver(self, count: int, *, returns: int = 0) -> None:
        """Send messages, which have come back so often."""
        headers = {"x-delivery-count": returns} if returns else {}
        for _ in range(count):
            self._tag += 1
            body = b"%d" % self._tag
            self._send(frames.METHOD, a_deliver(self._tag, redelivered=bool(returns)))
            self._send(frames.HEADER, a_header(len(body), application_headers=headers))
            self._send(frames.BODY, body)

    def confirm_cancel(self, tag: str) -> None:
        data = tag.encode()
        self._send(frames.METHOD, frames.CANCEL_OK + bytes((len(data),)) + data)

    def hang_up(self) -> None:
        self._far_end.close()

    def heard(self) -> list[tuple[int, Any]]:
        """The methods that were sent since the last time, with the tag that they name."""
        with suppress(BlockingIOError):
            self._unread += self._far_end.recv(1 << 16)
        received, self._unread = frames.split(self._unread)
        return [_read(payload) for kind, _, payload in received if kind == frames.METHOD]

    def _send(self, kind: int, payload: bytes) -> None:
        frame = struct.pack(">BHI", kind, 1, len(payload)) + payload + b"\xce"
        self._far_end.settimeout(5)
        self._far_end.sendall(frame)
        self._far_end.settimeout(0)


def _read(payload: bytes) -> tuple[int, Any]:
    _, method = struct.unpack_from(">HH", payload)
    if method in {ACK, REJECT}:
        tag, flag = struct.unpack_from(">Q?", payload, 4)
        return method, (tag, flag)
    if method == QOS:
        return method, struct.unpack_from(">IH", payload, 4)[1]
    if method == CANCEL:
        return method, frames.read_consumer(payload)
    return method, None


@pytest.fixture
def broker() -> Broker:
    return Broker()


class Anew:
    """Sends copies of messages, or does not."""

    def __init__(self) -> None:
        self.is_taken = True
        self.tags: list[int] = []

    def send(self, deliveries: list[Delivery]) -> list[Delivery]:
        self.tags += [delivery.delivery_tag for delivery in deliveries]
        return deliveries if self.is_taken else []


@pytest.fixture
def anew() -> Anew:
    return Anew()


@pytest.fixture
def consumer(broker: Broker, anew: Anew) -> Iterator[QueueConsumer]:
    consumer = QueueConsumer(lambda: broker, "worker-short 1", MOST_AHEAD, anew.send, print)
    consumer.connect(["short"])
    assert broker.heard() == [(QOS, FIRST_AHEAD), (CONSUME, None)]
    yield consumer
    consumer.drop()


def take(consumer: QueueConsumer) -> Any:
    delivery = consumer.take()
    assert delivery is not None
    return delivery


def test_messages_are_taken_in_their_order(broker: Broker, consumer: QueueConsumer) -> None:
    assert consumer.take() is None

    broker.deliver(3)

    assert [take(consumer).body for _ in range(3)] == [b"1", b"2", b"3"]
    assert consumer.take() is None


def test_acknowledgements_go_together(broker: Broker, consumer: QueueConsumer) -> None:
    broker.deliver(4)
    taken = [take(consumer) for _ in range(4)]

    taken[0].ack()
    assert broker.heard() == []
    taken[1].ack()
    assert broker.heard() == [(ACK, (2, True))]
    taken[2].ack()
    consumer.flush_acks()
    assert broker.heard() == [(ACK, (3, False))]


def test_refusal_takes_no_other_message_with_it(broker: Broker, consumer: QueueConsumer) -> None:
    broker.deliver(3)
    first, second, third = (take(consumer) for _ in range(3))

    first.ack()
    second.reject(requeue=False)
    third.ack()
    consumer.flush_acks()

    assert broker.heard() == [(ACK, (1, False)), (REJECT, (2, False)), (ACK, (3, False))]


def test_message_is_settled_once(broker: Broker, consumer: QueueConsumer) -> None:
    broker.deliver(1)
    delivery = take(consumer)

    delivery.reject(requeue=True)
    delivery.ack()
    consumer.flush_acks()

    assert broker.heard() == [(REJECT, (1, True))]


def test_what_nobody_has_begun_goes_back_once_no_more_comes(
    broker: Broker, consumer: QueueConsumer
) -> None:
    """What RabbitMQ had sent before it heard of that goes back, too."""
    broker.deliver(3)
    running = take(consumer)
    broker.deliver(1)
    broker.confirm_cancel("worker-short 1")

    assert consumer.requeue() == 3

    cancel, *rejected = broker.heard()
    assert cancel == (CANCEL, "worker-short 1")
    assert rejected == [(REJECT, (tag, True)) for tag in (2, 3, 4)]
    running.ack()
    consumer.note_run(1.0)
    assert broker.heard() == [(QOS, 1), (CONSUME, None)]
    consumer.flush_acks()
    assert broker.heard() == [(ACK, (1, False))]


def test_what_has_come_back_often_is_sent_anew_before_anything_else(
    broker: Broker, consumer: QueueConsumer, anew: Anew
) -> None:
    """RabbitMQ counts, and takes a message that comes back once more for one that kills workers."""
    for returns in (MOST_DELIVERIES - 1, MOST_DELIVERIES, 0, MOST_DELIVERIES + 1):
        broker.deliver(1, returns=returns)

    taken = [take(consumer) for _ in range(2)]

    assert anew.tags == [2, 4]
    assert broker.heard() == [(ACK, (2, False)), (ACK, (4, False))]
    assert [delivery.delivery_tag for delivery in taken] == [1, 3]
    assert consumer.take() is None


def test_what_rabbitmq_does_not_take_anew_is_run_as_it_is(
    broker: Broker, consumer: QueueConsumer, anew: Anew
) -> None:
    anew.is_taken = False
    for returns in (0, MOST_DELIVERIES):
        broker.deliver(1, returns=returns)

    assert [take(consumer).delivery_tag for _ in range(2)] == [1, 2]
    assert anew.tags == [2]
    assert broker.heard() == []


@pytest.mark.parametrize("is_taken", [True, False])
def test_what_goes_back_and_has_come_back_often_is_sent_anew(
    broker: Broker, consumer: QueueConsumer, anew: Anew, is_taken: bool
) -> None:
    anew.is_taken = is_taken
    broker.deliver(1)
    take(consumer)
    for returns in (MOST_DELIVERIES - 1, MOST_DELIVERIES):
        broker.deliver(1, returns=returns)
    broker.confirm_cancel("worker-short 1")

    assert consumer.requeue() == 2

    _, *settled = broker.heard()
    assert anew.tags == [3]
    assert set(settled) == {
        (REJECT, (2, True)),
        (ACK, (3, False)) if is_taken else (REJECT, (3, True)),
    }


def test_nothing_goes_back_where_the_job_has_ended_meanwhile(
    broker: Broker, consumer: QueueConsumer
) -> None:
    broker.deliver(2)
    take(consumer)

    assert consumer.requeue(lambda: False) == 0

    assert broker.heard() == []
    assert take(consumer).body == b"2"


def test_message_of_a_lost_connection_is_not_settled_on_the_next(consumer: QueueConsumer) -> None:
    first = consumer._connection
    first.deliver(1)
    delivery = take(consumer)
    first.hang_up()
    assert consumer.take() is None
    assert not consumer.is_connected

    second = Broker()
    consumer._dial = lambda: second
    consumer.connect(["short"])
    second.heard()
    delivery.ack()
    consumer.flush_acks()

    assert second.heard() == []


def test_consumer_that_rabbitmq_cancels_has_lost_its_connection(
    broker: Broker, consumer: QueueConsumer
) -> None:
    tag = b"worker-short 1"
    broker._send(frames.METHOD, frames.CANCEL + bytes((len(tag),)) + tag + b"\x01")

    assert consumer.take() is None
    assert not consumer.is_connected


def test_jobs_are_taken_ahead_as_many_as_are_done_soon() -> None:
    prefetch = Prefetch(MOST_AHEAD)

    for _ in range(100):
        prefetch.note(0.0001)
    assert prefetch.count == MOST_AHEAD

    assert prefetch.note(2.0)
    assert prefetch.count == 1
    for _ in range(10):
        prefetch.note(0.001)
    assert prefetch.count == 1  # one long job is remembered for a while
    for _ in range(100):
        prefetch.note(AHEAD_SECONDS / 8)
    assert 4 <= prefetch.count <= 8


def test_process_that_is_to_take_one_at_a_time_does() -> None:
    prefetch = Prefetch(1)

    assert not any(prefetch.note(0.0001) for _ in range(100))
    assert prefetch.count == 1
