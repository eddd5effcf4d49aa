"""Several calls of scripts in one round trip, without the overhead of redis-py's pipeline."""

import os
from collections import deque
from collections.abc import Sequence
from typing import Any

import hiredis
from redis import Redis, RedisError, ResponseError

Call = tuple[Any, list[str], list[str]]
"""A call of a script, ready to send: the script, its keys, its arguments."""

Item = tuple[str, str, list[str]]
"""A step of one job that shares a call with others (`each.lua`): name, job's key, arguments."""

TOGETHER = 16
"""The most steps that share one call of a script; Redis does nothing else during that call."""


class ScriptClient:
    """Calls scripts over connections that it keeps.

    redis-py's pool checks each connection before it hands it out, and counts it for its metrics,
    which takes as long as the call itself. This client uses an idle connection without a check: if
    Redis has closed it, the call fails, and the client's retry opens it again.
    """

    def __init__(self, redis: "Redis") -> None:
        self._pool = redis.connection_pool
        self._idle: deque[Any] = deque()
        self._pid = os.getpid()

    def call(self, calls: Sequence[Call]) -> list[Any]:
        """An answer or error for each call.

        A call that Redis refuses for the moment, or whose script it does not know yet, is repeated
        alone. A lost connection is retried as the client does it: Redis may then execute calls
        twice.
        """
        text = b"".join(map(_pack, calls))
        connection = self._take()
        try:
            answers = connection.retry.call_with_retry(
                lambda: _send(connection, text, len(calls)), lambda _error: connection.disconnect()
            )
        finally:
            self._release(connection)
        return [
            _call_again(call) if isinstance(answer, ResponseError) else answer
            for call, answer in zip(calls, answers, strict=True)
        ]

    def call_each(
        self, script: Any, items: Sequence[Item], calls: Sequence[Call] = ()
    ) -> list[Any]:
        """An answer or error for each step, and after them for each of the other calls.

        All go in one round trip, with TOGETHER steps in a call. A step that fails is repeated
        alone, as a call is, and does not affect the others.
        """
        parts = [items[start : start + TOGETHER] for start in range(0, len(items), TOGETHER)]
        found = self.call([*(_join(script, part) for part in parts), *calls])
        answers: list[Any] = []
        for part, answer in zip(parts, found, strict=False):
            if isinstance(answer, RedisError):
                answers += [answer] * len(part)
            else:
                answers += [
                    _call_item_again(script, item) if isinstance(one, ResponseError) else one
                    for item, one in zip(part, answer, strict=True)
                ]
        return answers + found[len(parts) :]

    def _take(self) -> Any:
        if self._pid != os.getpid():  # a fork: its parent's connections are not ours
            self._idle, self._pid = deque(), os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            return self._pool.get_connection()

    def _release(self, connection: Any) -> None:
        """Keep the connection; if it failed, return it to the pool, which handles that."""
        if connection.is_connected:
            self._idle.append(connection)
        else:
            self._pool.release(connection)


def _join(script: Any, items: Sequence[Item]) -> Call:
    arguments: list[str] = []
    for name, _, own in items:
        arguments += (name, str(len(own)), *own)
    return script, [key for _, key, _ in items], arguments


def _call_item_again(script: Any, item: Item) -> Any:
    answer = _call_again(_join(script, [item]))
    return answer if isinstance(answer, RedisError) else answer[0]


def _pack(call: Call) -> bytes:
    script, keys, arguments = call
    command: bytes = hiredis.pack_command(("EVALSHA", script.sha, len(keys), *keys, *arguments))
    return command


def _send(connection: Any, text: bytes, count: int) -> list[Any]:
    try:
        connection.send_packed_command([text])
        return [_read(connection) for _ in range(count)]
    except BaseException:
        connection.disconnect()  # else the next call would read an answer that was left unread
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
