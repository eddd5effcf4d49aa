"""Acknowledges messages many at a time.

RabbitMQ writes each acknowledgement of a quorum queue into its log, and one that says `multiple`
only once. It may come a moment late: if this process ends before, the messages come back, and the
ledger says that their jobs have ended.
"""

from collections.abc import Callable
from typing import Any

import structlog

MOST = 8
"""As many messages are acknowledged at once."""
LONGEST_SECONDS = 0.01
"""None waits longer than this."""

_log = structlog.get_logger()


class Acks:
    """The messages of one worker that are still to be acknowledged."""

    def __init__(
        self,
        call_later: Callable[[float, Callable[[], None]], Any],
        connection_errors: tuple[type[BaseException], ...],
    ) -> None:
        self._call_later = call_later
        self._connection_errors = connection_errors
        self._channel: Any = None
        self._open: dict[int, Any] = {}
        self._done: list[int] = []
        self._is_due = False

    def note(self, message: Any) -> None:
        """A message has come."""
        if message.channel is not self._channel:  # a new connection: older tags mean nothing on it
            self._channel, self._open, self._done = message.channel, {}, []
        self._open[message.delivery_tag] = message

    def add(self, message: Any) -> None:
        """Its job has ended."""
        if message.acknowledged:
            return
        message._state = "ACK"  # as kombu's own `ack` does
        if message.channel is not self._channel:
            return  # its connection is lost, and it comes again
        self._done.append(message.delivery_tag)
        if len(self._done) >= MOST:
            self.flush()
        elif not self._is_due:
            self._is_due = True
            self._call_later(LONGEST_SECONDS, self._flush_due)

    def flush(self) -> None:
        """Acknowledge what has ended."""
        done, self._done = self._done, []
        if not done:
            return
        self._open = {tag: other for tag, other in self._open.items() if not other.acknowledged}
        first_open = min(self._open, default=max(done) + 1)
        together = max((tag for tag in done if tag < first_open), default=0)
        try:
            if together:
                self._channel.basic_ack(together, multiple=True)
            for tag in done:
                if tag > together:
                    self._channel.basic_ack(tag)
        except self._connection_errors as error:
            # The connection is lost: the messages come again, and are dropped at the claim.
            _log.info("acknowledgement_failed", jobs=len(done), reason=str(error))

    def _flush_due(self) -> None:
        self._is_due = False
        self.flush()
