"""Taskiq on RabbitMQ with a quorum queue and confirms, results in Redis.

Guaranteed: a `kiq` that returned is on RabbitMQ's disk. A job is acknowledged after the attempt to
save its result, so it runs again if its worker is killed.

Not guaranteed: that a job runs once. A result that cannot be stored is lost, and the job does not
run again. A job has a result or not: there are no job states, no list, no events.
"""

import asyncio
import os
from typing import Any

from taskiq_aio_pika import AioPikaBroker
from taskiq_aio_pika.queue import Queue, QueueType
from taskiq_redis import RedisAsyncResultBackend

PREFETCH = 100
"""As many as a worker process runs at once by default."""
LOOK_SECONDS = 0.002
"""How often `wait_result` polls; its default, 0.2, would dominate a round trip."""

broker = AioPikaBroker(
    os.environ["BENCH_BROKER_URL"],
    result_backend=RedisAsyncResultBackend(os.environ["BENCH_RESULTS_URL"]),
    qos=PREFETCH,
    task_queues=[Queue(name="taskiq", type=QueueType.QUORUM)],
)


@broker.task
async def noop(number: int) -> int:
    """Nothing."""
    return number


def connect() -> "TaskiqClient":
    """Return a client."""
    return TaskiqClient()


class TaskiqClient:
    """Submits with `kiq`, awaits with `wait_result`, one after the other on one event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(broker.startup())

    def submit(self, number: int) -> Any:
        """Submit a job and return its handle."""
        return self._loop.run_until_complete(noop.kiq(number))

    def submit_many(self, numbers: list[int]) -> None:
        """Submit a hundred at a time: each is confirmed, and they wait together."""
        for start in range(0, len(numbers), 100):
            self._loop.run_until_complete(self._submit_part(numbers[start : start + 100]))

    async def _submit_part(self, numbers: list[int]) -> None:
        await asyncio.gather(*(noop.kiq(number) for number in numbers))

    def trip(self, number: int, timeout_seconds: float) -> Any:
        """Submit a job, and await its result."""
        return self._loop.run_until_complete(self._trip(number, timeout_seconds))

    async def _trip(self, number: int, timeout_seconds: float) -> Any:
        task = await noop.kiq(number)
        result = await task.wait_result(check_interval=LOOK_SECONDS, timeout=timeout_seconds)
        return result.return_value
