"""Redis clients: for those who must answer soon, must not give up, or only listen."""

import re

from redis import Redis, RedisError
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.exceptions import ConnectionError, OutOfMemoryError, ReadOnlyError  # noqa: A004 - theirs
from redis.retry import Retry

_WRITE_REFUSAL = re.compile(r"(^|of pipeline caused error: )(MISCONF|NOREPLICAS)\b")
"""Answers that redis-py has no error of its own for: the disk takes no snapshot, or too few
replicas are there. Of a pipeline, it says first which command was answered so."""


def takes_no_writes(error: BaseException) -> bool:
    """Whether Redis is there, and refuses to write: a replica, or its memory or disk is full."""
    is_refusal = isinstance(error, ReadOnlyError | OutOfMemoryError)
    return is_refusal or (isinstance(error, RedisError) and bool(_WRITE_REFUSAL.search(str(error))))


def describe_outage(error: BaseException) -> str:
    """What is wrong with Redis, behind its name in a sentence."""
    return "takes no writes" if takes_no_writes(error) else "does not answer"


def check_writes(redis: Redis) -> None:
    """Write a word that is gone at once. Redis's own error says why it takes none."""
    redis.set("probe", "", px=1)


def connect_impatient(url: str) -> Redis:
    """For the web server: an outage is an error within about a second."""
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_connect_timeout=1,
        socket_timeout=1,
        socket_keepalive=True,
        # One more try without a pause: the first may have met a connection that Redis has closed.
        # None after a time-out: the caller's time is over.
        retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionError,)),
    )


def connect_patient(url: str) -> Redis:
    """For a worker: an outage is waited out, because an outcome must not be lost."""
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_connect_timeout=2,
        socket_timeout=5,
        socket_keepalive=True,
        retry=Retry(ExponentialWithJitterBackoff(cap=1, base=0.05), -1),
        # Full memory and a replica that is not yet in charge pass, too.
        retry_on_error=[OutOfMemoryError, ReadOnlyError],
    )


def connect_listening(url: str) -> Redis:
    """For a subscription, where silence is normal; a dead peer is found by pings."""
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_connect_timeout=2,
        socket_timeout=None,
        socket_keepalive=True,
        health_check_interval=10,
    )
