"""Several calls of scripts in one round trip, without what redis-py's pipeline does besides."""

from collections.abc import Sequence
from typing import Any

import hiredis
from redis import Redis, RedisError, ResponseError

Call = tuple[Any, list[str], list[str]]
"""A script's call that is ready to be sent: the script, its keys, its arguments."""


def exchange(redis: "Redis", calls: Sequence[Call]) -> list[Any]:
    """An answer for each call, or the error that it was answered with.

    What Redis refuses for the moment, or does not know yet, is called again by itself. A lost
    connection is dealt with as the client deals with it: calls may be executed twice then.
    """
    pool = redis.connection_pool
    connection = pool.get_connection()
    try:
        text = b"".join(map(_pack, calls))
        answers = connection.retry.call_with_retry(
            lambda: _send(connection, text, len(calls)), lambda _error: connection.disconnect()
        )
    finally:
        pool.release(connection)
    return [
        _call_again(call) if isinstance(answer, ResponseError) else answer
        for call, answer in zip(calls, answers, strict=True)
    ]


def _pack(call: Call) -> bytes:
    script, keys, arguments = call
    command: bytes = hiredis.pack_command(("EVALSHA", script.sha, len(keys), *keys, *arguments))
    return command


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
