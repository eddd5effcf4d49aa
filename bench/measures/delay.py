"""Measures drain, round trip and requests with RabbitMQ and Redis a millisecond away, each way.

Both are behind our own proxy (`bench.delay`), which takes CPU time of the same machine, equally for
all systems. Code that waits for one response after the other is slow here; code that sends much at
a time is not.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from statistics import median
from time import perf_counter
from typing import Any

from redis import Redis, RedisError

from bench.environments import OURS
from bench.measures import drain, http, trips
from bench.programs import running
from bench.stack import Stack
from bench.systems.system import PROCESSES, System
from bench.waiting import await_that
from deploy.native.endpoints import url_port
from deploy.native.ports import claim_block

MILLISECONDS = 1
TRIPS_SHARE = 0.05
"""Of the drained jobs."""
JOBS_A_SECOND_OF_REQUESTS = 1_000
"""This many jobs to drain for each second of requests."""
LEAST_SECONDS = 2
PINGS = 100


def measure(system: System, stack: Stack, jobs: int) -> dict[str, Any]:
    """Return the figures of each of these measures, and the time of a round trip to Redis."""
    with delayed(stack) as far:
        apart = system.with_processes(PROCESSES)
        seconds = max(LEAST_SECONDS, jobs // JOBS_A_SECOND_OF_REQUESTS)
        return {
            "ping_ms": _time_ping(far),
            "drain": drain.measure(apart, far, jobs),
            "trips": trips.measure(apart, far, round(jobs * TRIPS_SHARE)),
            "http": http.measure(apart, far, seconds),
        }


@contextmanager
def delayed(stack: Stack) -> Iterator[Stack]:
    """Put proxies in front of both servers while the block lasts."""
    claim, (broker, redis) = claim_block(2)
    routes = (
        f"{broker}:{url_port(stack.settings.broker_url)}",
        f"{redis}:{url_port(stack.settings.redis_url)}",
    )
    command = ("python", "-m", "bench.delay", "--milliseconds", str(MILLISECONDS), *routes)
    far = stack.at_ports(broker, redis)
    with claim, running("delay", OURS, [command], {}):
        await_that(lambda: _is_there(far), "the proxy answers")
        yield far


def _is_there(far: Stack) -> bool:
    with suppress(RedisError):
        return bool(far.redis.ping())
    return False


def _time_ping(far: Stack) -> float:
    """Time a round trip in milliseconds: the delay both ways, plus proxy and Redis."""
    with Redis.from_url(far.settings.redis_url) as redis:
        return median(_time_one(redis) for _ in range(PINGS)) * 1000


def _time_one(redis: "Redis") -> float:
    began = perf_counter()
    redis.ping()
    return perf_counter() - began
