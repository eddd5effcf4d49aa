"""One caller's messages, and what becomes of each."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic

from project.message import Message
from project.publisher.content import Content

_UNSETTLED = TimeoutError("RabbitMQ has not answered in time.")


class Order:
    """The messages of one caller, who waits until all are settled or the deadline has passed."""

    def __init__(
        self, messages: Sequence[Message], deadline: float, *, is_mandatory: bool = True
    ) -> None:
        """`deadline` is a time of `monotonic()`; mandatory messages must find a queue."""
        self.contents = [Content(message, is_mandatory=is_mandatory) for message in messages]
        self.deadline = deadline
        self.sent = 0
        """Messages that have been sent, or were being sent when the connection broke."""
        self.sent_at = 0.0
        self.is_left = False
        """Its caller has gone, maybe by an exception."""
        self._outcomes: list[Exception | None] = [_UNSETTLED] * len(messages)
        self._unsettled = len(messages)
        # Not an Event, which breaks when a signal's handler raises in the midst of it.
        self._gate = threading.Lock()
        self._gate.acquire()

    @property
    def outcomes(self) -> list[Exception | None]:
        """For each message why it is not confirmed, or None."""
        return list(self._outcomes)

    def is_open(self) -> bool:
        """Whether there is something to wait for, and time."""
        return self._unsettled > 0 and monotonic() < self.deadline

    def is_to_be_sent(self) -> bool:
        """Whether there is more to send, and somebody who waits for it."""
        is_awaited = not self.is_left and monotonic() < self.deadline
        return is_awaited and self.sent < len(self.contents)

    def sleep(self) -> None:
        """Wait until it is settled or to listen (`wake`), or the deadline has passed."""
        self._gate.acquire(timeout=max(0.0, self.deadline - monotonic()))

    def wake(self) -> None:
        """Have its caller look at it, now or instead of its next sleep."""
        with suppress(RuntimeError):  # it is awake
            self._gate.release()

    def settle(self, index: int, failure: Exception | None) -> None:
        """Note what has become of one message: None where it is confirmed. The first word counts.

        Maybe again, where the first time was interrupted.
        """
        if self._outcomes[index] is _UNSETTLED:
            self._outcomes[index] = failure
            self._unsettled -= 1
        if not self._unsettled:
            self.wake()

    def fail(self, failure: Exception) -> None:
        """Settle all messages that are not yet."""
        for index, outcome in enumerate(self._outcomes):
            if outcome is _UNSETTLED:
                self.settle(index, failure)
