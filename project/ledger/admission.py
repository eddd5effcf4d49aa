"""How a job comes into the ledger: recorded, then confirmed in time, or withdrawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from project.errors import CancelledError, LaneFullError, TransitionError
from project.ledger.job import WITHDRAWN, Job, Status
from project.ledger.keys import job_key, unique_key
from project.ledger.reading import Reading
from project.ledger.record import encode_json
from project.ledger.steps import decode_answer, move_keys, refuse

SETTLE_SECONDS = 4
"""So long after its start Redis lets no job begin, and none count as never confirmed: submitters
put right what went wrong when it ended (`project.submission.aftermath`)."""


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


class Admitting(Reading):
    """Takes jobs in."""

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
        self, jobs: Sequence[Job], *, within_seconds: float = 3600, by: str = ""
    ) -> list[Job | TransitionError]:
        """Note the confirms of many jobs in one round trip; one answer a job, in their order.

        `by` names the submit, so that no other one's doubts concern them.
        """
        step = {
            "sources": {Status.ACCEPTED.value: True},
            "within": round(within_seconds * 1000),
            "set": {"status": Status.QUEUED, "confirmed_by": by},
        }
        calls = [(move_keys(job.id), [encode_json({"id": job.id, **step})]) for job in jobs]
        answers = self._call(self._move_script, calls)
        return [
            self._read_confirmed(job, answer) for job, answer in zip(jobs, answers, strict=True)
        ]

    def _read_confirmed(self, job: Job, answer: list[str]) -> Job | TransitionError:
        if answer[0] == "moved":
            return decode_answer(answer)
        if answer[1] in {Status.ACCEPTED, Status.CANCELLED, ""}:
            return refuse(job.id, Status.QUEUED, answer[1])
        return self.get(job.id)  # noted before: by a call whose answer was lost, or a repetition

    def confirm_again(self, job_id: str) -> Job:
        """Redis has lost the note of a confirm, but not the record; its client was told 202.

        TransitionError where that is not so.
        """
        return self._move(job_id, Status.QUEUED, sources=(Status.ACCEPTED,))

    def adopt(self, job_id: str, by: str) -> Job:
        """Another submit, too, tells its client that this queued job is taken.

        TransitionError where it is not queued any more.
        """
        return self._move(job_id, Status.QUEUED, sources=(Status.QUEUED,), confirmed_by=by)

    def withdraw(self, job: Job, *, is_overdue: bool = False, in_doubt_by: str = "") -> None:
        """The job could not be handed over: should its message exist after all, drop it.

        With `is_overdue` only where the time to note the broker's confirm is over. `in_doubt_by`
        names a submit that does not know whether its confirm was noted, and has said that it was
        not: a job that this very submit, and no other, has confirmed is withdrawn, too.
        """
        self._move(
            job.id,
            Status.CANCELLED,
            sources=(Status.ACCEPTED, Status.QUEUED) if in_doubt_by else (Status.ACCEPTED,),
            by=in_doubt_by or None,
            overdue=is_overdue or None,
            settle=SETTLE_SECONDS if is_overdue else None,
            error=WITHDRAWN,
            finished_at=datetime.now(UTC),
        )


def _read_recorded(job: Job, answer: list[Any]) -> Recorded | LaneFullError | CancelledError:
    if answer[0] == "full":
        return LaneFullError(job.lane, int(answer[1]))
    if answer[0] == "refused":
        return CancelledError(f"Job {job.parent_id} was cancelled: it can submit no more jobs.")
    return Recorded(decode_answer(answer), is_new=answer[0] == "recorded")
