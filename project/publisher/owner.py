"""The thread that publishes for all callers of a process.

It sends what was handed in, a slice of each order in turn, without waiting for the confirms of what
it sent before. With gevent's patches the thread is a greenlet.
"""

import os
import select
import threading
from collections import deque
from contextlib import suppress
from itertools import takewhile
from time import monotonic

import structlog
from amqp.exceptions import Blocked, MessageNacked  # type: ignore[import-untyped]  # it has no types

from project.publisher.line import TROUBLE, Dialler, Ears, Line
from project.publisher.order import Order

WINDOW = 250
"""Messages in flight at the most: who comes next waits for them.

Measured: 10,000 messages by one caller take as long with 250 as with 2,000, and a single one beside
them 13 ms instead of 23 ms.
"""
SLICE = 50
"""Messages of one order that are sent before the next order has its turn."""
_SWEEP_SECONDS = 0.25

_log = structlog.get_logger()


class Owner:
    """Owns the one connection that is published on."""

    def __init__(self, dialler: Dialler) -> None:
        self._dialler = dialler
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._bell = _Bell()
        self._inbox: deque[Order] = deque()
        # All below is the thread's own.
        self._backlog: deque[Order] = deque()
        self._in_flight: dict[int, tuple[Order, int]] = {}
        """By tag, in the order they were sent: an order, and the place of the message in it."""
        self._line: Line | None = None
        self._swept_at = monotonic()

    def hand_in(self, order: Order) -> None:
        """Have it published; its caller waits for what becomes of it."""
        self._inbox.append(order)
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
                self._thread.start()
        self._bell.ring()

    def _run(self) -> None:
        while True:
            try:
                self._take_turn()
            except TROUBLE as error:
                self._lose_line(error)
            except Exception as error:  # noqa: BLE001 - without this thread nothing is published
                _log.error("publishing_failed", exc_info=error)
                self._lose_line(error)
                self._fail_backlog(error)

    def _take_turn(self) -> None:
        """Wait until there is something to do, and do it.

        What the broker has said comes first: that it leaves must be known before more is sent.
        """
        line = self._wait()
        self._bell.hush()
        self._take_in()
        if line is not None:
            self._hear(line)
        elif self._has_room():
            self._send()
        self._sweep()

    def _wait(self) -> Line | None:
        """Wait for an order, for the broker, or for the next sweep; the line the broker is on."""
        arrivals = select.poll()  # not `select`: it refuses descriptors from 1024 on
        arrivals.register(self._bell.descriptor, select.POLLIN)
        if self._line is not None:
            arrivals.register(self._line.descriptor, select.POLLIN)
        ready = {descriptor for descriptor, _ in arrivals.poll(self._patience_milliseconds())}
        return self._line if self._line is not None and self._line.descriptor in ready else None

    def _patience_milliseconds(self) -> int | None:
        if self._has_room():
            return 0
        return round(_SWEEP_SECONDS * 1000) if self._in_flight else None

    def _has_room(self) -> bool:
        return bool(self._backlog) and len(self._in_flight) < WINDOW

    def _take_in(self) -> None:
        while self._inbox:
            self._backlog.append(self._inbox.popleft())

    def _hear(self, line: Line) -> None:
        line.hear()
        if line.is_blocked:
            self._fail_in_flight(_blocked())

    def _send(self) -> None:
        """Send a slice of each order in turn, as long as there is room."""
        line = self._line or self._connect()
        if line is None:
            return
        if line.is_blocked:
            self._fail_backlog(_blocked())
        while self._has_room():
            order = self._backlog[0]
            self._send_slice(line, order)
            self._backlog.rotate(-1)
            if not order.is_to_be_sent():
                self._backlog.pop()

    def _send_slice(self, line: Line, order: Order) -> None:
        """If this fails, what is left of the order goes over the next line."""
        if not order.is_to_be_sent():
            return
        most = min(SLICE, WINDOW - len(self._in_flight))
        first, order.sent = order.sent, min(order.sent + most, len(order.contents))
        order.sent_at = monotonic()
        for index in range(first, order.sent):
            self._in_flight[line.next_tag + index - first] = order, index
        line.send(order.contents[first : order.sent])

    def _connect(self) -> Line | None:
        """A new line. Without one all fail that were there when it was tried, and nobody else."""
        ears = Ears(self._confirm, self._refuse, self._give_back)
        try:
            self._line = Line(self._dialler, ears)
        except TROUBLE as error:
            _log.warning("broker_not_reached", reason=str(error))
            self._fail_backlog(error)
        return self._line

    def _confirm(self, tag: int, multiple: bool) -> None:
        self._settle(self._tags(tag, multiple), None)

    def _refuse(self, tag: int, multiple: bool) -> None:
        self._settle(self._tags(tag, multiple), MessageNacked("RabbitMQ refused the message."))

    def _give_back(self, reason: Exception, address: tuple[str, str, str]) -> None:
        """The oldest of that address; its confirm then finds nothing to settle."""
        for tag, (order, index) in self._in_flight.items():
            if order.contents[index].address == address:
                return self._settle([tag], reason)
        return None

    def _tags(self, tag: int, multiple: bool) -> list[int]:
        return list(takewhile(lambda other: other <= tag, self._in_flight)) if multiple else [tag]

    def _settle(self, tags: list[int], failure: Exception | None) -> None:
        """Tags whose callers have gone are not known any more."""
        for tag in tags:
            if tag in self._in_flight:
                order, index = self._in_flight.pop(tag)
                order.settle(index, failure)

    def _sweep(self) -> None:
        """Forget what nobody waits for. A broker that has said nothing meanwhile is lost."""
        now = monotonic()
        if now < self._swept_at + _SWEEP_SECONDS:
            return
        self._swept_at = now
        overdue = {
            tag: order for tag, (order, _) in self._in_flight.items() if order.deadline < now
        }
        if self._line and any(order.sent_at > self._line.heard_at for order in overdue.values()):
            raise TimeoutError("RabbitMQ has said nothing since the message was sent.")
        for tag in overdue:
            del self._in_flight[tag]

    def _lose_line(self, reason: Exception) -> None:
        """Drop the connection: so a late confirm cannot be taken for that of another message."""
        _log.warning("broker_lost", unconfirmed=len(self._in_flight), reason=str(reason))
        self._fail_in_flight(reason)
        line, self._line = self._line, None
        if line is not None:
            line.drop()

    def _fail_in_flight(self, reason: Exception) -> None:
        self._settle(list(self._in_flight), reason)

    def _fail_backlog(self, reason: Exception) -> None:
        """Nothing of it is in flight: there is no line, or it is blocked."""
        while self._backlog:
            self._backlog.popleft().fail(reason)


def _blocked() -> Exception:
    error: Exception = Blocked("RabbitMQ is short of memory or disk, and takes no messages.")
    return error


class _Bell:
    """Wakes the thread, from any other thread."""

    def __init__(self) -> None:
        self.descriptor, self._other_end = os.pipe()
        for end in (self.descriptor, self._other_end):
            os.set_blocking(end, False)

    def ring(self) -> None:
        with suppress(BlockingIOError):  # it has rung often enough
            os.write(self._other_end, b"!")

    def hush(self) -> None:
        with suppress(BlockingIOError):
            os.read(self.descriptor, 4096)
