"""Sends messages together, over a line that nothing else uses until all are settled."""

import struct
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import Self

import structlog
from amqp.exceptions import Blocked  # type: ignore[import-untyped]  # py-amqp ships no types

from project.broker.publisher.content import Content
from project.broker.publisher.line import TROUBLE, Dialler, Line, address_of

KEPT = 4
"""Idle lines kept for later flights; more are needed only while RabbitMQ is slow."""

UNSETTLED = TimeoutError("RabbitMQ has not answered in time.")
"""The outcome of a message that RabbitMQ has not answered yet."""

# Our own mistakes, and py-amqp's errors at malformed data from RabbitMQ. Not `Exception`: a time
# limit that interrupts the caller is one, and must pass.
_FAULTS = (LookupError, ValueError, TypeError, AttributeError, struct.error)

_log = structlog.get_logger()


class Lines:
    """The idle lines of a process."""

    def __init__(self, dialler: Dialler) -> None:
        self._dialler = dialler
        self._idle: deque[Line] = deque()

    def take(self) -> Line:
        """An idle line, or a new one. Raises TROUBLE if RabbitMQ cannot be reached."""
        while self._idle:
            with suppress(IndexError):  # another thread was faster
                line = self._idle.pop()
                if _is_usable(line):
                    return line
        return Line(self._dialler)

    def take_back(self, line: Line) -> None:
        """Take back a line that works and is no longer used."""
        line.forget_hearer()
        if len(self._idle) < KEPT:
            self._idle.append(line)
        else:
            line.drop()


class Flight:
    """Messages that are sent together, and what becomes of them.

    Entering the context sends the messages. If an error ends it, such as a time limit or a killed
    greenlet, the line is in an unknown state and is dropped.
    """

    def __init__(self, lines: Lines, contents: Sequence[Content]) -> None:
        self._lines = lines
        self._contents = contents
        self._line: Line | None = None
        self._sent_at = 0.0
        self.outcomes: list[Exception | None] = [UNSETTLED] * len(contents)
        """For each message: None if confirmed, else the reason; UNSETTLED while in flight."""
        self.open = len(contents)
        """How many messages are in flight."""

    def __enter__(self) -> Self:
        try:
            if self._contents:
                self._send()
        except BaseException:
            self._leave(is_in_order=False)
            raise
        return self

    def __exit__(
        self, error: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self._leave(is_in_order=error is None)

    def wait(self, until: float) -> None:
        """Wait until no message is in flight, or until that time of `monotonic()`."""
        try:
            while self.open and self._line is not None and (left := until - monotonic()) > 0:
                self._line.hear(left)
                self._look_for_shortage(self._line)
        except (*TROUBLE, *_FAULTS) as error:
            self._lose(error)

    def settle(self, places: range, failure: Exception | None) -> None:
        """See `Hearer`. The first answer for a message counts."""
        for place in places:
            if self.outcomes[place] is UNSETTLED:
                self.outcomes[place] = failure
                self.open -= 1

    def note_returned(self, message: tuple[str, str, str], reason: Exception) -> None:
        """See `Hearer`. Settles the oldest open message of that address."""
        for place, content in enumerate(self._contents):
            is_open = self.outcomes[place] is UNSETTLED
            if is_open and address_of(content.message) == message:
                return self.settle(range(place, place + 1), reason)
        return None

    def _send(self) -> None:
        try:
            self._line = self._lines.take()
        except (*TROUBLE, *_FAULTS) as error:
            _log.warning("broker_not_reached", reason=str(error))
            self._fail(error)
            return
        self._look_for_shortage(self._line)
        if self.open:
            self._sent_at = monotonic()
            try:
                self._line.send(self._contents, self)
            except (*TROUBLE, *_FAULTS) as error:
                self._lose(error)

    def _look_for_shortage(self, line: Line) -> None:
        if line.is_blocked:
            self._fail(Blocked("RabbitMQ is short of memory or disk, and accepts no messages."))

    def _lose(self, reason: Exception) -> None:
        """Drop the connection, so that a late confirm cannot be taken for another message's."""
        if isinstance(reason, TROUBLE):
            _log.warning("broker_lost", unconfirmed=self.open, reason=str(reason))
        else:
            _log.error("publishing_failed", exc_info=reason)
        self._fail(reason)
        self._leave(is_in_order=False)

    def _fail(self, reason: Exception) -> None:
        self.settle(range(len(self.outcomes)), reason)

    def _leave(self, *, is_in_order: bool) -> None:
        line, self._line = self._line, None
        if line is None:
            return
        # If RabbitMQ has sent nothing since the messages went out, the connection is lost.
        if is_in_order and not (self.open and line.heard_at < self._sent_at):
            self._lines.take_back(line)
        else:
            line.drop()


def _is_usable(line: Line) -> bool:
    """Find out before sending whether RabbitMQ has closed the line, or is short of something."""
    try:
        line.hear(0)
    except (*TROUBLE, *_FAULTS) as error:
        _log.warning("broker_lost", unconfirmed=0, reason=str(error))
        line.drop()
        return False
    except BaseException:
        line.drop()
        raise
    return True
