"""How long a finished job is kept; afterwards the ledger knows only that it existed."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from redis import Redis

from project.ledger.job import Status
from project.ledger.keys import gone_key

GONE_WEEKS = 5
"""How long the ledger knows that a forgotten job existed (answered 410, later 404)."""

_WEEK_SECONDS = 7 * 24 * 3600
GONE_SECONDS = GONE_WEEKS * _WEEK_SECONDS


@dataclass(frozen=True, slots=True)
class Retention:
    """How many seconds a finished job is kept."""

    succeeded_seconds: int
    failed_seconds: int | None = None
    """None: as long as a succeeded job."""
    kind_seconds: Mapping[str, int] = field(default_factory=dict)
    """For kinds with their own retention: how long their succeeded jobs are kept."""

    def seconds_for(self, status: Status, kind: str = "") -> int:
        """How long a job with this final status is kept."""
        if status is Status.SUCCEEDED and kind in self.kind_seconds:
            return self.kind_seconds[kind]
        if status in {Status.FAILED, Status.DEAD} and self.failed_seconds is not None:
            return self.failed_seconds
        return self.succeeded_seconds

    @property
    def longest_seconds(self) -> int:
        """The longest time that any job is kept."""
        return max(self.succeeded_seconds, self.failed_seconds or 0)


def is_gone(redis: "Redis", job_id: str) -> bool:
    """Whether the job existed and is forgotten."""
    this_week = int(time.time()) // _WEEK_SECONDS
    pipeline = redis.pipeline(transaction=False)
    for week in range(this_week - GONE_WEEKS, this_week + 2):
        pipeline.sismember(gone_key(week), job_id)
    return any(pipeline.execute())
