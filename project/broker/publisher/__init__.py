"""Publishes messages and waits for RabbitMQ's confirms.

Messages that are sent together (`flight`) have a connection (`line`) for themselves meanwhile.
Whatever the broker does, a message is confirmed or it is not: what was in flight when a connection
was lost is not, and is never sent again from here. Questions go over a connection of their own
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

# Nobody binds this key: RabbitMQ confirms the message, and drops it.
_PROBE = Message("probe", JOBS_EXCHANGE.name, "probe", {}, b"")


@dataclass(frozen=True, slots=True)
class _Parts:
    """What one process has of it."""

    lines: Lines
    inquiry: Inquiry


class Publisher:
    """What a process publishes with. Opens no connection before it is used (gunicorn forks)."""

    def __init__(self, broker_url: str, role: str) -> None:
        self._dialler = Dialler(broker_url, role)
        self._parts: dict[int, _Parts] = {}

    def publish(
        self, messages: Sequence[Message], timeout_seconds: float
    ) -> list[UnavailableError | None]:
        """Publish all messages under one wait.

        Entry i is None where RabbitMQ has confirmed message i in a queue within the time, else the
        error, whose cause says why not. Nothing is raised for the broker's sake; a message that
        cannot be encoded is the caller's mistake, and raises before anything is sent.
        """
        return self._publish(messages, timeout_seconds, is_mandatory=True)

    def send(self, contents: Sequence[Content]) -> Flight:
        """Send them, and return at once: the caller handles the confirms as they come."""
        return Flight(self._own().lines, contents)

    def check(self, queues: Iterable[str], timeout_seconds: float) -> None:
        """UnavailableError unless the queues are there and the broker takes a message now.

        It takes a message to know: RabbitMQ tells a connection that it is short of memory or disk
        when the connection next publishes, and answers everything else as if it were not.
        """
        deadline = monotonic() + timeout_seconds
        self.depths(list(queues), timeout_seconds)
        (error,) = self._publish([_PROBE], deadline - monotonic(), is_mandatory=False)
        if error:
            raise error

    def depths(self, queues: Sequence[str], timeout_seconds: float) -> dict[str, tuple[int, int]]:
        """Each queue's messages that are ready and its consumers; or UnavailableError.

        A queue that does not exist is unavailable. A shortage of memory or disk does not matter.
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
        """This process's connections: it must not use those of the process that forked it."""
        pid = os.getpid()
        if pid not in self._parts:
            # Two threads may make parts; both use those that were stored first.
            self._parts.setdefault(pid, _Parts(Lines(self._dialler), Inquiry(self._dialler)))
        return self._parts[pid]


def unavailable(cause: Exception) -> UnavailableError:
    """The error for the caller whose message was not sent for that cause."""
    error = UnavailableError("RabbitMQ")
    error.__cause__ = cause
    return error
