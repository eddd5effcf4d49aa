"""The ledger: it reads jobs, and changes them except for their attempts."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from redis import Redis

from project.errors import GoneError, NotFoundError, TransitionError
from project.ledger.admissions import Admissions
from project.ledger.attempts import Attempts
from project.ledger.celery_results import dead_document, revoked_document
from project.ledger.dead_letters import DeadLetters
from project.ledger.file_holders import FileHolders
from project.ledger.job import SOURCES, AttemptOutcome, Job, JobError, Status
from project.ledger.job_tree import JobTree
from project.ledger.keys import LEASES, job_key, owner_key, result_key, waiting_key
from project.ledger.listing import (
    JobFilter,
    Page,
    QueueState,
    list_forgotten_queues,
    list_jobs,
    list_queues,
)
from project.ledger.record import as_milliseconds, decode_job, from_milliseconds
from project.ledger.record_format import is_newer
from project.ledger.retention import GONE_SECONDS, Retention, is_gone
from project.ledger.steps import Steps

_NEVER = -1
"""Redis's answer for a key that does not expire."""


class Ledger:
    """The records of all jobs. Each change, with its index, result and event, is one atomic step.

    Callers use its collaborators directly: `admissions` records new jobs, `attempts` does what
    workers need, `tree` links parents and children, `file_holders` keeps files, `steps` sends
    deferred steps. `redis` must decode responses. Redis's own errors pass through: callers decide
    how to handle an outage.
    """

    def __init__(
        self,
        redis: "Redis",
        retention_seconds: int,
        failed_retention_seconds: int | None = None,
        kind_seconds: Mapping[str, int] | None = None,
        on_release: Callable[[Job], None] | None = None,
    ) -> None:
        """`on_release`: see `Steps`."""
        retention = Retention(retention_seconds, failed_retention_seconds, kind_seconds or {})
        self._redis = redis
        self._dead_letters = DeadLetters(redis)
        self.steps = Steps(redis, retention, on_release)
        self.admissions = Admissions(self.steps, self.get)
        self.attempts = Attempts(self.steps, self.get)
        self.tree = JobTree(redis, self.steps, self.get, self.read)
        self.file_holders = FileHolders(redis)

    # ── Reading ────────────────────────────────────────────────────────────────────────────────

    def get(self, job_id: str) -> Job:
        """The job. NotFoundError if it never existed, GoneError if it is forgotten."""
        job = self.find(job_id)
        if job is None:
            if is_gone(self._redis, job_id):
                raise GoneError(f"Job {job_id} finished long ago: its record has expired.")
            raise NotFoundError(f"There is no job {job_id}.")
        if job.expires_at and job.expires_at <= datetime.now(UTC):
            raise GoneError(f"Job {job_id} finished long ago: its record has expired.")
        return job

    def find(self, job_id: str) -> Job | None:
        """The job's record, if there is one."""
        return self.read([job_id])[0]

    def read(self, job_ids: Iterable[str]) -> list[Job | None]:
        """The records of many jobs in one round trip, in their order; NewerRecordError."""
        return [decode_job(record) if record else None for record in self._fetch(job_ids)]

    def _read_known(self, job_ids: Iterable[str]) -> list[Job]:
        """The records that exist, without those that only a newer version understands."""
        return [
            decode_job(record)
            for record in self._fetch(job_ids)
            if record and not is_newer(record.get("format"))
        ]

    def _fetch(self, job_ids: Iterable[str]) -> list[dict[str, str]]:
        pipeline = self._redis.pipeline(transaction=False)
        for job_id in job_ids:
            pipeline.hgetall(job_key(job_id))
        return pipeline.execute()

    def list_jobs(self, chosen: JobFilter, cursor: str = "", limit: int = 50) -> Page:
        """Jobs that the filter lets through, newest first; InvalidInputError for a bad cursor."""
        ids, next_cursor = list_jobs(self._redis, chosen, cursor, limit)
        return Page(self._read_known(ids), next_cursor)

    def list_owned(self, owner: str, limit: int = 50) -> list[Job]:
        """The owner's newest jobs, newest first."""
        ids: Any = self._redis.zrevrange(owner_key(owner), 0, limit - 1)
        return self._read_known(ids)

    def list_queues(self, queues: Collection[str]) -> list[QueueState]:
        """How full each of these queues is, in their order."""
        return list_queues(self._redis, queues)

    def list_forgotten_queues(self, queues: Collection[str]) -> list[tuple[str, int]]:
        """Other queues in which jobs wait, and how many wait in each."""
        return list_forgotten_queues(self._redis, queues)

    def list_waiting(self, queue: str, due_before: datetime, limit: int = 500) -> list[Job]:
        """Jobs of the queue that have waited for a worker since before that time, oldest first."""
        ids: Any = self._redis.zrangebyscore(
            waiting_key(queue), "-inf", as_milliseconds(due_before), start=0, num=limit
        )
        return self._read_known(ids)

    def find_lease_ends(self, job_ids: Sequence[str]) -> list[datetime | None]:
        """When each job's lease ends; None for a job without a lease."""
        if not job_ids:
            return []
        ends: Any = self._redis.zmscore(LEASES, list(job_ids))
        return [None if end is None else from_milliseconds(end) for end in ends]

    def read_boot(self) -> str:
        """The id of Redis's process: a different id means that Redis was restarted."""
        return str(self._redis.info("server")["run_id"])

    def read_time(self) -> datetime:
        """The time on Redis's own clock, by which leases and due times are measured."""
        seconds, microseconds = self._redis.time()
        return datetime.fromtimestamp(seconds + microseconds / 1_000_000, UTC)

    # ── Ending jobs that do not run ────────────────────────────────────────────────────────────

    def cancel(self, job_id: str) -> Job:
        """Cancel a job: a waiting job will not start, a running job is asked to stop.

        Raises TransitionError if it is finished, NotFoundError or GoneError if there is none.
        """
        for _ in range(3):  # between the two steps below a job may begin to run, or to wait again
            job = self.get(job_id)
            if job.status is Status.RUNNING and job.cancel_requested_at:
                return job
            try:
                return self._move_to_cancel(job)
            except TransitionError:
                if job.status.is_finished:
                    raise
        return self._move_to_cancel(self.get(job_id))

    def _move_to_cancel(self, job: Job) -> Job:
        if job.status is Status.RUNNING:
            return self.steps.move(
                job.id,
                None,
                sources=(Status.RUNNING,),
                attempt=job.attempt,
                cancel_requested_at=datetime.now(UTC),
            )
        return self.cancel_waiting(job.id, celery_result=revoked_document(job.id))

    def cancel_waiting(self, job_id: str, *, celery_result: str) -> Job:
        """Cancel a job that is not running. TransitionError if it is running or finished."""
        return self.steps.move(
            job_id,
            Status.CANCELLED,
            sources=SOURCES[Status.CANCELLED] - {Status.RUNNING},
            celery_result=celery_result,
            finished_at=datetime.now(UTC),
        )

    def mark_dead(self, job_id: str, error: JobError, fallback: Job | None = None) -> Job:
        """Give the job up: it becomes dead, for the reason in `error`.

        `fallback` becomes the record if there is none. TransitionError if the job is finished.
        """
        return self.steps.move(
            job_id,
            Status.DEAD,
            fallback=fallback,
            archive=AttemptOutcome.LOST,
            celery_result=dead_document(job_id, error.message),
            finished_at=datetime.now(UTC),
            error=error,
        )

    # ── Recording what happened to a job ───────────────────────────────────────────────────────

    def note_requeue(self, job: Job) -> Job:
        """Count that a job that was dead-lettered through no fault of its own is requeued."""
        return self.steps.move(job.id, None, sources=(job.status,), requeues=job.requeues + 1)

    def note_repair(self, job: Job) -> Job:
        """Count that the job's message was lost, and published again."""
        return self.steps.move(
            job.id,
            None,
            sources=(job.status,),
            repairs=job.repairs + 1,
            repaired_at=datetime.now(UTC),
        )

    def note_rerun(self, job_id: str, new_id: str) -> None:
        """Record that another job reruns this finished job; remove its dead letter, if any."""
        job = self.get(job_id)
        self.steps.move(job_id, None, sources=(job.status,), rerun_as=new_id)
        self._dead_letters.remove(job_id)

    # ── Forgetting ─────────────────────────────────────────────────────────────────────────────

    def trim(self, limit: int = 500) -> int:
        """Forget at most `limit` finished jobs whose retention is over; how many were forgotten."""
        (count,) = self.steps.call("trim", [], [str(limit), str(GONE_SECONDS)])
        return int(count)

    def remove_orphans(self, cursor: int) -> tuple[int, list[str]]:
        """Remove some results of jobs that have no record, from the cursor on.

        Returns the next cursor (0 at the end) and the jobs' ids. A result without a record claims
        something that the ledger, the source of truth, does not know. A result that expires by
        itself stays: it may belong to a Celery task that is not a kind.
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
