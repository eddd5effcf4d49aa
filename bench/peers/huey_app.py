"""Huey on Redis; BENCH_HUEY_NOTIFY has results told instead of polled.

Guaranteed: a task that was called is in Redis, which writes its log to the disk once a second.

Not guaranteed: that a job whose worker is killed runs again; a worker takes it out of Redis before
it runs it, so it is lost. There is a result, or there is none: no state of a job, no list, no
events.
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
    """A client."""
    return HueyClient()


class HueyClient:
    """Submits by calling the task, awaits with a blocking `get`."""

    def submit(self, number: int) -> Any:
        """The job's result handle."""
        return noop(number)

    def trip(self, number: int, timeout_seconds: float) -> Any:
        """Submit a job, and await its result."""
        return noop(number)(blocking=True, timeout=timeout_seconds)
