"""Asks RabbitMQ about queues, on a connection that never publishes: an alarm does not block it."""

import select
import threading
from collections.abc import Sequence
from time import monotonic
from typing import Any

from project.broker.publisher.line import Dialler, hang_up

_LEAST_SECONDS = 0.05
"""Time for a step whose deadline has already passed; 0 would mean a non-blocking socket."""


class Inquiry:
    """Asks one question at a time. Connects at the first question."""

    def __init__(self, dialler: Dialler) -> None:
        self._dialler = dialler
        self._lock = threading.Lock()
        self._connection: Any = None
        self._channel: Any = None

    def count(self, queues: Sequence[str], deadline: float) -> dict[str, tuple[int, int]]:
        """Each queue's number of ready messages and of consumers. Raises py-amqp's errors."""
        if not self._lock.acquire(timeout=max(0.0, deadline - monotonic())):
            raise TimeoutError("RabbitMQ has not answered an earlier question in time.")
        try:
            self._connect(deadline)
            return {queue: self._count(queue, deadline) for queue in queues}
        except BaseException:
            self._drop()  # the answer may still be on its way
            raise
        finally:
            self._lock.release()

    def _count(self, queue: str, deadline: float) -> tuple[int, int]:
        self._connection.sock.settimeout(_seconds_until(deadline))
        answer = self._channel.queue_declare(queue, passive=True)
        return answer.message_count, answer.consumer_count

    def _connect(self, deadline: float) -> None:
        if self._connection is not None and _is_readable(self._connection.sock):
            self._drop()  # no question is open, so this can only be the connection's end
        if self._connection is None:
            self._connection = self._dialler.dial(_seconds_until(deadline))
            self._channel = self._connection.channel()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            hang_up(connection)


def _seconds_until(deadline: float) -> float:
    return max(_LEAST_SECONDS, deadline - monotonic())


def _is_readable(socket: Any) -> bool:
    arrivals = select.poll()  # not `select`, which refuses descriptors from 1024 on
    arrivals.register(socket, select.POLLIN)
    return bool(arrivals.poll(0))
