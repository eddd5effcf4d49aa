"""The connection of a worker process: it consumes from queues, and settles what it has consumed.

The process takes some messages ahead, so that it need not wait for the next one: as many as it does
in a few milliseconds. What waits behind a job that turns out to take long goes back to its queue,
where an idle process takes it.

Two threads use it: the one that runs jobs, and while that is busy the one that keeps the
connection alive. Only what holds the lock reads or writes. The log says when a connection is lost,
and so does `is_connected`: what was taken over it comes again.
"""

import ssl
from collections import deque
from collections.abc import Callable, Iterable
from threading import RLock
from time import monotonic
from typing import Any, TypeVar

import structlog
from amqp.exceptions import AMQPError  # type: ignore[import-untyped]  # py-amqp ships no types

from project.broker.topology import DELIVERY_LIMIT
from project.worker.engine import frames
from project.worker.engine.delivery import Delivery

TROUBLE = (OSError, AMQPError)
"""As what a broker shows that is not there, fails, or refuses."""

HEARTBEAT_SECONDS = 20
"""RabbitMQ takes a connection for lost that was silent for twice as long."""
BEAT_SECONDS = HEARTBEAT_SECONDS / 4

STEP_SECONDS = 5.0
"""A step of a connection's start, a write or an answer that takes longer has failed."""

MOST_ACKS = 16
"""So many messages are acknowledged at once, or half of those that are taken ahead. RabbitMQ writes
each acknowledgement of a quorum queue into its log, and one that says `multiple` only once."""

MOST_RETURNS = DELIVERY_LIMIT // 2
"""A message that came back so often is sent anew: RabbitMQ counts how often it lay in a process
that was killed, or was given back, and would take it for the cause."""

MOST_AHEAD = 64
AHEAD_SECONDS = 0.02
"""A process takes as many messages ahead as it does in this time: one that it holds, and that an
idle process could run, waits no longer."""
FIRST_AHEAD = 4
SOON_SECONDS = 0.05
"""What waits behind a job whose code runs longer than this goes back to its queue. A busy machine
may hold up any job for some hundredths of a second: to give back then would only add to that."""
_DECAY = 0.85
"""How much of what a process thinks of its jobs' times it keeps with each that is shorter."""

_CHANNEL = 1
_READ_BYTES = 1 << 18
_NOTHING_THERE = (BlockingIOError, ssl.SSLWantReadError)

T = TypeVar("T")

SendAgain = Callable[[list[Delivery]], list[Delivery]]
"""Publishes copies of messages; those that RabbitMQ has confirmed."""

_log = structlog.get_logger()


class Prefetch:
    """How many messages to take ahead, by how long jobs took."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seconds = self._last = AHEAD_SECONDS / FIRST_AHEAD
        self.count = min(most, FIRST_AHEAD)

    def note(self, seconds: float) -> bool:
        """A job took so long; whether the count is another one now.

        One long job is remembered for dozens of short ones: where they are mixed, short ones wait
        behind none. But one that was held up, as a busy machine holds up any, says nothing yet.
        """
        usual = seconds if seconds > SOON_SECONDS else min(seconds, self._last)
        self._last = seconds
        self._seconds = max(usual, _DECAY * self._seconds + (1 - _DECAY) * usual)
        wanted = max(1, min(self._most, int(AHEAD_SECONDS / max(self._seconds, 1e-6))))
        is_far = wanted >= 4 * self.count or wanted <= self.count // 2 or wanted == self._most
        if wanted == self.count or not is_far:
            return False
        self.count = wanted
        return True


class QueueConsumer:
    """What a process consumes with. It opens its connection when it is told to."""

    def __init__(
        self,
        dial: Callable[[], Any],
        name: str,
        most_ahead: int,
        send_again: SendAgain,
        release: Callable[[list[Delivery]], None],
    ) -> None:
        """`dial` opens a py-amqp connection; `name` is what the RabbitMQ console shows.

        `release` is told of messages that go back to their queue, or that RabbitMQ gives to others.
        """
        self._dial, self._name = dial, name
        self._send_again, self._release = send_again, release
        self.lock = RLock()
        self.ready: deque[Delivery] = deque()
        """What it has taken, and nobody has begun with."""
        self.generation = 0
        """Counts the connections."""
        self.is_connected = False
        self._prefetch = Prefetch(most_ahead)
        self._consumers: dict[str, str] = {}
        """By their tags the queues that they consume."""
        self._numbers = 0
        self._queues: tuple[str, ...] = ()
        self._cancelled: set[str] = set()
        self._done: list[int] = []
        self._has_worn = False
        self._taken: Delivery | None = None
        """The message that the process deals with."""
        self._unread = b""
        self._part: list[Any] | None = None
        self._written_at = self._heard_at = 0.0

    # ── The connection ─────────────────────────────────────────────────────────────────────────

    def connect(self, queues: Iterable[str]) -> None:
        """Begin to consume. Raises TROUBLE."""
        self.drop()
        self._queues = tuple(queues)
        with self.lock:
            self._connection = self._dial()
            self._socket = self._connection.sock
            self._socket.settimeout(STEP_SECONDS)
            self._is_encrypted = isinstance(self._socket, ssl.SSLSocket)
            try:
                self._connection.channel(_CHANNEL)
                self._begin()
            except BaseException:
                self._forget()
                raise
            self.generation += 1
            self._heard_at = monotonic()
            self.is_connected = True

    def drop(self) -> None:
        """End the connection as it is: what has not been acknowledged comes again."""
        with self.lock:
            if self.is_connected:
                self._forget()

    def close(self) -> None:
        """End the connection. RabbitMQ is told, and hears of all that is done with."""
        self.flush_acks()
        self._try(self._hang_up)
        self.drop()

    def _hang_up(self) -> None:
        self._socket.settimeout(STEP_SECONDS)
        self._connection.close()

    def _forget(self) -> None:
        self.is_connected = False
        self._release(list(self.ready))
        self.ready.clear()
        self._consumers.clear()
        self._cancelled.clear()
        self._done.clear()
        self._unread, self._part = b"", None
        # A proper close, TLS's too, would wait for the broker's answer.
        if self._connection.connected:
            self._socket.settimeout(0)
        self._connection.collect()

    @property
    def descriptor(self) -> int:
        """The socket's; readable: there is something to take."""
        descriptor: int = self._socket.fileno()
        return descriptor

    def consume_from(self, queues: Iterable[str]) -> None:
        """From now on consume from these queues."""
        self._queues = tuple(queues)
        self._try(self._begin_again)

    def note_run(self, seconds: float) -> None:
        """A job took so long: take as many ahead as fits, and take messages at all."""
        if self._prefetch.note(seconds) or not self._consumers:
            self._try(self._begin_again)

    def _begin_again(self) -> None:
        self._cancel()
        self._begin()

    def _begin(self) -> None:
        self._numbers += 1
        mark = f" #{self._numbers}" if self._numbers > 1 else ""
        self._consumers = {
            f"{self._name}{mark}" + (f" {queue}" if len(self._queues) > 1 else ""): queue
            for queue in self._queues
        }
        commands = [frames.qos(_CHANNEL, self._prefetch.count)]
        commands += [frames.consume(_CHANNEL, *item[::-1]) for item in self._consumers.items()]
        self._write(b"".join(commands))

    def _cancel(self) -> None:
        """Take no more. What is on its way still comes."""
        self._cancelled.update(self._consumers)
        self._write(b"".join(frames.cancel(_CHANNEL, tag) for tag in self._consumers))
        self._consumers = {}

    # ── Messages ───────────────────────────────────────────────────────────────────────────────

    def take(self) -> Delivery | None:
        """The next message that is there by now; what has come back often is sent anew before."""
        with self.lock:
            if not self.ready:
                self._try(self._read)
            if self._has_worn:
                self._try(self._renew_worn)
            self._taken = self.ready.popleft() if self.ready else None
            return self._taken

    def look_ahead(self) -> tuple[Delivery, ...]:
        """The messages that come next, as far as they are there by now."""
        with self.lock:
            self._try(self._read)
            return tuple(self.ready)

    def ack(self, delivery: Delivery) -> None:
        """The message is done with. RabbitMQ hears of it a moment later, with those after it.

        Acknowledgements come in the order of the messages: with `multiple` one stands for all that
        came before it, so each of these has been settled.
        """
        with self.lock:
            if delivery.generation != self.generation or not self.is_connected:
                return  # its connection is lost, and it comes again
            self._done.append(delivery.delivery_tag)
            is_full = len(self._done) >= min(MOST_ACKS, max(1, self._prefetch.count // 2))
        if is_full:
            self.flush_acks()

    def reject(self, delivery: Delivery, *, requeue: bool) -> None:
        """The message goes back to its queue, or to the dead letters."""
        self.flush_acks()
        if delivery.generation == self.generation:
            data = frames.reject(_CHANNEL, delivery.delivery_tag, requeue=requeue)
            self._try(lambda: self._write(data))

    def flush_acks(self) -> None:
        """Tell RabbitMQ of all that is done with."""
        if self._done:
            self._try(self._send_acks)

    def requeue(self, is_wanted: Callable[[], bool] = lambda: True) -> int:
        """Put back what nobody has begun with, and take no more; how many they were.

        Nothing is done where it is not wanted any more once nobody else uses the connection. The
        consumers are cancelled first: else the messages would come back here at once, each time as
        one more failed delivery.
        """
        return self._try(lambda: self._return_ready() if is_wanted() else 0) or 0

    def beat(self) -> None:
        """Keep the connection alive; to be called now and then."""
        self._try(self._beat)

    def _send_acks(self) -> None:
        done, self._done = self._done, []
        if done:
            self._write(frames.ack(_CHANNEL, done[-1], multiple=len(done) > 1))

    def _renew_worn(self) -> None:
        self._has_worn = False  # one that RabbitMQ does not take now is run as it is
        worn = [delivery for delivery in self.ready if delivery.returns >= MOST_RETURNS]
        for delivery in self._send_again(worn) if worn else ():
            self.ready.remove(delivery)
            self._write(frames.ack(_CHANNEL, delivery.delivery_tag, multiple=False))

    def _return_ready(self) -> int:
        if not self._consumers or self._is_full():
            return 0
        self._cancel()
        deadline = monotonic() + STEP_SECONDS
        while self._cancelled:
            if monotonic() > deadline:
                raise TimeoutError("RabbitMQ has not cancelled the consumers in time.")
            self._read(deadline - monotonic())
        count = len(self.ready)
        self._release(list(self.ready))
        self._renew_worn()
        for delivery in self.ready:
            self._write(frames.reject(_CHANNEL, delivery.delivery_tag, requeue=True))
        self.ready.clear()
        return count

    def _is_full(self) -> bool:
        """Nothing is held but what runs, and as long as that does nothing can come."""
        taken = self._taken
        return (
            self._prefetch.count == 1
            and not self.ready
            and taken is not None
            and frames.read_consumer(taken.raw_deliver) in self._consumers
        )

    def _beat(self) -> None:
        now = monotonic()
        if now - self._written_at > BEAT_SECONDS:
            self._write(frames.HEARTBEAT)
        if now - self._heard_at > 2 * HEARTBEAT_SECONDS:
            self._read()  # while a job runs nobody does: what has come meanwhile counts
            if now - self._heard_at > 2 * HEARTBEAT_SECONDS:
                raise ConnectionError("RabbitMQ has been silent for too long.")

    def _try(self, act: Callable[[], T]) -> T | None:
        """Read or write; without a connection nothing is done."""
        with self.lock:
            if not self.is_connected:
                return None
            try:
                return act()
            except TROUBLE as error:
                self._lose(error)
                return None

    def _lose(self, error: Exception) -> None:
        _log.warning("queue_connection_lost", reason=str(error))
        self._forget()

    # ── Frames ─────────────────────────────────────────────────────────────────────────────────

    def _write(self, data: bytes) -> None:
        if data:
            self._socket.settimeout(STEP_SECONDS)
            self._socket.sendall(data)
            self._written_at = monotonic()

    def _read(self, seconds: float = 0) -> None:
        """Take in what RabbitMQ has sent, or wait for that. Raises TROUBLE."""
        self._socket.settimeout(max(seconds, 0))
        try:
            data = self._socket.recv(_READ_BYTES)
            while self._is_encrypted and self._socket.pending():  # of which no poll would tell
                data += self._socket.recv(_READ_BYTES)
        except (*_NOTHING_THERE, TimeoutError):
            return
        if not data:
            raise ConnectionError("RabbitMQ has closed the connection.")
        self._heard_at = monotonic()
        received, self._unread = frames.split(self._unread + data if self._unread else data)
        for frame in received:
            self._receive(frame)

    def _receive(self, frame: frames.Frame) -> None:
        kind, channel, payload = frame
        if channel != _CHANNEL:
            self._connection.on_inbound_frame(frame)
        elif kind == frames.METHOD:
            self._receive_method(frame)
        elif self._part is not None:
            part = self._part
            if kind == frames.HEADER:
                part[1], part[3] = payload, frames.body_size(payload)
            else:
                part[2].append(payload)
                part[3] -= len(payload)
            if part[3] <= 0:
                deliver, header, body, _ = part
                self._part = None
                delivery = Delivery(self, self.generation, deliver, header, b"".join(body))
                self._has_worn = self._has_worn or delivery.returns >= MOST_RETURNS
                self.ready.append(delivery)

    def _receive_method(self, frame: frames.Frame) -> None:
        payload = frame[2]
        method = payload[:4]
        if method == frames.DELIVER:
            self._part = [payload, None, [], 0]
        elif method == frames.CANCEL_OK:
            self._cancelled.discard(frames.read_consumer(payload))
        elif method == frames.CANCEL:
            raise ConnectionError("RabbitMQ has cancelled the consumer: its queue is gone.")
        elif method not in {frames.QOS_OK, frames.CONSUME_OK}:
            self._connection.on_inbound_frame(frame)  # the end of the channel, which it raises
