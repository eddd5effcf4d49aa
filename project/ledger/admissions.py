"""How a job enters the ledger: it is recorded, then confirmed in time or withdrawn."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from redis import RedisError

from project.errors import CancelledError, NotFoundError, QueueFullError, TransitionError
from project.ledger.job import CONFIRMED, WITHDRAWN, Job, Status, change
from project.ledger.keys import job_key, unique_key
from project.ledger.record import as_microseconds, as_milliseconds, encode_job
from project.ledger.script_client import Item
from project.ledger.startup_grace import GRACE_SECONDS
from project.ledger.steps import OWNER_LIMIT, Steps, decode_answer, refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The conditions under which a job is recorded."""

    budget_seconds: float = 2.0
    """The broker's confirm must be noted within this time from now, or the job never runs."""
    queue_limit: int | None = None
    """How many jobs may wait in the queue; None: any number."""
    unique_key: str = ""
    """Only one job holds this key, until it expires, or the job fails, dies or is cancelled; empty:
    no key."""
    unique_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Recorded:
    """The ledger's answer to a new job."""

    job: Job
    is_new: bool
    """False: `job` is an existing job with the same id or deduplication key. True: `job` is the
    given job, and has no version until its confirm."""


class Admissions:
    """Records new jobs. `get` reads a job, or raises NotFoundError."""

    def __init__(self, steps: Steps, get: Callable[[str], Job]) -> None:
        self._steps = steps
        self._get = get

    def record(self, job: Job, admission: Admission | None = None) -> Recorded:
        """Write a new job, before it is published.

        Raises QueueFullError, or CancelledError if its parent was cancelled.
        """
        (answer,) = self.record_many([job], admission or Admission())
        if isinstance(answer, Exception):
            raise answer
        return answer

    def record_many(
        self, jobs: Sequence[Job], admission: Admission | Sequence[Admission]
    ) -> list[Recorded | QueueFullError | CancelledError | RedisError]:
        """Write new jobs in one round trip; one answer for each job, in their order.

        An error of Redis about one job is that job's answer; any other error is raised.
        """
        rules = [admission] * len(jobs) if isinstance(admission, Admission) else admission
        items = [self._record_item(job, rule) for job, rule in zip(jobs, rules, strict=True)]
        answers = self._steps.call_each("record", items)
        return [_read_recorded(job, answer) for job, answer in zip(jobs, answers, strict=True)]

    def _record_item(self, job: Job, rule: Admission) -> Item:
        """See `record.lua`."""
        fields = encode_job(job)
        arguments = [
            job.id,
            _order(job),
            str(as_milliseconds(job.run_at)) if job.run_at else "",
            str(round(rule.budget_seconds * 1000)),
            "" if rule.queue_limit is None else str(rule.queue_limit),
            unique_key(rule.unique_key) if rule.unique_key else "",
            str(rule.unique_seconds),
            str(OWNER_LIMIT),
            str(self._steps.retention.longest_seconds),
            *chain.from_iterable(fields.items()),
        ]
        return "record", job_key(job.id), arguments

    def confirm(self, job: Job, *, within_seconds: float = 3600) -> Job:
        """Note that the broker has confirmed the job: accepted → queued, or → scheduled.

        TransitionError: too late, or withdrawn; the job will not run. Redis may execute a call long
        after its caller has given up. So the confirm counts only within `within_seconds` of the
        record, and within the budget of its admission.
        """
        (answer,) = self.confirm_many([job], within_seconds=within_seconds)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def confirm_many(
        self, jobs: Sequence[Job], *, within_seconds: float = 3600, by: str = ""
    ) -> list[Job | TransitionError | NotFoundError | RedisError]:
        """Note the confirms of many jobs in one round trip; one answer for each, in their order.

        `by` names the submit, so that no other submit in doubt withdraws them. If the answer is a
        RedisError, the confirm may or may not have been noted.
        """
        within = str(round(within_seconds * 1000))
        items = [("confirm", job_key(job.id), [job.id, _order(job), within, by]) for job in jobs]
        answers = self._steps.call_each("confirm", items)
        return [
            self._read_confirmed(job, answer, by) for job, answer in zip(jobs, answers, strict=True)
        ]

    def _read_confirmed(
        self, job: Job, answer: list[str] | RedisError, by: str
    ) -> Job | TransitionError | NotFoundError | RedisError:
        if isinstance(answer, RedisError):
            return answer
        if answer[0] == "confirmed":
            return change(job, status=Status(answer[2]), version=int(answer[1]))
        if answer[1] in {Status.ACCEPTED, Status.CANCELLED, ""}:
            return refuse(job.id, Status.QUEUED, answer[1])
        return self._find_noted(job, by)

    def _find_noted(self, job: Job, by: str) -> Job | TransitionError | NotFoundError:
        """A job that was confirmed before: by a call whose answer was lost, or by another submit.

        The other submit may be in doubt and withdraw the job, so a job that still waits is adopted.
        If that fails, this submit has noted nothing, and is not in doubt.
        """
        try:
            if by:
                with suppress(TransitionError):
                    return self.adopt(job.id, by)
            found = self._get(job.id)
        except NotFoundError as error:
            return error
        except RedisError:
            return refuse(job.id, Status.QUEUED, Status.QUEUED)
        return refuse(job.id, Status.QUEUED, found.status) if found.is_withdrawn else found

    def confirm_again(self, job_id: str) -> Job:
        """Note a confirm again that Redis has lost, though not the record; its client got a 202.

        TransitionError if the job is not `accepted`.
        """
        return self._steps.move(job_id, Status.QUEUED, sources=(Status.ACCEPTED,))

    def adopt(self, job_id: str, by: str) -> Job:
        """Note that another submit, too, answers its client that this confirmed job is accepted.

        TransitionError if a worker has the job, or it is finished.
        """
        return self._steps.move(job_id, None, sources=CONFIRMED, confirmed_by=by)

    def withdraw(self, job: Job, *, is_overdue: bool = False, in_doubt_by: str = "") -> None:
        """Cancel a job that did not reach the broker: if its message exists after all, drop it.

        With `is_overdue`, only if the time to note the broker's confirm is over. `in_doubt_by`
        names a submit that does not know whether its confirm was noted, and has answered that it
        was not: a job that only this submit has confirmed is withdrawn, too.
        """
        self._steps.move(
            job.id,
            Status.CANCELLED,
            sources={Status.ACCEPTED, *CONFIRMED} if in_doubt_by else {Status.ACCEPTED},
            by=in_doubt_by or None,
            overdue=is_overdue or None,
            grace=GRACE_SECONDS if is_overdue else None,
            error=WITHDRAWN,
            finished_at=datetime.now(UTC),
        )


def _order(job: Job) -> str:
    return str(as_microseconds(job.submitted_at))


def _read_recorded(
    job: Job, answer: list[Any] | RedisError
) -> Recorded | QueueFullError | CancelledError | RedisError:
    if isinstance(answer, RedisError):
        return answer
    if answer[0] == "full":
        return QueueFullError(job.queue, int(answer[1]))
    if answer[0] == "refused":
        return CancelledError(f"Job {job.parent_id} was cancelled: rerun that job instead.")
    if answer[0] == "found":
        return Recorded(decode_answer(answer[1]), is_new=False)
    return Recorded(job, is_new=True)
