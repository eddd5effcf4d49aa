"""Publishes messages and waits for RabbitMQ's confirms.

Messages that are sent together (`flight`) have their own connection (`line`) meanwhile. Whatever
RabbitMQ does, a message either is confirmed or is not: a message in flight when its connection was
lost is not, and the publisher never sends it again. Questions use a separate connection
(`inquiry`).
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from time import monotonic

from project.broker.message import Message
from project.broker.publisher.content import Content
from project.broker.publisher.flight import UNSETTLED, Flight, Lines
from project.broker.publisher.inquiry import Inquiry
from project.broker.publisher.line import TROUBLE, Dialler
from project.broker.topology import JOBS_EXCHANGE
from project.errors import UnavailableError

__all__ = ["Publisher"]

# No queue is bound to this key: RabbitMQ confirms the message, and drops it.
_PROBE = Message("probe", JOBS_EXCHANGE.name, "probe", {}, b"")


@dataclass(frozen=True, slots=True)
class _Parts:
    """The connections of one process."""

    lines: Lines
    inquiry: Inquiry


class Publisher:
    """Publishes a process's messages. Opens no connection before its first use: gunicorn forks."""

    def __init__(self, broker_url: str, role: str) -> None:
        self._dialler = Dialler(broker_url, role)
        self._parts: dict[int, _Parts] = {}

    def publish(
        self, messages: Sequence[Message], timeout_seconds: float
    ) -> list[UnavailableError | None]:
        """Publish all messages, and wait once for all confirms.

        Entry i is None if RabbitMQ has confirmed message i in a queue within the time; else it is
        the error, whose cause is the reason. RabbitMQ's failures are not raised. A message that
        cannot be encoded is the caller's mistake, and raises before anything is sent.
        """
        return self._publish(messages, timeout_seconds, is_mandatory=True)

    def send(self, contents: Sequence[Content]) -> Flight:
        """A flight that sends the messages on entry; the caller handles confirms as they come."""
        return Flight(self._own().lines, contents)

    def check(self, queues: Iterable[str], timeout_seconds: float) -> None:
        """UnavailableError unless the queues exist and RabbitMQ accepts a message now.

        Only a message can show that: when RabbitMQ is short of memory or disk, it says so to a
        connection only once that publishes, and answers everything else as usual.
        """
        deadline = monotonic() + timeout_seconds
        self.depths(list(queues), timeout_seconds)
        (error,) = self._publish([_PROBE], deadline - monotonic(), is_mandatory=False)
        if error:
            raise error

    def depths(self, queues: Sequence[str], timeout_seconds: float) -> dict[str, tuple[int, int]]:
        """Each queue's number of ready messages and of consumers; or UnavailableError.

        A queue that does not exist is unavailable. A shortage of memory or disk has no effect.
        """
        try:
            return self._own().inquiry.count(queues, monotonic() + timeout_seconds)
        except TROUBLE as error:
            raise UnavailableError("RabbitMQ") from error

    def _publish(
        self, messages: Sequence[Message], timeout_seconds: float, *, is_mandatory: bool
    ) -> list[UnavailableError | None]:
        deadline = monotonic() + timeout_seconds
        contents = [Content(message, is_mandatory=is_mandatory) for message in messages]
        if timeout_seconds <= 0:  # nobody waits for them
            return [unavailable(UNSETTLED) for _ in messages]
        with self.send(contents) as flight:
            flight.wait(deadline)
        return [None if cause is None else unavailable(cause) for cause in flight.outcomes]

    def _own(self) -> _Parts:
        """This process's connections; it must not use those of the process that forked it."""
        pid = os.getpid()
        if pid not in self._parts:
            # Two threads may both create parts; both use the parts stored first.
            self._parts.setdefault(pid, _Parts(Lines(self._dialler), Inquiry(self._dialler)))
        return self._parts[pid]


def unavailable(cause: Exception) -> UnavailableError:
    """The error for a caller whose message was not confirmed, with that cause."""
    error = UnavailableError("RabbitMQ")
    error.__cause__ = cause
    return error
