"""The ledger's store: the only code that touches job keys in Redis.

Keys: `job:<id>` (hash, the record), `jobs:owner:<owner>` (sorted set of ids by time),
`lease:<id>` (who runs the job; expires unless renewed), `celery-task-meta-<id>` (Celery's own
result document, so that `AsyncResult` and Flower work).
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from importlib.resources import files
from typing import Any

from redis import Redis

from project.errors import LeasedError, NotFoundError, TransitionError
from project.ledger.job import (
    SOURCES,
    WITHDRAWN,
    Job,
    JobError,
    Progress,
    Status,
    encode_fields,
    encode_json,
    format_time,
)

OWNER_LIMIT = 200
"""Newest jobs that are remembered per owner."""

LEASE_SECONDS = 20
"""How long a claim holds without being renewed."""

_TRANSITION = files(__package__).joinpath("transition.lua").read_text()
_RENEW = files(__package__).joinpath("renew.lua").read_text()
_RECORD_ONCE = """
if redis.call('EXISTS', KEYS[1]) == 1 then return redis.call('HGETALL', KEYS[1]) end
redis.call('HSET', KEYS[1], unpack(ARGV))
return {}
"""


class Hold(StrEnum):
    """What the renewal of a lease has found."""

    HELD = "held"
    CANCEL = "cancel"
    """Held, and somebody asked the job to stop."""
    LOST = "lost"
    """The attempt is over, or another one has begun."""


class Ledger:
    """Records jobs and moves them from status to status; every change is one Redis call.

    `redis` must decode responses. Redis's own errors pass through: callers decide what an outage
    means to them.
    """

    def __init__(self, redis: "Redis", retention_seconds: int) -> None:
        self._redis = redis
        self._retention_seconds = retention_seconds
        self._transition = redis.register_script(_TRANSITION)
        self._renew = redis.register_script(_RENEW)
        self._record_once = redis.register_script(_RECORD_ONCE)

    def record(self, job: Job) -> None:
        """Write a new job as it is, before it is published."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.hset(_key(job.id), mapping=job.to_record())  # type: ignore[arg-type]
        self._index(pipeline, job)
        pipeline.execute()

    def record_once(self, job: Job) -> Job | None:
        """Write a new job unless its id is known; else answer the job that was there before."""
        fields = [text for pair in job.to_record().items() for text in pair]
        found: Any = self._record_once(keys=[_key(job.id)], args=fields)
        if found:
            return Job.from_record(_as_mapping(found))
        pipeline = self._redis.pipeline(transaction=True)
        self._index(pipeline, job)
        pipeline.execute()
        return None

    def confirm(self, job: Job) -> Job:
        """The broker has confirmed the job: accepted → queued. A worker may have been faster."""
        try:
            return self._move(job.id, Status.QUEUED)
        except TransitionError:
            return self.get(job.id)

    def withdraw(self, job: Job) -> None:
        """The job could not be handed over: should its message exist after all, drop it."""
        self._move(
            job.id,
            Status.CANCELLED,
            error=WITHDRAWN,
        )

    def claim(self, job: Job, worker: str, holder: str, stale_lease: str = "") -> Job:
        """A worker starts an attempt, and holds its lease as `holder`.

        Raises TransitionError where the job may not run (again), LeasedError where another attempt
        still does. `job` is what the message says; it becomes the record where Redis has lost it.
        """
        claimed = self._move(
            job.id,
            Status.RUNNING,
            fallback=job,
            holder=holder,
            stale_lease=stale_lease,
            worker=worker,
            started_at=datetime.now(UTC),
        )
        if claimed.version == 1:  # written from the message: the owner's list lacks it as well
            pipeline = self._redis.pipeline(transaction=True)
            self._index(pipeline, claimed)
            pipeline.execute()
        return claimed

    def renew(self, job: Job, holder: str) -> Hold:
        """Keep the lease of the attempt that `job` is."""
        answer = self._renew(
            keys=[_key(job.id), _lease_key(job.id)], args=[job.attempt, holder, LEASE_SECONDS]
        )
        return Hold(str(answer))

    def cancel(self, job_id: str) -> Job:
        """Cancel a job: one that waits will not start, one that runs is asked to stop.

        Raises TransitionError where it has ended, NotFoundError where there is none.
        """
        for _ in range(3):  # between the two steps below a job may begin to run, or to wait again
            job = self.get(job_id)
            if job.status is Status.RUNNING and job.cancel_requested_at:
                return job
            try:
                return self._move_to_cancel(job)
            except TransitionError:
                if job.status.is_final:
                    raise
        return self._move_to_cancel(self.get(job_id))

    def _move_to_cancel(self, job: Job) -> Job:
        if job.status is Status.RUNNING:
            return self._move(
                job.id,
                Status.RUNNING,
                sources=(Status.RUNNING,),
                attempt=job.attempt,
                cancel_requested_at=datetime.now(UTC),
            )
        return self._move(
            job.id,
            Status.CANCELLED,
            sources=SOURCES[Status.CANCELLED] - {Status.RUNNING},
            celery_result=revoked_document(job.id),
            finished_at=datetime.now(UTC),
        )

    def report_progress(self, job: Job, progress: Progress) -> Job | None:
        """Note how far the attempt is. None, and nothing changed, where it is over."""
        try:
            return self._move(
                job.id,
                Status.RUNNING,
                sources=(Status.RUNNING,),
                attempt=job.attempt,
                progress=progress,
            )
        except TransitionError:
            return None

    def finish(
        self,
        job_id: str,
        status: Status,
        *,
        attempt: int | None,
        celery_result: str,
        result: Any = None,
        error: JobError | None = None,
    ) -> Job:
        """An attempt has ended as `status`, together with Celery's own result document."""
        return self._move(
            job_id,
            status,
            attempt=attempt,
            celery_result=celery_result,
            finished_at=datetime.now(UTC) if status.is_final else None,
            result=result,
            error=error,
        )

    def get(self, job_id: str) -> Job:
        """The job; NotFoundError where there is none (or none any more)."""
        job = self._read([job_id])[0]
        if job is None:
            raise NotFoundError(f"There is no job {job_id}; it may have expired.")
        return job

    def list_owned(self, owner: str, limit: int = 50) -> list[Job]:
        """The owner's newest jobs, newest first."""
        ids: Any = self._redis.zrevrange(_owner_key(owner), 0, limit - 1)
        return [job for job in self._read(ids) if job is not None]

    def _read(self, job_ids: Iterable[str]) -> list[Job | None]:
        pipeline = self._redis.pipeline(transaction=False)
        for job_id in job_ids:
            pipeline.hgetall(_key(job_id))
        return [Job.from_record(record) if record else None for record in pipeline.execute()]

    def _index(self, pipeline: Any, job: Job) -> None:
        if not job.owner:
            return
        key = _owner_key(job.owner)
        pipeline.zadd(key, {job.id: job.submitted_at.timestamp()})
        pipeline.zremrangebyrank(key, 0, -OWNER_LIMIT - 1)
        pipeline.expire(key, self._retention_seconds)

    def _move(
        self,
        job_id: str,
        status: Status,
        *,
        sources: Iterable[Status] | None = None,
        attempt: int | None = None,
        celery_result: str = "",
        fallback: Job | None = None,
        holder: str = "",
        stale_lease: str = "",
        **changes: Any,
    ) -> Job:
        allowed = SOURCES[status] if sources is None else sources
        answer: list[str] = self._transition(
            keys=[_key(job_id), _result_key(job_id), _lease_key(job_id)],
            args=[
                "".join(f",{source}," for source in allowed),
                "" if attempt is None else attempt,
                self._retention_seconds if status.is_final else 0,
                celery_result,
                encode_json(encode_fields({"status": status, **changes})),
                encode_json(fallback.to_record()) if fallback else "",
                holder,
                LEASE_SECONDS,
                stale_lease,
            ],
        )
        if answer[0] == "leased":
            raise LeasedError(job_id, answer[1])
        if answer[0] == "refused":
            found = answer[1] or "unknown"
            raise TransitionError(f"Job {job_id} is {found}: it cannot become {status}.")
        return Job.from_record(_as_mapping(answer[1:]))


def revoked_document(job_id: str) -> str:
    """Celery's result document of a cancelled job, so that `AsyncResult` reads REVOKED."""
    return encode_json(
        {
            "status": "REVOKED",
            "result": {
                "exc_type": "TaskRevokedError",
                "exc_message": ["cancelled"],
                "exc_module": "celery.exceptions",
            },
            "traceback": None,
            "children": [],
            "date_done": format_time(datetime.now(UTC)),
            "task_id": job_id,
        }
    )


def _as_mapping(pairs: list[str]) -> dict[str, str]:
    return dict(zip(pairs[::2], pairs[1::2], strict=True))


def _key(job_id: str) -> str:
    return f"job:{job_id}"


def _result_key(job_id: str) -> str:
    return f"celery-task-meta-{job_id}"


def _lease_key(job_id: str) -> str:
    return f"lease:{job_id}"


def _owner_key(owner: str) -> str:
    return f"jobs:owner:{owner}"
