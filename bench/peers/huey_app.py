"""Huey on Redis; with BENCH_HUEY_NOTIFY, results are pushed, not polled.

Guaranteed: a task that was called is in Redis, which writes its log to the disk once a second.

Not guaranteed: that a job runs again if its worker is killed; a worker removes it from Redis before
it runs it, so it is lost. A job has a result or not: there are no job states, no list, no events.
"""

import os
from typing import Any

from huey import RedisHuey

huey = RedisHuey(
    "noop",
    url=os.environ["BENCH_RESULTS_URL"],
    notify_result=bool(os.environ.get("BENCH_HUEY_NOTIFY")),
)


@huey.task()
def noop(number: int) -> int:
    """Nothing."""
    return number


def connect() -> "HueyClient":
    """Return a client."""
    return HueyClient()


class HueyClient:
    """Submits by calling the task, awaits with a blocking `get`."""

    def submit(self, number: int) -> Any:
        """Submit a job and return its result handle."""
        return noop(number)

    def trip(self, number: int, timeout_seconds: float) -> Any:
        """Submit a job, and await its result."""
        return noop(number)(blocking=True, timeout=timeout_seconds)
