"""RQ on Redis.

Guaranteed: an enqueued job is in Redis, which writes its log to the disk once a second. Redis has
its state: queued, started, finished, failed.

Not guaranteed: that a job runs again if its worker is killed; later, some worker's cleanup finds it
after its time limit and marks it failed, unless it was enqueued with retries. No events.
"""

import os
from typing import Any

from redis import Redis
from rq import Queue


def noop(number: int) -> int:
    """Nothing."""
    return number


def connect() -> "RqClient":
    """Return a client."""
    return RqClient(Queue(connection=Redis.from_url(os.environ["BENCH_RESULTS_URL"])))


class RqClient:
    """Submits with `enqueue`, awaits with a blocking `latest_result`."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def submit(self, number: int) -> Any:
        """Submit a job and return it."""
        return self._queue.enqueue(noop, number)

    def submit_many(self, numbers: list[int]) -> None:
        """Submit in one pipeline for each thousand."""
        for start in range(0, len(numbers), 1000):
            part = numbers[start : start + 1000]
            self._queue.enqueue_many([Queue.prepare_data(noop, (number,)) for number in part])

    def trip(self, number: int, timeout_seconds: float) -> Any:
        """Submit a job, and await its result."""
        result = self.submit(number).latest_result(timeout=int(timeout_seconds))
        return result.return_value
