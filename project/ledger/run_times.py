"""How long jobs of each kind run, measured from their records: whether a kind blocks its queue.

Keys: `jobs:run-times`, hash of "<queue>:<kind>" to a JSON object with the fields of `RunTime`. The
reconciler measures now and then, so that no job pays for it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from math import ceil
from typing import Any

import orjson
from redis import Redis

from project.ledger.job import Status
from project.ledger.keys import PARTITIONS, RUN_TIMES, job_key, partition_key
from project.queues import QueueSettings

SAMPLE = 200
"""How many of a kind's newest succeeded jobs are measured."""

ENOUGH = 5
"""The fewest runs that make a measurement."""


@dataclass(frozen=True, slots=True)
class RunTime:
    """How long the newest jobs of a kind ran, in one queue."""

    queue: str
    kind: str
    runs: int
    p50_seconds: float
    p95_seconds: float
    promise_seconds: float | None = None
    """What the queue promised at the time of measurement."""

    @property
    def blocks_queue(self) -> bool:
        """Whether one in twenty runs longer than the queue promises."""
        return self.promise_seconds is not None and self.p95_seconds > self.promise_seconds


class RunTimes:
    """Measures run times, and reads the last measurement. Redis's own errors pass through."""

    def __init__(self, redis: "Redis", queues: Mapping[str, QueueSettings]) -> None:
        self._redis = redis
        self._queues = queues

    def measure(self) -> list[RunTime]:
        """Measure the newest jobs of all kinds, and store the run times."""
        found = [
            run_time for queue, kind in self._pairs() for run_time in self._measure(queue, kind)
        ]
        texts: dict[Any, Any] = {
            f"{one.queue}:{one.kind}": orjson.dumps(asdict(one)).decode() for one in found
        }
        if texts:
            self._redis.hset(RUN_TIMES, mapping=texts)
        return found

    def read(self) -> list[RunTime]:
        """The last measurement of all kinds in the configured queues."""
        texts: Any = self._redis.hvals(RUN_TIMES)
        found = [RunTime(**orjson.loads(text)) for text in texts]
        return [one for one in found if one.queue in self._queues]

    def _pairs(self) -> Iterator[tuple[str, str]]:
        names: Any = self._redis.smembers(PARTITIONS)
        for name in sorted(names):
            queue, _, kind = name.partition(":")
            if queue in self._queues:
                yield queue, kind

    def _measure(self, queue: str, kind: str) -> Iterator[RunTime]:
        key = partition_key(queue, kind, Status.SUCCEEDED)
        ids: Any = self._redis.zrevrange(key, 0, SAMPLE - 1)
        pipeline = self._redis.pipeline(transaction=False)
        for job_id in ids:
            pipeline.hmget(job_key(job_id), "started_at", "finished_at")
        seconds = sorted(_list_seconds(pipeline.execute()))
        if len(seconds) >= ENOUGH:
            yield RunTime(
                queue=queue,
                kind=kind,
                runs=len(seconds),
                p50_seconds=find_quantile(seconds, 0.5),
                p95_seconds=find_quantile(seconds, 0.95),
                promise_seconds=self._queues[queue].promise_seconds,
            )


def find_quantile(ordered: Sequence[float], share: float) -> float:
    """The least value that at least this share of the values does not exceed."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def _list_seconds(rows: Sequence[tuple[str | None, str | None]]) -> Iterator[float]:
    """Seconds of the last attempts: these occupied a worker process of the queue."""
    for started, finished in rows:
        if started and finished:
            elapsed = datetime.fromisoformat(finished) - datetime.fromisoformat(started)
            yield elapsed.total_seconds()
