"""Jobs that wait for their child jobs, and the tree of a job and its descendants."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from redis import Redis

from project.errors import Suspension
from project.ledger.job import Job, Status, format_time
from project.ledger.keys import children_key, job_key
from project.ledger.steps import Steps, decode_answer, refuse

TREE_LIMIT = 2000
"""The most jobs of a tree that are read."""


class Wait(StrEnum):
    """The answer to a job that asks to wait for child jobs."""

    WAITING = "waiting"
    """The attempt is over; the job continues once its child jobs are finished."""
    READY = "ready"
    """There is nothing to wait for."""
    CANCELLED = "cancelled"
    """The job was asked to stop."""


class JobTree:
    """Parents and their child jobs. `read` reads jobs by their ids, in the given order."""

    def __init__(
        self,
        redis: "Redis",
        steps: Steps,
        get: Callable[[str], Job],
        read: Callable[[Iterable[str]], list[Job | None]],
    ) -> None:
        self._redis = redis
        self._steps = steps
        self._get = get
        self._read = read

    def wait_for(self, job: Job, wish: Suspension) -> Wait:
        """End the attempt until these child jobs (or any of them) are finished.

        `job` is the attempt. TransitionError if it is over already.
        """
        now = format_time(datetime.now(UTC))
        total = "" if wish.total is None else str(wish.total)
        arguments = [
            *(job.id, str(job.attempt), now),
            *(wish.wake_on, str(wish.finished), total, wish.step),
            *wish.job_ids,
        ]
        answer = self._steps.call("wait", [job_key(job.id)], arguments)
        if answer[0] == "refused":
            raise refuse(job.id, Status.WAITING, answer[1])
        return Wait(answer[0])

    def recheck(self, job_id: str) -> Job | None:
        """The waiting job, queued again, if it has nothing left to wait for."""
        now = format_time(datetime.now(UTC))
        answer = self._steps.call("recheck", [job_key(job_id)], [job_id, now])
        return decode_answer(answer[1]) if answer[0] == "resumed" else None

    def list_children(self, job_id: str) -> list[str]:
        """The ids of the job's child jobs."""
        children: Any = self._redis.smembers(children_key(job_id))
        return sorted(children)

    def read_children(self, job_ids: Sequence[str]) -> list[list[Job]]:
        """The child jobs of each of these jobs."""
        pipeline = self._redis.pipeline(transaction=False)
        for job_id in job_ids:
            pipeline.smembers(children_key(job_id))
        ids: list[set[str]] = pipeline.execute()
        every = list({job_id for children in ids for job_id in children})
        known = {job.id: job for job in self._read(every) if job is not None}
        return [[known[child] for child in children if child in known] for children in ids]

    def adopt_child(self, parent: Job, child_id: str) -> None:
        """Make a job of an earlier run a child of this parent, too."""
        self._redis.sadd(children_key(parent.id), child_id)

    def read_tree(self, job_id: str, limit: int = TREE_LIMIT) -> list[Job]:
        """The job and its descendants, parents first, siblings in the order of their submission.

        At most `limit` jobs. NotFoundError or GoneError if there is no such job.
        """
        found = level = [self._get(job_id)]
        while level and len(found) < limit:
            siblings_of_each = self.read_children([job.id for job in level])
            level = [
                child
                for siblings in siblings_of_each
                for child in sorted(siblings, key=lambda job: (job.submitted_at, job.id))
            ]
            found = [*found, *level]
        return found[:limit]

    def find_latest(self, job: Job) -> Job:
        """The latest rerun of the job, or the job itself if it has no rerun."""
        while job.rerun_as:
            (again,) = self._read([job.rerun_as])
            if again is None:
                return job
            job = again
        return job
