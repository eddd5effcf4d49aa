"""A connection to RabbitMQ on which every message is confirmed, or known not to be.

One caller has it at a time (`flight`), and all that it hears is about that caller's messages, or
about earlier ones that nobody waits for any more.
"""

import ssl
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol

from amqp.exceptions import (  # type: ignore[import-untyped]  # py-amqp ships no types
    AMQPError,
    MessageNacked,
)
from kombu import Connection

from project.broker.message import Message
from project.broker.publisher.content import CHANNEL, Content, split_frames
from project.broker.topology import transport_options

TROUBLE = (OSError, AMQPError)
"""As what a broker shows that is not there, fails, or refuses."""

STEP_SECONDS = 1.0
"""A step of a connection's start, or a write, that takes longer has failed."""
WRITE_BYTES = 1 << 16
"""So much goes into one write: a write costs as much as encoding two messages, and a long one may
take longer than a step."""
_READ_BYTES = 1 << 16
_NOTHING_THERE = (TimeoutError, BlockingIOError, ssl.SSLWantReadError)

_METHOD = 1
_ACK, _NACK = struct.pack(">HH", 60, 80), struct.pack(">HH", 60, 120)
_TAG = struct.Struct(">QB")
_MULTIPLE = 0x01


@dataclass(frozen=True, slots=True)
class Dialler:
    """Opens connections: TLS and the reading of the URL are kombu's."""

    broker_url: str
    role: str

    def dial(self, step_seconds: float, **options: Any) -> Any:
        """A py-amqp connection on which no read and no write takes longer than `step_seconds`."""
        options = {**transport_options(self.role), **options, "confirm_publish": False}
        # Not `Connection.connect`, which tries again after a pause.
        connection = Connection(
            self.broker_url, connect_timeout=step_seconds, transport_options=options
        ).transport.establish_connection()
        # gevent's sockets ignore `read_timeout` and `write_timeout`.
        connection.sock.settimeout(step_seconds)
        return connection


def hang_up(connection: Any) -> None:
    """Close the socket as it is: a proper close, TLS's too, would wait for the broker's answer."""
    if connection.connected:
        connection.sock.settimeout(0)
    connection.collect()


class Hearer(Protocol):
    """Who wants to know what becomes of the messages it has sent, by their place among them."""

    def settle(self, places: range, failure: Exception | None) -> None:
        """The broker has those messages, or says why not. Some may be settled already."""
        ...

    def requeue(self, message: tuple[str, str, str], reason: Exception) -> None:
        """No queue takes the message of that id, exchange and routing key. A confirm follows that
        means nothing."""
        ...


class Line:
    """One channel in confirm mode. After any error it must be dropped."""

    def __init__(self, dialler: Dialler) -> None:
        self.is_blocked = False
        """RabbitMQ takes no messages, for want of memory or disk. It says so, and when it ends."""
        self.heard_at = monotonic()
        self._hearer: Hearer | None = None
        self._next_tag = 1
        """The tag of the message that is sent next: RabbitMQ counts them so."""
        self._first_tag = 1
        """That of the hearer's first message."""
        self._confirmed_below = 1
        """All before it have been settled by a word that spoke for many."""
        self._unread = b""
        # py-amqp itself tells RabbitMQ that we understand `connection.blocked`.
        self._connection = dialler.dial(
            STEP_SECONDS, on_blocked=self._block, on_unblocked=self._unblock
        )
        try:
            self._open_channel()
        except BaseException:
            self.drop()
            raise

    def send(self, contents: Sequence[Content], hearer: Hearer) -> None:
        """Send messages; what becomes of them is heard later, by `hearer` alone.

        Not `Channel.basic_publish`, which first reads what is there, with a time-out of 0: at half
        a frame it turns in circles until the broker has sent the rest.
        """
        self._hearer, self._first_tag = hearer, self._next_tag
        self._next_tag += len(contents)
        for piece in gather(contents, self._connection.frame_max):
            self._connection.transport.write(piece)

    def forget_hearer(self) -> None:
        """What is heard from here on is about messages that nobody waits for any more."""
        self._hearer = None

    def hear(self, seconds: float) -> None:
        """Take in what the broker has said; wait so long where that is nothing.

        Not `Connection.drain_events`, which waits for a frame, and asks the system for each of it
        three times.
        """
        self._socket.settimeout(seconds)
        try:
            data = self._socket.recv(_READ_BYTES)
        except _NOTHING_THERE:
            return
        finally:
            self._socket.settimeout(STEP_SECONDS)
        if not data:
            raise ConnectionError("RabbitMQ has closed the connection.")
        frames, self._unread = split_frames(self._unread + data)
        for frame in frames:
            self._take_in(frame)
            self.heard_at = monotonic()

    def drop(self) -> None:
        """End it; see `hang_up`."""
        hang_up(self._connection)

    def _open_channel(self) -> None:
        self._socket = self._connection.sock
        self._channel = self._connection.channel(CHANNEL)
        self._channel.confirm_select()
        self._channel.events["basic_return"].add(self._requeue)

    def _take_in(self, frame: tuple[int, int, bytes]) -> None:
        """A confirm is read here, which takes a tenth of the time; all else is py-amqp's affair."""
        kind, channel, payload = frame
        word = payload[:4] if (kind, channel) == (_METHOD, CHANNEL) else b""
        if word == _ACK:
            self._settle(payload, None)
        elif word == _NACK:
            self._settle(payload, MessageNacked("RabbitMQ refused the message."))
        else:
            self._connection.on_inbound_frame(frame)

    def _settle(self, payload: bytes, failure: Exception | None) -> None:
        """Tags of messages whose callers have gone concern nobody."""
        tag, bits = _TAG.unpack_from(payload, len(_ACK))
        first = tag
        if bits & _MULTIPLE:
            first, self._confirmed_below = self._confirmed_below, tag + 1
        first = max(first, self._first_tag)
        if self._hearer is not None:
            places = range(first - self._first_tag, tag + 1 - self._first_tag)
            self._hearer.settle(places, failure)

    def _requeue(self, reason: Exception, exchange: str, routing_key: str, content: Any) -> None:
        if self._hearer is not None:
            self._hearer.requeue((content.correlation_id, exchange, routing_key), reason)

    def _block(self, _reason: str) -> None:
        self.is_blocked = True

    def _unblock(self) -> None:
        self.is_blocked = False


def address_of(message: Message) -> tuple[str, str, str]:
    """By which a message that is given back is known."""
    return message.job_id, message.exchange, message.routing_key


def gather(contents: Sequence[Content], frame_max: int) -> Iterator[bytes]:
    """Their frames, in pieces of about WRITE_BYTES."""
    frames: list[bytes] = []
    size = 0
    for content in contents:
        for frame in content.frames(frame_max):
            frames.append(frame)
            size += len(frame)
            if size >= WRITE_BYTES:
                yield b"".join(frames)
                frames, size = [], 0
    if frames:
        yield b"".join(frames)
