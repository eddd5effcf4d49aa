"""Several calls of scripts in one round trip, without what redis-py's pipeline does besides."""

import os
import threading
from collections.abc import Sequence
from typing import Any

import hiredis
from redis import Redis, RedisError, ResponseError

Call = tuple[Any, list[str], list[str]]
"""A script's call that is ready to be sent: the script, its keys, its arguments."""


class Exchange:
    """Keeps a connection for who calls one after the other; who calls beside that gets another."""

    def __init__(self, redis: "Redis") -> None:
        self._pool = redis.connection_pool
        self._lock = threading.Lock()
        self._kept: Any = None
        self._pid = 0

    def call(self, calls: Sequence[Call]) -> list[Any]:
        """An answer for each call, or the error that it was answered with.

        What Redis refuses for the moment, or does not know yet, is called again by itself. A lost
        connection is dealt with as the client deals with it: calls may be executed twice then.
        """
        if self._lock.acquire(blocking=False):
            try:
                answers = _exchange(self._keep(), calls)
            finally:
                self._lock.release()
        else:
            connection = self._pool.get_connection()
            try:
                answers = _exchange(connection, calls)
            finally:
                self._pool.release(connection)
        return [
            _call_again(call) if isinstance(answer, ResponseError) else answer
            for call, answer in zip(calls, answers, strict=True)
        ]

    def _keep(self) -> Any:
        """The connection of this process: that of one that forked it is not ours."""
        if self._pid != os.getpid():
            self._pid, self._kept = os.getpid(), self._pool.get_connection()
        return self._kept


def _exchange(connection: Any, calls: Sequence[Call]) -> list[Any]:
    text = b"".join(
        hiredis.pack_command(("EVALSHA", script.sha, len(keys), *keys, *arguments))
        for script, keys, arguments in calls
    )
    answers: list[Any] = connection.retry.call_with_retry(
        lambda: _send(connection, text, len(calls)), lambda _error: connection.disconnect()
    )
    return answers


def _send(connection: Any, text: bytes, count: int) -> list[Any]:
    try:
        connection.send_packed_command([text])
        return [_read(connection) for _ in range(count)]
    except BaseException:
        connection.disconnect()  # an answer that nobody has read would be taken for the next one's
        raise


def _read(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error


def _call_again(call: Call) -> Any:
    script, keys, arguments = call
    try:
        return script(keys=keys, args=arguments)
    except RedisError as error:
        return error
