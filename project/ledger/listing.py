"""Lists of jobs, newest first; the cost does not grow with the number of jobs or pages.

The index has one sorted set per queue, kind and status, and each job is in one of them. A list
merges the sets that the filter names: each contributes its newest entries after the cursor.
"""

import base64
import binascii
import heapq
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis import Redis

from project.errors import InvalidInputError
from project.ledger.job import Job, Status
from project.ledger.keys import PARTITIONS, partition_key, queue_prefix, waiting_key
from project.ledger.record import as_microseconds

Entry = tuple[int, str]
"""Time of submission in microseconds, and the id: the order of a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs to list; an empty set means all. Its fields are named as the API's filters."""

    status: frozenset[str] = frozenset()
    kind: frozenset[str] = frozenset()
    queue: frozenset[str] = frozenset()
    submitted_after: datetime | None = None
    submitted_before: datetime | None = None

    def lets_through(self, job: Job) -> bool:
        """Whether the job matches."""
        after, before = self.submitted_after, self.submitted_before
        return (
            (not self.status or job.status in self.status)
            and (not self.kind or job.kind in self.kind)
            and (not self.queue or job.queue in self.queue)
            and (after is None or job.submitted_at > after)
            and (before is None or job.submitted_at < before)
        )


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list; `next_cursor` is empty at its end."""

    jobs: list[Job]
    next_cursor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """How full a queue is."""

    name: str
    depth: int
    """Jobs that are due and wait for a worker."""
    scheduled: int
    """Jobs that are not due yet."""
    running: int
    oldest_seconds: float | None
    """How long the job that waits longest has been due."""


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
    """Which part of a partition is read: scores, entries after the cursor, and how many."""

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


def list_queues(redis: "Redis", queues: Collection[str]) -> list[QueueState]:
    """How full each of these queues is, in their order, also while Redis is full."""
    seconds, microseconds = redis.time()
    now = seconds * 1000 + microseconds // 1000
    running = _chosen_partitions(redis, JobFilter(status=frozenset({Status.RUNNING})))
    # No transaction: a Redis whose memory is full refuses it, even to read.
    pipeline = redis.pipeline(transaction=False)
    for queue in queues:
        pipeline.zcount(waiting_key(queue), "-inf", now)
        pipeline.zcount(waiting_key(queue), f"({now}", "+inf")
        pipeline.zrange(waiting_key(queue), 0, 0, withscores=True)
    for key in running:
        pipeline.zcard(key)
    answers = pipeline.execute()
    counts = dict(zip(running, answers[3 * len(queues) :], strict=True))
    return [
        _queue_state(queue, answers[3 * number : 3 * number + 3], counts, now)
        for number, queue in enumerate(queues)
    ]


def list_forgotten_queues(redis: "Redis", queues: Collection[str]) -> list[tuple[str, int]]:
    """Other queues in which jobs wait, by name, and how many wait in each."""
    names: Any = redis.smembers(PARTITIONS)
    others = sorted({name.split(":", 1)[0] for name in names} - set(queues))
    pipeline = redis.pipeline(transaction=False)
    for queue in others:
        pipeline.zcard(waiting_key(queue))
    counts = pipeline.execute() if others else []
    return [(queue, count) for queue, count in zip(others, counts, strict=True) if count]


def _queue_state(queue: str, answers: list[Any], running: dict[str, int], now: int) -> QueueState:
    depth, scheduled, oldest = answers
    return QueueState(
        name=queue,
        depth=depth,
        scheduled=scheduled,
        running=sum(count for key, count in running.items() if key.startswith(queue_prefix(queue))),
        oldest_seconds=max(0.0, (now - oldest[0][1]) / 1000) if depth and oldest else None,
    )


def _chosen_partitions(redis: "Redis", chosen: JobFilter) -> list[str]:
    names: Any = redis.smembers(PARTITIONS)
    pairs = sorted(name.split(":", 1) for name in names)
    return [
        partition_key(queue, kind, status)
        for queue, kind in pairs
        if (not chosen.queue or queue in chosen.queue) and (not chosen.kind or kind in chosen.kind)
        for status in Status
        if not chosen.status or status in chosen.status
    ]


def _read_all(redis: "Redis", keys: list[str], part: _Part) -> list[Iterator[Entry]]:
    """Each partition's entries after the cursor, newest first; all first rows in one call."""
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
            "cursor: pass `next` from the previous page, or leave it out.", field="cursor"
        ) from error
