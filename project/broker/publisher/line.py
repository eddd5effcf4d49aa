"""A connection to RabbitMQ that confirms every message, or reports that it is not confirmed.

One caller uses it at a time (`flight`). What RabbitMQ sends is about that caller's messages, or
about earlier messages that nobody waits for any more.
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
"""The errors of a broker that is unreachable, fails, or refuses."""

STEP_SECONDS = 1.0
"""A step of connecting, or a write, fails after this time."""
WRITE_BYTES = 1 << 16
"""About the size of one write: a write costs as much as encoding two messages, but a long one may
take longer than a step."""
_READ_BYTES = 1 << 16
_NOTHING_THERE = (TimeoutError, BlockingIOError, ssl.SSLWantReadError)

_METHOD = 1
_ACK, _NACK = struct.pack(">HH", 60, 80), struct.pack(">HH", 60, 120)
_TAG = struct.Struct(">QB")
_MULTIPLE = 0x01


@dataclass(frozen=True, slots=True)
class Dialler:
    """Opens connections; kombu parses the URL and handles TLS."""

    broker_url: str
    role: str

    def dial(self, step_seconds: float, **options: Any) -> Any:
        """A py-amqp connection on which no read and no write takes longer than `step_seconds`."""
        options = {**transport_options(self.role), **options, "confirm_publish": False}
        # Not `Connection.connect`, which retries after a pause.
        connection = Connection(
            self.broker_url, connect_timeout=step_seconds, transport_options=options
        ).transport.establish_connection()
        # gevent's sockets ignore `read_timeout` and `write_timeout`.
        connection.sock.settimeout(step_seconds)
        return connection


def hang_up(connection: Any) -> None:
    """Close the socket at once: a proper close, also TLS's, would wait for RabbitMQ's answer."""
    if connection.connected:
        connection.sock.settimeout(0)
    connection.collect()


class Hearer(Protocol):
    """Is notified of what becomes of the messages that it has sent, by their position."""

    def settle(self, places: range, failure: Exception | None) -> None:
        """RabbitMQ has confirmed these messages, or refused them. Some may be settled already."""
        ...

    def note_returned(self, message: tuple[str, str, str], reason: Exception) -> None:
        """RabbitMQ has returned the message of that id, exchange and routing key, because no queue
        takes it. The confirm that follows means nothing."""
        ...


class Line:
    """One channel in confirm mode. After any error it must be dropped."""

    def __init__(self, dialler: Dialler) -> None:
        self.is_blocked = False
        """Whether RabbitMQ takes no messages, being short of memory or disk. It announces both the
        start and the end of that."""
        self.heard_at = monotonic()
        self._hearer: Hearer | None = None
        self._next_tag = 1
        """The tag of the next message; RabbitMQ counts the messages of a channel."""
        self._first_tag = 1
        """The tag of the hearer's first message."""
        self._confirmed_below = 1
        """A confirm with `multiple` has settled all tags below this one."""
        self._unread = b""
        # py-amqp itself announces to RabbitMQ that this client supports `connection.blocked`.
        self._connection = dialler.dial(
            STEP_SECONDS, on_blocked=self._block, on_unblocked=self._unblock
        )
        try:
            self._open_channel()
        except BaseException:
            self.drop()
            raise

    def send(self, contents: Sequence[Content], hearer: Hearer) -> None:
        """Send messages; only `hearer` is notified later of what becomes of them.

        Not `Channel.basic_publish`, which first reads with a time-out of 0: if half a frame has
        arrived, it loops at full speed until RabbitMQ has sent the rest.
        """
        self._hearer, self._first_tag = hearer, self._next_tag
        self._next_tag += len(contents)
        for piece in gather(contents, self._connection.frame_max):
            self._connection.transport.write(piece)

    def forget_hearer(self) -> None:
        """Ignore what RabbitMQ sends from now on: nobody waits for those messages any more."""
        self._hearer = None

    def hear(self, seconds: float) -> None:
        """Read what RabbitMQ has sent; wait up to `seconds` if that is nothing.

        Not `Connection.drain_events`, which waits for one frame, and makes three system calls for
        each frame.
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
        """Drop the connection; see `hang_up`."""
        hang_up(self._connection)

    def _open_channel(self) -> None:
        self._socket = self._connection.sock
        self._channel = self._connection.channel(CHANNEL)
        self._channel.confirm_select()
        self._channel.events["basic_return"].add(self._on_return)

    def _take_in(self, frame: tuple[int, int, bytes]) -> None:
        """Read a confirm here, in a tenth of py-amqp's time; py-amqp handles all other frames."""
        kind, channel, payload = frame
        word = payload[:4] if (kind, channel) == (_METHOD, CHANNEL) else b""
        if word == _ACK:
            self._settle(payload, None)
        elif word == _NACK:
            self._settle(payload, MessageNacked("RabbitMQ refused the message."))
        else:
            self._connection.on_inbound_frame(frame)

    def _settle(self, payload: bytes, failure: Exception | None) -> None:
        """Settle the hearer's messages, and ignore tags of earlier callers' messages."""
        tag, bits = _TAG.unpack_from(payload, len(_ACK))
        first = tag
        if bits & _MULTIPLE:
            first, self._confirmed_below = self._confirmed_below, tag + 1
        first = max(first, self._first_tag)
        if self._hearer is not None:
            places = range(first - self._first_tag, tag + 1 - self._first_tag)
            self._hearer.settle(places, failure)

    def _on_return(self, reason: Exception, exchange: str, routing_key: str, content: Any) -> None:
        if self._hearer is not None:
            self._hearer.note_returned((content.correlation_id, exchange, routing_key), reason)

    def _block(self, _reason: str) -> None:
        self.is_blocked = True

    def _unblock(self) -> None:
        self.is_blocked = False


def address_of(message: Message) -> tuple[str, str, str]:
    """What identifies a message that RabbitMQ returns."""
    return message.job_id, message.exchange, message.routing_key


def gather(contents: Sequence[Content], frame_max: int) -> Iterator[bytes]:
    """The contents' frames, in pieces of about WRITE_BYTES."""
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
