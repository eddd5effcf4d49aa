"""Redis clients: for callers that must answer soon, must not give up, or only listen."""

import re

from redis import Redis, RedisError
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.exceptions import ConnectionError, OutOfMemoryError, ReadOnlyError  # noqa: A004 - theirs
from redis.retry import Retry

_WRITE_REFUSAL = re.compile(r"(^|of pipeline caused error: )(MISCONF|NOREPLICAS)\b")
"""Errors for which redis-py has no class: Redis cannot write a snapshot, or has too few replicas.
For a pipeline, redis-py's message names the failed command first."""


def takes_no_writes(error: BaseException) -> bool:
    """Whether Redis answers but refuses writes: it is a replica, or its memory or disk is full."""
    is_refusal = isinstance(error, ReadOnlyError | OutOfMemoryError)
    return is_refusal or (isinstance(error, RedisError) and bool(_WRITE_REFUSAL.search(str(error))))


def describe_outage(error: BaseException) -> str:
    """What is wrong with Redis, as the rest of a sentence after its name."""
    return "takes no writes" if takes_no_writes(error) else "does not answer"


def check_writes(redis: Redis) -> None:
    """Write a key that expires at once. Raises Redis's own error if it takes no writes."""
    redis.set("probe", "", px=1)


def connect_impatient(url: str) -> Redis:
    """For the web server: an outage is an error within about a second."""
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_connect_timeout=1,
        socket_timeout=1,
        socket_keepalive=True,
        # Retry once without a pause, in case Redis had closed the connection. Do not retry after a
        # time-out: the caller's time is over.
        retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionError,)),
    )


def connect_patient(url: str) -> Redis:
    """For a worker: the client waits until an outage ends, because no outcome may be lost."""
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_connect_timeout=2,
        socket_timeout=5,
        socket_keepalive=True,
        retry=Retry(ExponentialWithJitterBackoff(cap=1, base=0.05), -1),
        # Full memory and a replica that is about to become the master are temporary, too.
        retry_on_error=[OutOfMemoryError, ReadOnlyError],
    )


def connect_listening(url: str) -> Redis:
    """For a subscription, where silence is normal; pings detect a dead connection."""
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_connect_timeout=2,
        socket_timeout=None,
        socket_keepalive=True,
        health_check_interval=10,
    )
