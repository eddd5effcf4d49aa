"""The limit: redis-py alone, a SET and a PUBLISH in one pipeline, like a result with its event."""

import os

from redis import Redis

VALUE = "x" * 200
TOGETHER = 100


def connect() -> "RedisClient":
    """Return a client."""
    return RedisClient(Redis.from_url(os.environ["BENCH_RESULTS_URL"]))


class RedisClient:
    """Stores and publishes results."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    def submit(self, number: int) -> None:
        """Store one result in one round trip."""
        self.submit_many([number])

    def submit_many(self, numbers: list[int]) -> None:
        """Store a hundred results in each round trip."""
        for start in range(0, len(numbers), TOGETHER):
            pipeline = self._redis.pipeline(transaction=False)
            for number in numbers[start : start + TOGETHER]:
                pipeline.set(f"result-{number}", VALUE, ex=3600)
                pipeline.publish(f"result-{number}", VALUE)
            pipeline.execute()
