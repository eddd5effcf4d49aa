"""What the ledger knows of jobs: one, many, lists of them, and the queues."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from project.errors import GoneError, NotFoundError
from project.ledger.job import Job
from project.ledger.keys import LEASES, children_key, job_key, owner_key, result_key, waiting_key
from project.ledger.listing import (
    JobFilter,
    Page,
    QueueState,
    list_forgotten_queues,
    list_jobs,
    list_queues,
)
from project.ledger.record import as_milliseconds, decode_job, from_milliseconds
from project.ledger.retention import is_gone, trim
from project.ledger.steps import Steps

_NEVER = -1
"""Redis's word for a key that does not expire."""


class Reading(Steps):
    """Reads, and forgets what is over."""

    def get(self, job_id: str) -> Job:
        """The job. NotFoundError where there was never one, GoneError where it is forgotten."""
        job = self.find(job_id)
        if job is None:
            if is_gone(self._redis, job_id):
                raise GoneError(f"Job {job_id} ended long ago: its record has expired.")
            raise NotFoundError(f"There is no job {job_id}.")
        if job.expires_at and job.expires_at <= datetime.now(UTC):
            raise GoneError(f"Job {job_id} ended long ago: its record has expired.")
        return job

    def find(self, job_id: str) -> Job | None:
        """The job's record, if there is one."""
        return self.read([job_id])[0]

    def read(self, job_ids: Iterable[str]) -> list[Job | None]:
        """The records of many jobs in one round trip, in their order."""
        pipeline = self._redis.pipeline(transaction=False)
        for job_id in job_ids:
            pipeline.hgetall(job_key(job_id))
        return [decode_job(record) if record else None for record in pipeline.execute()]

    def list_jobs(self, chosen: JobFilter, cursor: str = "", limit: int = 50) -> Page:
        """Jobs that the filter lets through, newest first; InvalidInputError for a bad cursor."""
        ids, next_cursor = list_jobs(self._redis, chosen, cursor, limit)
        return Page([job for job in self.read(ids) if job is not None], next_cursor)

    def list_owned(self, owner: str, limit: int = 50) -> list[Job]:
        """The owner's newest jobs, newest first."""
        ids: Any = self._redis.zrevrange(owner_key(owner), 0, limit - 1)
        return [job for job in self.read(ids) if job is not None]

    def list_children(self, job_id: str) -> list[str]:
        """Ids of the jobs that the job has submitted."""
        children: Any = self._redis.smembers(children_key(job_id))
        return sorted(children)

    def list_queues(self, queues: Collection[str]) -> list[QueueState]:
        """How full each of these queues is, in their order."""
        return list_queues(self._redis, queues)

    def list_forgotten_queues(self, queues: Collection[str]) -> list[tuple[str, int]]:
        """Other queues in which jobs wait, and how many wait in each."""
        return list_forgotten_queues(self._redis, queues)

    def find_lease_ends(self, job_ids: Sequence[str]) -> list[datetime | None]:
        """Until when each job's lease holds; None where it has none."""
        if not job_ids:
            return []
        ends: Any = self._redis.zmscore(LEASES, list(job_ids))
        return [None if end is None else from_milliseconds(end) for end in ends]

    def list_waiting(self, queue: str, due_before: datetime, limit: int = 500) -> list[Job]:
        """Jobs of the queue that have waited for a worker since before that time, oldest first."""
        ids: Any = self._redis.zrangebyscore(
            waiting_key(queue), "-inf", as_milliseconds(due_before), start=0, num=limit
        )
        return [job for job in self.read(ids) if job is not None]

    def read_boot(self) -> str:
        """The id of Redis's process: another one says that it has started anew."""
        return str(self._redis.info("server")["run_id"])

    def read_time(self) -> datetime:
        """Redis's own clock, which leases and due times are measured by."""
        seconds, microseconds = self._redis.time()
        return datetime.fromtimestamp(seconds + microseconds / 1_000_000, UTC)

    def remove_orphans(self, cursor: int) -> tuple[int, list[str]]:
        """Remove results of jobs that have no record: a part of them, from the cursor on.

        The next cursor (0 at the end), and the jobs' ids. A result without a record says what the
        ledger, the one truth, does not know. A result that expires by itself stays: it may belong
        to a task that is no kind.
        """
        next_cursor, found = self._redis.scan(cursor, match=result_key("*"), count=1000)
        keys: Any = found
        ids = [key.removeprefix(result_key("")) for key in keys]
        pipeline = self._redis.pipeline(transaction=False)
        for job_id in ids:
            pipeline.exists(job_key(job_id))
            pipeline.ttl(result_key(job_id))
        answers = pipeline.execute()
        orphans = [
            job_id
            for job_id, is_there, seconds in zip(ids, answers[::2], answers[1::2], strict=True)
            if not is_there and seconds == _NEVER
        ]
        if orphans:
            self._redis.unlink(*map(result_key, orphans))
        return int(next_cursor), orphans

    def trim(self, limit: int = 500) -> int:
        """Forget ended jobs whose time is over, `limit` at the most; how many they were."""
        return trim(self._trim, limit)
