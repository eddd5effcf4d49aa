"""One caller's messages, and what becomes of each."""

import threading
from collections.abc import Sequence
from time import monotonic

from project.message import Message
from project.publisher.content import Content

_UNSETTLED = TimeoutError("RabbitMQ has not answered in time.")


class Order:
    """The messages of one caller, who waits until all are settled or the deadline has passed.

    The caller makes it and waits; everything else is done by the publishing thread.
    """

    def __init__(
        self, messages: Sequence[Message], deadline: float, *, is_mandatory: bool = True
    ) -> None:
        """`deadline` is a time of `monotonic()`; mandatory messages must find a queue."""
        self.contents = [Content(message, is_mandatory=is_mandatory) for message in messages]
        self.deadline = deadline
        self.sent = 0
        """Messages that have been sent, or were being sent when the connection broke."""
        self.sent_at = 0.0
        self._outcomes: list[Exception | None] = [_UNSETTLED] * len(messages)
        self._unsettled = len(messages)
        self._is_settled = threading.Event()
        self._is_left = False

    def wait(self) -> list[Exception | None]:
        """For each message why it is not confirmed, or None; at the deadline at the latest."""
        try:
            if self._unsettled:
                self._is_settled.wait(max(0.0, self.deadline - monotonic()))
        finally:
            self._is_left = True  # by an exception too: the thread that waits may be interrupted
        return list(self._outcomes)

    def is_to_be_sent(self) -> bool:
        """Whether there is more to send, and somebody who waits for it."""
        is_awaited = not self._is_left and monotonic() < self.deadline
        return is_awaited and self.sent < len(self.contents)

    def settle(self, index: int, failure: Exception | None) -> None:
        """Note what has become of one message: None where it is confirmed. Once for each."""
        self._outcomes[index] = failure
        self._unsettled -= 1
        if not self._unsettled:
            self._is_settled.set()

    def fail(self, failure: Exception) -> None:
        """Settle all messages that are not yet."""
        for index, outcome in enumerate(self._outcomes):
            if outcome is _UNSETTLED:
                self.settle(index, failure)
