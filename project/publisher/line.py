"""A connection to RabbitMQ on which every message is confirmed, or known not to be."""

import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from amqp.exceptions import AMQPError  # type: ignore[import-untyped]  # py-amqp ships no types
from kombu import Connection

from project.broker import transport_options
from project.publisher.content import CHANNEL, Content, split_frames

TROUBLE = (OSError, AMQPError)
"""As what a broker shows that is not there, fails, or refuses."""

STEP_SECONDS = 1.0
"""A step of a connection's start, or a write, that takes longer has failed."""
WRITE_BYTES = 1 << 16
"""So much goes into one write: a write costs as much as encoding two messages, and a long one may
take longer than a step."""
_READ_BYTES = 1 << 16
_NOTHING_THERE = (BlockingIOError, ssl.SSLWantReadError)


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


@dataclass(frozen=True, slots=True)
class Ears:
    """Who wants to know what the broker says. Tags are `Line.next_tag`'s."""

    confirm: Callable[[int, bool], None]
    """It has the message of that tag; True: and all before it."""
    refuse: Callable[[int, bool], None]
    """It could not take the message, or all up to it."""
    give_back: Callable[[Exception, tuple[str, str, str]], None]
    """No queue takes the message of that address. A confirm follows that means nothing."""


class Line:
    """One channel in confirm mode. After any error it must be dropped."""

    def __init__(self, dialler: Dialler, ears: Ears) -> None:
        self._ears = ears
        self.next_tag = 1
        """The tag of the message that is sent next: RabbitMQ counts them so."""
        self.is_blocked = False
        """RabbitMQ takes no messages, for want of memory or disk. It says so, and when it ends."""
        self.heard_at = monotonic()
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

    @property
    def descriptor(self) -> int:
        """The socket's; readable: `hear`."""
        return self._descriptor

    def send(self, contents: Sequence[Content]) -> None:
        """Send messages; what becomes of them is heard later.

        Not `Channel.basic_publish`, which first reads what is there, with a time-out of 0: at half
        a frame it turns in circles until the broker has sent the rest.
        """
        self.next_tag += len(contents)
        for piece in gather(contents, self._connection.frame_max):
            self._connection.transport.write(piece)

    def hear(self) -> None:
        """Take in what the broker has said; does not wait for more.

        Not `Connection.drain_events`, which waits for a frame, and asks the system for each of it
        three times.
        """
        self._socket.settimeout(0)
        try:
            while data := self._socket.recv(_READ_BYTES):
                self._unread += data
            has_ended = True
        except _NOTHING_THERE:
            has_ended = False
        self._socket.settimeout(STEP_SECONDS)
        frames, self._unread = split_frames(self._unread)
        for frame in frames:
            self._connection.on_inbound_frame(frame)
            self.heard_at = monotonic()
        if has_ended:
            raise ConnectionError("RabbitMQ has closed the connection.")

    def drop(self) -> None:
        """End it; see `hang_up`."""
        hang_up(self._connection)

    def _open_channel(self) -> None:
        self._socket = self._connection.sock
        self._descriptor: int = self._socket.fileno()
        self._channel = self._connection.channel(CHANNEL)
        self._channel.confirm_select()
        self._channel.events["basic_ack"].add(self._ears.confirm)
        self._channel.events["basic_nack"].add(self._ears.refuse)
        self._channel.events["basic_return"].add(self._give_back)

    def _give_back(self, reason: Exception, exchange: str, routing_key: str, content: Any) -> None:
        self._ears.give_back(reason, (content.correlation_id, exchange, routing_key))

    def _block(self, _reason: str) -> None:
        self.is_blocked = True

    def _unblock(self) -> None:
        self.is_blocked = False


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
