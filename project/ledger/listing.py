"""Lists of jobs, newest first, at the same cost however many there are and however deep one reads.

The index has one sorted set per lane, kind and status, and each job is in one of them. A list is
the merge of those that the filter names: each gives its newest entries behind the cursor.
"""

import base64
import binascii
import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis import Redis

from project.errors import InvalidInputError
from project.lane import Lane
from project.ledger.job import Job, Status
from project.ledger.keys import PARTITIONS, lane_prefix, partition_key, waiting_key
from project.ledger.record import as_microseconds

Entry = tuple[int, str]
"""Microseconds of submission, and the id: the order of a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs to list; an empty set means all."""

    statuses: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    lanes: frozenset[str] = frozenset()
    submitted_after: datetime | None = None
    submitted_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list; `next_cursor` is empty at its end."""

    jobs: list[Job]
    next_cursor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneState:
    """How full a lane is."""

    lane: str
    depth: int
    """Jobs that are due and wait for a worker."""
    scheduled: int
    """Jobs that are not due yet."""
    running: int
    oldest_seconds: float | None
    """How long the one that has waited longest has been due."""


def list_jobs(redis: "Redis", chosen: JobFilter, cursor: str, limit: int) -> tuple[list[str], str]:
    """Ids of the jobs that the filter lets through, newest first, and the next page's cursor."""
    part = _Part.of(chosen, _decode_cursor(cursor) if cursor else None, limit + 1)
    keys = _chosen_partitions(redis, chosen)
    entries = heapq.merge(*_read_all(redis, keys, part), reverse=True)
    found = [entry for entry, _ in zip(entries, range(limit + 1), strict=False)]
    page = found[:limit]
    return [job_id for _, job_id in page], _encode_cursor(page[-1]) if len(found) > limit else ""


@dataclass(frozen=True, slots=True)
class _Part:
    """Which part of a partition is read: scores, what lies behind the cursor, and how many."""

    newest: int | str
    oldest: int | str
    before: Entry | None
    count: int

    @classmethod
    def of(cls, chosen: JobFilter, before: Entry | None, count: int) -> "_Part":
        bounds = [as_microseconds(chosen.submitted_before) - 1] if chosen.submitted_before else []
        bounds += [before[0]] if before else []
        after = chosen.submitted_after
        return cls(
            newest=min(bounds) if bounds else "+inf",
            oldest=as_microseconds(after) + 1 if after else "-inf",
            before=before,
            count=count,
        )

    def read(self, redis: Any, key: str, offset: int) -> Any:
        """Rows of id and score, newest first."""
        return redis.zrevrangebyscore(
            key, self.newest, self.oldest, start=offset, num=self.count, withscores=True
        )


def list_lanes(redis: "Redis") -> list[LaneState]:
    """How full each lane is, also while Redis is full."""
    seconds, microseconds = redis.time()
    now = seconds * 1000 + microseconds // 1000
    running = _chosen_partitions(redis, JobFilter(statuses=frozenset({Status.RUNNING})))
    # No transaction: a Redis whose memory is full takes none, not even to read.
    pipeline = redis.pipeline(transaction=False)
    for lane in Lane:
        pipeline.zcount(waiting_key(lane), "-inf", now)
        pipeline.zcount(waiting_key(lane), f"({now}", "+inf")
        pipeline.zrange(waiting_key(lane), 0, 0, withscores=True)
    for key in running:
        pipeline.zcard(key)
    answers = pipeline.execute()
    counts = dict(zip(running, answers[3 * len(Lane) :], strict=True))
    return [
        _lane_state(lane, answers[3 * number : 3 * number + 3], counts, now)
        for number, lane in enumerate(Lane)
    ]


def _lane_state(lane: Lane, answers: list[Any], running: dict[str, int], now: int) -> LaneState:
    depth, scheduled, oldest = answers
    return LaneState(
        lane=lane.value,
        depth=depth,
        scheduled=scheduled,
        running=sum(count for key, count in running.items() if key.startswith(lane_prefix(lane))),
        oldest_seconds=max(0.0, (now - oldest[0][1]) / 1000) if depth and oldest else None,
    )


def _chosen_partitions(redis: "Redis", chosen: JobFilter) -> list[str]:
    names: Any = redis.smembers(PARTITIONS)
    pairs = sorted(name.split(":", 1) for name in names)
    return [
        partition_key(lane, kind, status)
        for lane, kind in pairs
        if (not chosen.lanes or lane in chosen.lanes) and (not chosen.kinds or kind in chosen.kinds)
        for status in Status
        if not chosen.statuses or status in chosen.statuses
    ]


def _read_all(redis: "Redis", keys: list[str], part: _Part) -> list[Iterator[Entry]]:
    """Each partition's entries behind the cursor, newest first; all first rows in one call."""
    pipeline = redis.pipeline(transaction=False)
    for key in keys:
        part.read(pipeline, key, 0)

    def walk(key: str, rows: Any) -> Iterator[Entry]:
        offset = 0
        while True:
            entries = ((int(score), job_id) for job_id, score in rows)
            yield from (entry for entry in entries if not part.before or entry < part.before)
            if len(rows) < part.count:
                return
            offset += part.count
            rows = part.read(redis, key, offset)

    return [walk(key, rows) for key, rows in zip(keys, pipeline.execute(), strict=True)]


def _encode_cursor(entry: Entry) -> str:
    return base64.urlsafe_b64encode(f"{entry[0]} {entry[1]}".encode()).decode().rstrip("=")


def _decode_cursor(cursor: str) -> Entry:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        moment, job_id = base64.urlsafe_b64decode(padded.encode("ascii")).decode().split(" ", 1)
        return int(moment), job_id
    except (ValueError, binascii.Error) as error:
        raise InvalidInputError(
            "cursor: take the one of the answer before, or none.", field="cursor"
        ) from error
