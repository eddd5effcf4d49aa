"""The connection of a worker process: it consumes from queues, and settles what it has consumed.

The process prefetches as many messages as it handles in a few milliseconds, so that it need not
wait for the next one. If a job turns out to take long, the messages behind it are requeued, and an
idle process takes them.

Two threads use the connection: the thread that runs jobs and, while that is busy, the thread that
keeps the connection alive. Only the thread that holds the lock reads or writes. When the connection
is lost, it logs that and `is_connected` is false; RabbitMQ redelivers the unacknowledged messages.
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
"""The errors of a broker that is unreachable, fails, or refuses."""

HEARTBEAT_SECONDS = 20
"""RabbitMQ closes a connection that was silent for twice as long."""
BEAT_SECONDS = HEARTBEAT_SECONDS / 4

STEP_SECONDS = 5.0
"""A step of a connection's start, a write or an answer that takes longer has failed."""

MOST_ACKS = 16
"""How many messages are acknowledged at once, or half of the prefetch count if that is less. For a
quorum queue RabbitMQ logs each acknowledgement; one with `multiple` is logged only once."""

MOST_DELIVERIES = DELIVERY_LIMIT // 2
"""A message that was returned this often is published anew: RabbitMQ counts each time that its
process was killed or requeued it, and at the limit would dead-letter it as the cause."""

MOST_AHEAD = 64
AHEAD_SECONDS = 0.02
"""A process prefetches as many messages as it handles in this time, because a message that it holds
waits that long, even if another process is idle."""
FIRST_AHEAD = 4
SOON_SECONDS = 0.05
"""Messages behind a job whose code runs longer than this are requeued. A busy machine may delay any
job by some hundredths of a second; requeueing that early would only add load."""
_DECAY = 0.85
"""Weight of the previous estimate of job times when a shorter job is measured."""

_CHANNEL = 1
_READ_BYTES = 1 << 18
_NOTHING_THERE = (BlockingIOError, ssl.SSLWantReadError)

T = TypeVar("T")

SendAgain = Callable[[list[Delivery]], list[Delivery]]
"""Publishes copies of messages; returns those that RabbitMQ has confirmed."""

_log = structlog.get_logger()


class Prefetch:
    """How many messages to prefetch, from how long jobs took."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seconds = self._last = AHEAD_SECONDS / FIRST_AHEAD
        self.count = min(most, FIRST_AHEAD)

    def note(self, seconds: float) -> bool:
        """Note how long a job took; returns whether the count has changed.

        A long job counts for dozens of short ones after it, so that in a mix short jobs do not wait
        behind long ones. A single slow job counts little: a busy machine may delay any job.
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
    """Consumes messages for a worker process. `connect` opens its connection."""

    def __init__(
        self,
        dial: Callable[[], Any],
        name: str,
        most_ahead: int,
        send_again: SendAgain,
        release: Callable[[list[Delivery]], None],
    ) -> None:
        """`dial` opens a py-amqp connection; the RabbitMQ console shows `name`.

        `release` gets the messages that are requeued, or that RabbitMQ will redeliver to others.
        """
        self._dial, self._name = dial, name
        self._send_again, self._release = send_again, release
        self.lock = RLock()
        self.ready: deque[Delivery] = deque()
        """Messages that were received and not taken up yet."""
        self.generation = 0
        """Counts the connections."""
        self.is_connected = False
        self._prefetch = Prefetch(most_ahead)
        self._consumers: dict[str, str] = {}
        """Each consumer's queue, by consumer tag."""
        self._numbers = 0
        self._queues: tuple[str, ...] = ()
        self._cancelled: set[str] = set()
        self._done: list[int] = []
        self._has_worn = False
        self._taken: Delivery | None = None
        """The message that the process is handling."""
        self._unread = b""
        self._part: list[Any] | None = None
        self._written_at = self._heard_at = 0.0

    # ── The connection ─────────────────────────────────────────────────────────────────────────

    def connect(self, queues: Iterable[str]) -> None:
        """Connect and start to consume. Raises TROUBLE."""
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
        """Drop the connection without a close; unacknowledged messages are redelivered."""
        with self.lock:
            if self.is_connected:
                self._forget()

    def close(self) -> None:
        """Send all acknowledgements, and close the connection properly."""
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
        """The socket's descriptor; it is readable when data has arrived."""
        descriptor: int = self._socket.fileno()
        return descriptor

    def consume_from(self, queues: Iterable[str]) -> None:
        """Consume from these queues from now on."""
        self._queues = tuple(queues)
        self._try(self._begin_again)

    def note_run(self, seconds: float) -> None:
        """Note how long a job took: adjust the prefetch count, and consume again if cancelled."""
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
        """Cancel the consumers. Messages already on their way still arrive."""
        self._cancelled.update(self._consumers)
        self._write(b"".join(frames.cancel(_CHANNEL, tag) for tag in self._consumers))
        self._consumers = {}

    # ── Messages ───────────────────────────────────────────────────────────────────────────────

    def take(self) -> Delivery | None:
        """The next message received, if any; messages returned often are published anew first."""
        with self.lock:
            if not self.ready:
                self._try(self._read)
            if self._has_worn:
                self._try(self._renew_worn)
            self._taken = self.ready.popleft() if self.ready else None
            return self._taken

    def look_ahead(self) -> tuple[Delivery, ...]:
        """The next messages, as far as they have been received."""
        with self.lock:
            self._try(self._read)
            return tuple(self.ready)

    def ack(self, delivery: Delivery) -> None:
        """Acknowledge the message; the frame is sent a moment later, for several messages at once.

        Call it in the order of the messages: an acknowledgement with `multiple` covers all messages
        before it, so each of them must have been settled.
        """
        with self.lock:
            if delivery.generation != self.generation or not self.is_connected:
                return  # its connection is lost, and RabbitMQ redelivers it
            self._done.append(delivery.delivery_tag)
            is_full = len(self._done) >= min(MOST_ACKS, max(1, self._prefetch.count // 2))
        if is_full:
            self.flush_acks()

    def reject(self, delivery: Delivery, *, requeue: bool) -> None:
        """Requeue the message, or send it to the dead letters."""
        self.flush_acks()
        if delivery.generation == self.generation:
            data = frames.reject(_CHANNEL, delivery.delivery_tag, requeue=requeue)
            self._try(lambda: self._write(data))

    def flush_acks(self) -> None:
        """Send all acknowledgements to RabbitMQ."""
        if self._done:
            self._try(self._send_acks)

    def requeue(self, is_wanted: Callable[[], bool] = lambda: True) -> int:
        """Stop consuming, and requeue the messages not taken up yet; returns how many.

        `is_wanted` is asked under the lock; if it is false by then, nothing is done. The consumers
        are cancelled first: otherwise RabbitMQ would deliver the messages here again at once, each
        time counted as one more failed delivery.
        """
        return self._try(lambda: self._return_ready() if is_wanted() else 0) or 0

    def beat(self) -> None:
        """Keep the connection alive; call this every few seconds."""
        self._try(self._beat)

    def _send_acks(self) -> None:
        done, self._done = self._done, []
        if done:
            self._write(frames.ack(_CHANNEL, done[-1], multiple=len(done) > 1))

    def _renew_worn(self) -> None:
        self._has_worn = False  # a message that RabbitMQ does not accept now is run as it is
        worn = [delivery for delivery in self.ready if delivery.returns >= MOST_DELIVERIES]
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
        """Whether the running message fills a prefetch count of 1, so that no other can arrive."""
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
            self._read()  # nobody reads while a job runs: count what has arrived meanwhile
            if now - self._heard_at > 2 * HEARTBEAT_SECONDS:
                raise ConnectionError("RabbitMQ has been silent for too long.")

    def _try(self, act: Callable[[], T]) -> T | None:
        """Read or write; does nothing without a connection."""
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
        """Read what RabbitMQ has sent, waiting up to `seconds` for it. Raises TROUBLE."""
        self._socket.settimeout(max(seconds, 0))
        try:
            data = self._socket.recv(_READ_BYTES)
            while self._is_encrypted and self._socket.pending():  # which poll does not see
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
                self._has_worn = self._has_worn or delivery.returns >= MOST_DELIVERIES
                self.ready.append(delivery)

    def _receive_method(self, frame: frames.Frame) -> None:
        payload = frame[2]
        method = payload[:4]
        if method == frames.DELIVER:
            self._part = [payload, None, [], 0]
        elif method == frames.CANCEL_OK:
            self._cancelled.discard(frames.read_consumer(payload))
        elif method == frames.CANCEL:
            raise ConnectionError("RabbitMQ has cancelled the consumer: its queue was deleted.")
        elif method not in {frames.QOS_OK, frames.CONSUME_OK}:
            self._connection.on_inbound_frame(frame)  # raises if it closes the channel
