"""Redis clients: for those who must answer soon, must not give up, or only listen."""

from redis import Redis
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.exceptions import ConnectionError, OutOfMemoryError, ReadOnlyError  # noqa: A004 - theirs
from redis.retry import Retry


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
