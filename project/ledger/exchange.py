"""Several calls of scripts in one round trip, without what redis-py's pipeline does besides."""

from collections.abc import Sequence
from typing import Any

from redis import Redis, RedisError, ResponseError

Call = tuple[Any, list[str], list[str]]
"""A script's call that is ready to be sent: the script, its keys, its arguments."""


def exchange(redis: "Redis", calls: Sequence[Call]) -> list[Any]:
    """An answer for each call, or the error that it was answered with.

    What Redis refuses for the moment, or does not know yet, is called again by itself. A lost
    connection is dealt with as the client deals with it: calls may have been executed twice then.
    """
    pool = redis.connection_pool
    connection = pool.get_connection()
    try:
        answers = connection.retry.call_with_retry(
            lambda: _send_all(connection, calls), lambda _error: connection.disconnect()
        )
    finally:
        pool.release(connection)
    return [
        _call_again(call) if isinstance(answer, ResponseError) else answer
        for call, answer in zip(calls, answers, strict=True)
    ]


def _send_all(connection: Any, calls: Sequence[Call]) -> list[Any]:
    commands = [
        ("EVALSHA", script.sha, len(keys), *keys, *arguments) for script, keys, arguments in calls
    ]
    connection.send_packed_command(connection.pack_commands(commands))
    return [_read(connection) for _ in calls]


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
