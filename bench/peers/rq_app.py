"""RQ on Redis.

Guaranteed: a job that was enqueued is in Redis, which writes its log to the disk once a second. Its
state is recorded there: queued, started, finished, failed.

Not guaranteed: that a job whose worker is killed runs again; some worker's cleaning finds it later,
when its time is over, and calls it failed, unless it was enqueued with retries. No events.
"""

import os
from typing import Any

from redis import Redis
from rq import Queue


def noop(number: int) -> int:
    """Nothing."""
    return number


def connect() -> "RqClient":
    """A client."""
    return RqClient(Queue(connection=Redis.from_url(os.environ["BENCH_RESULTS_URL"])))


class RqClient:
    """Submits with `enqueue`, awaits with a blocking `latest_result`."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def submit(self, number: int) -> Any:
        """The job."""
        return self._queue.enqueue(noop, number)

    def submit_many(self, numbers: list[int]) -> None:
        """In one pipeline per thousand."""
        for start in range(0, len(numbers), 1000):
            part = numbers[start : start + 1000]
            self._queue.enqueue_many([Queue.prepare_data(noop, (number,)) for number in part])

    def trip(self, number: int, timeout_seconds: float) -> Any:
        """Submit a job, and await its result."""
        result = self.submit(number).latest_result(timeout=int(timeout_seconds))
        return result.return_value
