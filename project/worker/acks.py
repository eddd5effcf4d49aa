"""Acknowledges messages many at a time.

RabbitMQ writes each acknowledgement of a quorum queue into its log, and one that says `multiple`
only once: it means all messages up to it. So one that waits behind a message whose job still runs
is passed over at first. An acknowledgement may come a moment late: if this process ends before, the
messages come back, and the ledger says that their jobs have ended.
"""

import math
from collections.abc import Callable
from typing import Any

import structlog

MOST = 8
"""As many messages are acknowledged at once, or half of those that the worker takes at a time, so
that it does not run out of them."""
LONGEST_SECONDS = 0.01
"""Who waits is looked at this often. At the second look it is acknowledged, alone if need be."""

_log = structlog.get_logger()


class Acks:
    """The messages of one worker that are still to be acknowledged."""

    def __init__(
        self,
        call_later: Callable[[float, Callable[[], None]], Any],
        connection_errors: tuple[type[BaseException], ...],
        prefetch: int,
    ) -> None:
        """`prefetch`: messages that the worker takes at a time; 0: any number."""
        self._call_later = call_later
        self._connection_errors = connection_errors
        self._most = max(1, min(MOST, prefetch // 2)) if prefetch else MOST
        self._channel: Any = None
        self._open: dict[int, Any] = {}
        self._done: list[int] = []
        self._left = 0
        """So many of them could not be acknowledged together with others."""
        self._seen: set[int] = set()
        """Those of them that were there at the last look."""
        self._is_due = False

    def note(self, message: Any) -> None:
        """A message has come."""
        if message.channel is not self._channel:  # a new connection: older tags mean nothing on it
            self._channel, self._open, self._done = message.channel, {}, []
            self._left, self._seen = 0, set()
        self._open[message.delivery_tag] = message

    def add(self, message: Any) -> None:
        """Its job has ended."""
        if message.acknowledged:
            return
        message._state = "ACK"  # as kombu's own `ack` does
        if message.channel is not self._channel:
            return  # its connection is lost, and it comes again
        self._done.append(message.delivery_tag)
        is_full = len(self._done) >= self._most + self._left
        if is_full and not self._acknowledge_together():
            self.flush()  # a job runs for long: those behind it would fill the prefetch
        self._look_later()

    def flush(self) -> None:
        """Acknowledge what has ended."""
        self._acknowledge_together()
        alone, self._done, self._left = self._done, [], 0
        self._send(alone)

    def _acknowledge_together(self) -> bool:
        """Acknowledge all before the first message that is still open; whether there were any."""
        self._open = {tag: other for tag, other in self._open.items() if not other.acknowledged}
        first_open = min(self._open, default=math.inf)
        together = [tag for tag in self._done if tag < first_open]
        self._done = [tag for tag in self._done if tag > first_open]
        self._left = len(self._done)
        if together:
            self._send(sorted(together), multiple=True)
        return bool(together)

    def _send(self, tags: list[int], *, multiple: bool = False) -> None:
        """With `multiple` the last one stands for all."""
        try:
            for tag in tags[-1:] if multiple else tags:
                self._channel.basic_ack(tag, multiple=multiple)
        except self._connection_errors as error:
            # The connection is lost: the messages come again, and are dropped at the claim.
            _log.info("acknowledgement_failed", jobs=len(tags), reason=str(error))

    def _look_later(self) -> None:
        if self._done and not self._is_due:
            self._is_due = True
            self._call_later(LONGEST_SECONDS, self._look)

    def _look(self) -> None:
        """Acknowledge what was there the last time."""
        self._is_due = False
        if not self._seen.isdisjoint(self._done):
            self._acknowledge_together()
            alone = self._seen.intersection(self._done)
            self._done = [tag for tag in self._done if tag not in alone]
            self._left = len(self._done)
            self._send(sorted(alone))
        self._seen = set(self._done)
        self._look_later()
