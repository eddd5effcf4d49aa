"""The ledger's store: records jobs and moves them from status to status.

Every change is one Redis call, a script that checks the status, writes the change, the index,
Celery's result and the event together. `listing` reads many jobs, `retention` forgets them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from importlib.resources import files
from typing import Any

from redis import Redis

from project.errors import (
    CancelledError,
    ExhaustedError,
    GoneError,
    LaneFullError,
    LeasedError,
    LeaseState,
    NotFoundError,
    TransitionError,
    UndecidedError,
)
from project.ledger.dead_letters import DeadLetters
from project.ledger.documents import dead_document, revoked_document
from project.ledger.job import (
    SOURCES,
    WITHDRAWN,
    AttemptOutcome,
    Job,
    JobError,
    Progress,
    Status,
)
from project.ledger.keys import (
    LEASES,
    children_key,
    job_key,
    owner_key,
    result_key,
    unique_key,
    waiting_key,
)
from project.ledger.listing import JobFilter, LaneState, Page, list_jobs, list_lanes
from project.ledger.record import (
    as_microseconds,
    as_milliseconds,
    decode_job,
    encode_fields,
    encode_job,
    encode_json,
    from_milliseconds,
)
from project.ledger.retention import Retention, is_gone, trim

OWNER_LIMIT = 200
"""Newest jobs that are remembered per owner."""

LEASE_SECONDS = 45
"""How long a claim holds without being renewed; who cannot renew it stops the job before."""

LAST_CALL_SECONDS = 3
"""A lease that has run out can be renewed for so long after somebody wants to take it over."""

SETTLE_SECONDS = 4
"""So long after its start Redis lets no job begin, and none count as never confirmed: submitters
put right what went wrong when it ended (`project.submission.aftermath`)."""

RELEASE_SECONDS = 1
"""A job that was put back may be claimed after so long, for the sake of clocks."""

_PRELUDE = files(__package__).joinpath("prelude.lua").read_text()


class Hold(StrEnum):
    """What the renewal of a lease has found."""

    HELD = "held"
    CANCEL = "cancel"
    """Held, and somebody asked the job to stop."""
    LOST = "lost"
    """The attempt is over, or another one has begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Under which conditions a job is recorded."""

    budget_seconds: float = 2.0
    """Within this time from now the broker's confirm must be noted, or the job never runs."""
    lane_limit: int | None = None
    """As many jobs may wait in a lane; None: any number."""
    unique_key: str = ""
    """At most one job holds it, until that has failed or the time is over; empty: no such rule."""
    unique_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the ledger says to a new job."""

    job: Job
    is_new: bool
    """False: `job` is another one, which has the same id or deduplication key."""


class Ledger:
    """Records jobs and moves them from status to status; every change is one Redis call.

    `redis` must decode responses. Redis's own errors pass through: callers decide what an outage
    means to them.
    """

    def __init__(
        self,
        redis: "Redis",
        retention_seconds: int,
        failed_retention_seconds: int | None = None,
    ) -> None:
        self._redis = redis
        self._retention = Retention(retention_seconds, failed_retention_seconds)
        self._record, self._move_script, self._renew, self._trim = (
            redis.register_script(_PRELUDE + files(__package__).joinpath(name).read_text())
            for name in ("record.lua", "move.lua", "renew.lua", "trim.lua")
        )

    # ── Submitting ─────────────────────────────────────────────────────────────────────────────

    def record(self, job: Job, admission: Admission | None = None) -> Recorded:
        """Write a new job, before it is published.

        Raises LaneFullError, or CancelledError where its parent has been cancelled.
        """
        (answer,) = self.record_many([job], admission or Admission())
        if isinstance(answer, Exception):
            raise answer
        return answer

    def record_many(
        self, jobs: Sequence[Job], admission: Admission | Sequence[Admission]
    ) -> list[Recorded | LaneFullError | CancelledError]:
        """Write new jobs in one round trip; one answer a job, in their order."""
        rules = [admission] * len(jobs) if isinstance(admission, Admission) else admission
        calls = [
            ([job_key(job.id)], [encode_json(self._record_step(job, rule))])
            for job, rule in zip(jobs, rules, strict=True)
        ]
        return [
            _read_recorded(job, answer)
            for job, answer in zip(jobs, self._call(self._record, calls), strict=True)
        ]

    def _record_step(self, job: Job, admission: Admission) -> dict[str, Any]:
        step = {
            **self._written(job),
            "id": job.id,
            "budget": round(admission.budget_seconds * 1000),
        }
        if admission.lane_limit is not None:
            step["limit"] = admission.lane_limit
        if admission.unique_key:
            step["unique"] = {
                "key": unique_key(admission.unique_key),
                "seconds": admission.unique_seconds,
            }
        return step

    def _written(self, job: Job) -> dict[str, Any]:
        step: dict[str, Any] = {
            "fields": encode_job(job),
            "order": str(as_microseconds(job.submitted_at)),
            "owner_limit": OWNER_LIMIT,
            "owner_seconds": self._retention.longest_seconds,
        }
        if job.run_at:
            step["due"] = as_milliseconds(job.run_at)
        return step

    def confirm(self, job: Job, *, within_seconds: float = 3600) -> Job:
        """Note that the broker has confirmed the job: accepted → queued.

        TransitionError: too late, or withdrawn; the job will not run. Redis may execute a call long
        after its caller has given up: `within_seconds` since the record, and in the time that its
        admission gave, or never.
        """
        (answer,) = self.confirm_many([job], within_seconds=within_seconds)
        if isinstance(answer, TransitionError):
            raise answer
        return answer

    def confirm_many(
        self, jobs: Sequence[Job], *, within_seconds: float = 3600
    ) -> list[Job | TransitionError]:
        """Note the confirms of many jobs in one round trip; one answer a job, in their order."""
        step = {
            "sources": {Status.ACCEPTED.value: True},
            "within": round(within_seconds * 1000),
            "set": {"status": Status.QUEUED},
        }
        calls = [(_move_keys(job.id), [encode_json({"id": job.id, **step})]) for job in jobs]
        answers = self._call(self._move_script, calls)
        return [
            self._read_confirmed(job, answer) for job, answer in zip(jobs, answers, strict=True)
        ]

    def _read_confirmed(self, job: Job, answer: list[str]) -> Job | TransitionError:
        if answer[0] == "moved":
            return _decode(answer)
        if answer[1] in {Status.ACCEPTED, Status.CANCELLED, ""}:
            return _refusal(job.id, Status.QUEUED, answer[1])
        return self.get(job.id)  # noted before: by a call whose answer was lost, or a repetition

    def confirm_again(self, job_id: str) -> Job:
        """Redis has lost the note of a confirm, but not the record; its client was told 202.

        TransitionError where that is not so.
        """
        return self._move(job_id, Status.QUEUED, sources=(Status.ACCEPTED,))

    def withdraw(self, job: Job, *, is_overdue: bool = False, is_in_doubt: bool = False) -> None:
        """The job could not be handed over: should its message exist after all, drop it.

        With `is_overdue` only where the time to note the broker's confirm is over. `is_in_doubt`:
        its confirm may have been noted, but nobody has been told so.
        """
        self._move(
            job.id,
            Status.CANCELLED,
            sources=(Status.ACCEPTED, Status.QUEUED) if is_in_doubt else (Status.ACCEPTED,),
            overdue=is_overdue or None,
            settle=SETTLE_SECONDS if is_overdue else None,
            error=WITHDRAWN,
            finished_at=datetime.now(UTC),
        )

    # ── Running ────────────────────────────────────────────────────────────────────────────────

    def claim(
        self,
        job: Job,
        worker: str,
        holder: str,
        *,
        gone_holder: str = "",
        silent_holder: str = "",
        most_losses: int = 5,
    ) -> Job:
        """A worker starts an attempt, and holds its lease as `holder`.

        `job` is what the message says; it becomes the record where Redis has lost it. A lease can
        be taken over from `gone_holder`, which is known to have ended, and from `silent_holder`,
        whose last call is over.

        Raises UndecidedError where the client has not been told yet that the job is taken,
        LeasedError where another attempt holds a lease, ExhaustedError after `most_losses` attempts
        without an outcome, TransitionError where it may not run.
        """
        now = datetime.now(UTC)
        answer = self._step(
            job.id,
            Status.RUNNING,
            # Whose message is there was confirmed, or not even recorded: it may run.
            fallback=self._written(replace(job, status=Status.QUEUED)),
            claim={
                "holder": holder,
                "lease": LEASE_SECONDS * 1000,
                "last_call": LAST_CALL_SECONDS * 1000,
                "gone": gone_holder,
                "silent": silent_holder,
                "most_losses": most_losses,
            },
            settle=SETTLE_SECONDS,
            set={"worker": worker, "started_at": now, "at": now},
        )
        if answer[0] == "leased":
            raise LeasedError(job.id, answer[1], LeaseState(answer[2]))
        if answer[0] == "settling":
            raise UndecidedError(job.id, seconds_left=float(answer[1]))
        if answer[0] == "exhausted":
            raise ExhaustedError(job.id, most_losses)
        if answer[0] == "refused" and answer[1] == Status.ACCEPTED:
            raise UndecidedError(job.id, seconds_left=int(answer[2]) / 1000)
        return _read_moved(job.id, Status.RUNNING, answer)

    def renew(self, job: Job) -> Hold:
        """Keep the lease of the attempt that `job` is."""
        answer = self._renew(
            keys=[job_key(job.id)], args=[job.id, job.attempt, LEASE_SECONDS * 1000]
        )
        return Hold(str(answer))

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
        """An attempt has ended the job as `status`, together with Celery's own result document."""
        return self._move(
            job_id,
            status,
            attempt=attempt,
            celery_result=celery_result,
            finished_at=datetime.now(UTC),
            result=result,
            error=error,
        )

    def retry(
        self,
        job_id: str,
        *,
        attempt: int | None,
        celery_result: str,
        error: JobError | None,
        due_at: datetime,
    ) -> Job:
        """The attempt has failed for a reason that may pass; the next one is due at `due_at`."""
        return self._move(
            job_id,
            Status.RETRYING,
            attempt=attempt,
            celery_result=celery_result,
            archive=AttemptOutcome.RETRIED,
            due=as_milliseconds(due_at),
            available_at=due_at,
            error=error,
            at=datetime.now(UTC),
        )

    def put_back(self, job_id: str, *, worker: str, is_over: bool = True) -> Job:
        """The worker stops: its attempt ends without a fault, and the message goes back.

        With `is_over` false its process has been told to end, and has not yet: the lease goes on.
        TransitionError where that worker does not run the job (any more).
        """
        job = self.get(job_id)
        if job.worker != worker:
            raise _refusal(job_id, Status.QUEUED, job.status)
        now = datetime.now(UTC)
        return self._move(
            job_id,
            Status.QUEUED,
            sources=(Status.RUNNING,),
            attempt=job.attempt,
            archive=AttemptOutcome.INTERRUPTED,
            release=(RELEASE_SECONDS if is_over else LEASE_SECONDS) * 1000,
            available_at=now,
            at=now,
        )

    # ── Ending otherwise ───────────────────────────────────────────────────────────────────────

    def cancel(self, job_id: str) -> Job:
        """Cancel a job: one that waits will not start, one that runs is asked to stop.

        Raises TransitionError where it has ended, NotFoundError or GoneError where there is none.
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

    def stop(self, job: Job) -> Job:
        """The running attempt has stopped because the job was cancelled."""
        return self.finish(
            job.id,
            Status.CANCELLED,
            attempt=job.attempt,
            celery_result=revoked_document(job.id),
        )

    def bury(self, job_id: str, error: JobError, fallback: Job | None = None) -> Job:
        """Give the job up: it becomes dead, for the reason that `error` says.

        `fallback` becomes the record where there is none. TransitionError where it has ended.
        """
        return self._move(
            job_id,
            Status.DEAD,
            fallback=self._written(fallback) if fallback else None,
            archive=AttemptOutcome.LOST,
            celery_result=dead_document(job_id, error.message),
            finished_at=datetime.now(UTC),
            error=error,
        )

    def note_return(self, job: Job) -> Job:
        """It was dead-lettered without a fault of its own, and goes back to its lane."""
        return self._move(job.id, job.status, sources=(job.status,), returns=job.returns + 1)

    def note_repair(self, job: Job) -> Job:
        """Its message was lost, and published again."""
        return self._move(
            job.id,
            job.status,
            sources=(job.status,),
            repairs=job.repairs + 1,
            repaired_at=datetime.now(UTC),
        )

    def note_replay(self, job_id: str, new_id: str) -> None:
        """An ended job is repeated by another one; its dead letter, if it has one, is done with."""
        job = self.get(job_id)
        self._move(job_id, job.status, sources=(job.status,), replayed_as=new_id)
        DeadLetters(self._redis).remove(job_id)

    # ── Reading ────────────────────────────────────────────────────────────────────────────────

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

    def list_lanes(self) -> list[LaneState]:
        """How full each lane is."""
        return list_lanes(self._redis)

    def find_lease_ends(self, job_ids: Sequence[str]) -> list[datetime | None]:
        """Until when each job's lease holds; None where it has none."""
        if not job_ids:
            return []
        ends: Any = self._redis.zmscore(LEASES, list(job_ids))
        return [None if end is None else from_milliseconds(end) for end in ends]

    def list_waiting(self, lane: str, due_before: datetime, limit: int = 500) -> list[Job]:
        """Jobs of the lane that have waited for a worker since before that time, oldest first."""
        ids: Any = self._redis.zrangebyscore(
            waiting_key(lane), "-inf", as_milliseconds(due_before), start=0, num=limit
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
        ledger, the one truth, does not know.
        """
        next_cursor, found = self._redis.scan(cursor, match=result_key("*"), count=1000)
        keys: Any = found
        ids = [key.removeprefix(result_key("")) for key in keys]
        pipeline = self._redis.pipeline(transaction=False)
        for job_id in ids:
            pipeline.exists(job_key(job_id))
        orphans = [
            job_id for job_id, is_there in zip(ids, pipeline.execute(), strict=True) if not is_there
        ]
        if orphans:
            self._redis.unlink(*map(result_key, orphans))
        return int(next_cursor), orphans

    def trim(self, limit: int = 500) -> int:
        """Forget ended jobs whose time is over, `limit` at the most; how many they were."""
        return trim(self._trim, limit)

    # ── The one step ───────────────────────────────────────────────────────────────────────────

    def _move(
        self,
        job_id: str,
        status: Status,
        *,
        sources: Iterable[Status] | None = None,
        attempt: int | None = None,
        celery_result: str = "",
        fallback: dict[str, Any] | None = None,
        archive: AttemptOutcome | None = None,
        due: int | None = None,
        release: int | None = None,
        overdue: bool | None = None,
        settle: int | None = None,
        **changes: Any,
    ) -> Job:
        answer = self._step(
            job_id,
            status,
            sources=sources,
            attempt=None if attempt is None else str(attempt),
            result=celery_result or None,
            fallback=fallback,
            archive=archive,
            due=due,
            release=release,
            overdue=overdue,
            settle=settle,
            set=changes,
        )
        return _read_moved(job_id, status, answer)

    def _step(
        self,
        job_id: str,
        status: Status,
        *,
        sources: Iterable[Status] | None = None,
        set: Mapping[str, Any],  # noqa: A002 - the name that the script has for it
        **options: Any,
    ) -> list[str]:
        allowed = SOURCES[status] if sources is None else sources
        step = {
            "id": job_id,
            "sources": {source.value: True for source in allowed},
            "set": encode_fields({"status": status, **set}),
            "keep": self._retention.seconds_for(status) if status.is_final else None,
            **options,
        }
        present = {name: value for name, value in step.items() if value is not None}
        answer: list[str] = self._move_script(keys=_move_keys(job_id), args=[encode_json(present)])
        return answer

    def _call(
        self, script: Callable[..., Any], calls: Sequence[tuple[list[str], list[str]]]
    ) -> list[Any]:
        """Many calls of a script in one round trip. Other clients' calls may come between them."""
        if len(calls) == 1:
            keys, args = calls[0]
            return [script(keys=keys, args=args)]
        pipeline = self._redis.pipeline(transaction=False)
        for keys, args in calls:
            script(keys=keys, args=args, client=pipeline)
        return list(pipeline.execute())


def _move_keys(job_id: str) -> list[str]:
    return [job_key(job_id), result_key(job_id)]


def _read_recorded(job: Job, answer: list[Any]) -> Recorded | LaneFullError | CancelledError:
    if answer[0] == "full":
        return LaneFullError(job.lane, int(answer[1]))
    if answer[0] == "refused":
        return CancelledError(f"Job {job.parent_id} was cancelled: it can submit no more jobs.")
    return Recorded(_decode(answer), is_new=answer[0] == "recorded")


def _read_moved(job_id: str, status: Status, answer: list[str]) -> Job:
    if answer[0] == "settling":
        raise TransitionError(f"Job {job_id} is not judged so soon after Redis has started.")
    if answer[0] == "refused":
        raise _refusal(job_id, status, answer[1])
    return _decode(answer)


def _refusal(job_id: str, status: Status, found: str) -> TransitionError:
    return TransitionError(f"Job {job_id} is {found or 'unknown'}: it cannot become {status}.")


def _decode(answer: list[str]) -> Job:
    """The record behind an answer's first word."""
    return decode_job(dict(zip(answer[1::2], answer[2::2], strict=True)))
