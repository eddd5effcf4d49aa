"""The line that all callers of a process share: they do the work themselves, no thread does it.

Each caller sends its own messages. The one who has waited longest listens for all, and settles what
the broker confirms; when it leaves, the next one listens. So who is alone waits for nobody else.

A caller may be interrupted at any point, by a time limit or because its greenlet is killed. In the
middle of a turn that leaves the line in an unknown state: the next turn drops it.
"""

import select
import struct
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

# What our own mistakes show, and py-amqp's at nonsense from the broker. Not `Exception`: a time
# limit that interrupts the caller is one, and passes.
_FAULTS = (LookupError, ValueError, TypeError, AttributeError, struct.error)

_log = structlog.get_logger()


class SharedLine:
    """The one connection that is published on."""

    def __init__(self, dialler: Dialler) -> None:
        self._dialler = dialler
        self._callers: deque[Order] = deque()
        """Who waits; the first listens, and connects. Each adds and removes its own."""
        self._backlog: deque[Order] = deque()
        """What is to be sent. All may append; who has the lock takes away."""
        self._lock = threading.Lock()
        # All below is changed in a turn; but a new line is set by the one who listens.
        self._is_torn = False
        """Somebody is in the middle of a turn, or was interrupted there."""
        self._line: Line | None = None
        self._in_flight: dict[int, tuple[Order, int]] = {}
        """By tag, in the order they were sent: an order, and the place of the message in it."""
        self._swept_at = monotonic()

    def carry_out(self, order: Order) -> None:
        """Publish it; returns when all is settled, or its deadline has passed.

        Later by one step of the line (`STEP_SECONDS`), where the broker hangs in the middle of it.
        """
        try:
            self._backlog.append(order)
            self._callers.append(order)
            self._take_turn(order)
            while order.is_open():
                if self._callers[0] is order:
                    self._await_broker(order)
                    self._take_turn(order)
                else:
                    order.sleep()
            self._leave(order)
        except BaseException:
            self._leave(order)  # again, where the first time was interrupted
            raise

    def _leave(self, order: Order) -> None:
        order.is_left = True
        with suppress(ValueError):
            self._callers.remove(order)
        with suppress(IndexError):
            self._callers[0].wake()

    def _await_broker(self, order: Order) -> None:
        """Wait until it has said something, for a while; without a line, call it."""
        line = self._line
        if line is None:
            self._connect()
        else:
            seconds = min(_SWEEP_SECONDS, max(0.0, order.deadline - monotonic()))
            arrivals = select.poll()  # not `select`: it refuses descriptors from 1024 on
            arrivals.register(line.descriptor, select.POLLIN)
            arrivals.poll(seconds * 1000)

    def _connect(self) -> None:
        """A new line. Without one all fail that were there when it was tried, and nobody else."""
        ears = Ears(self._confirm, self._refuse, self._give_back)
        waiting = len(self._backlog)
        try:
            self._line = Line(self._dialler, ears)
        except (*TROUBLE, *_FAULTS) as error:
            _log.warning("broker_not_reached", reason=str(error))
            with self._lock:
                self._fail_backlog(error, waiting)

    def _take_turn(self, order: Order) -> None:
        with self._lock:
            if self._is_torn:
                self._lose_line(InterruptedError("Publishing was interrupted."))
            self._is_torn = True
            try:
                if self._line is not None:
                    self._use(self._line, order)
            except TROUBLE as error:
                self._lose_line(error)
            except _FAULTS as error:
                _log.error("publishing_failed", exc_info=error)
                self._lose_line(error)
                self._fail_backlog(error, len(self._backlog))
            self._is_torn = False

    def _use(self, line: Line, order: Order) -> None:
        """What the broker has said comes first: that it leaves must be known before more is sent.

        Only the one who listens may hear: it would not notice that another has heard its confirm.
        """
        if self._callers[0] is order:
            line.hear()
            if line.is_blocked:
                self._fail_in_flight(_blocked())
            self._sweep(line)
        self._send(line)

    def _send(self, line: Line) -> None:
        """Send a slice of each order in turn, as long as there is room."""
        if line.is_blocked:
            self._fail_backlog(_blocked(), len(self._backlog))
        while self._backlog and len(self._in_flight) < WINDOW:
            order = self._backlog[0]
            self._send_slice(line, order)
            if order.is_to_be_sent():
                self._backlog.rotate(-1)
            else:
                self._backlog.popleft()

    def _send_slice(self, line: Line, order: Order) -> None:
        """If this fails, what is left of the order goes over the next line."""
        if not order.is_to_be_sent():
            return
        most = min(SLICE, WINDOW - len(self._in_flight))
        indices = range(order.sent, min(order.sent + most, len(order.contents)))
        sent = {tag: (order, index) for tag, index in enumerate(indices, line.next_tag)}
        order.sent_at = monotonic()
        order.sent = indices.stop
        self._in_flight |= sent
        line.send(order.contents[indices.start : indices.stop])

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
                order, index = self._in_flight[tag]
                order.settle(index, failure)
                del self._in_flight[tag]

    def _sweep(self, line: Line) -> None:
        """Forget what nobody waits for. A broker that has said nothing meanwhile is lost."""
        now = monotonic()
        if now < self._swept_at + _SWEEP_SECONDS:
            return
        self._swept_at = now
        overdue = {
            tag: order for tag, (order, _) in self._in_flight.items() if order.deadline < now
        }
        if any(order.sent_at > line.heard_at for order in overdue.values()):
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

    def _fail_backlog(self, reason: Exception, count: int) -> None:
        """The first orders of it. Nothing of them is in flight: no line, or it is blocked."""
        for _ in range(count):
            self._backlog.popleft().fail(reason)


def _blocked() -> Exception:
    error: Exception = Blocked("RabbitMQ is short of memory or disk, and takes no messages.")
    return error
