"""The child jobs that a running job submits, and how it waits for them.

When the children have finished, the code of the waiting job runs again from its start. So the same
call means the same child in every attempt: its key identifies it, or else its position among the
calls.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import count
from typing import Any

import structlog

from project.errors import CancelledError, JobsError, Suspension
from project.jobs import get_kind
from project.kinds.context import Child
from project.ledger import Job, Ledger, Status
from project.ledger.attempts import LeaseState
from project.ledger.job_tree import Wait
from project.observability.context import Trace
from project.observability.job_log import releasing
from project.submission import Submitter
from project.submission.preparation import make_child
from project.worker.lease import ActiveLease

Call = tuple[str, Mapping[str, Any], str]
"""Kind, parameters and key of a child job."""

_log = structlog.get_logger()


class Children:
    """The child jobs of one running job, for its context."""

    def __init__(self, submitter: Submitter, held: ActiveLease, trace: Trace) -> None:
        self._submitter = submitter
        self._held = held
        self._trace = trace
        self._numbers = count()

    def submit(self, kind: str, parameters: Mapping[str, Any], key: str = "") -> str:
        """See `Context.submit`."""
        return self.submit_many([(kind, parameters, key)])[0]

    def submit_many(self, calls: Sequence[Call]) -> list[str]:
        """See `Context.submit_many`."""
        self._held.check()
        named = [(kind, dict(values), key or self._next_key()) for kind, values, key in calls]
        found = [self._find_earlier(*call) for call in named]
        new = [call for call, earlier in zip(named, found, strict=True) if earlier is None]
        wanted = [make_child(self._held.job, *call) for call in new]
        with releasing():
            answers = iter(self._submitter.submit_many(wanted, self._trace))
        return [earlier.id if earlier else self._accept(next(answers)) for earlier in found]

    def look(self, job_ids: Sequence[str]) -> list[Child]:
        """See `Context.look`."""
        self._held.check()
        found = [job and self._ledger.tree.find_latest(job) for job in self._ledger.read(job_ids)]
        return [_describe_child(job_id, job) for job_id, job in zip(job_ids, found, strict=True)]

    def gather(
        self,
        job_ids: Sequence[str],
        wake_on: str = "all",
        *,
        finished: int = 0,
        total: int | None = None,
        step: str = "Waiting for child jobs",
    ) -> list[Child]:
        """See `Context.gather`."""
        if wake_on not in {"all", "any"}:
            raise ValueError(f'wake_on must be "all" or "any", not {wake_on!r}.')
        children = self.look(job_ids)
        if is_over([child.is_finished for child in children], wake_on):
            return children
        ids = tuple(child.id for child in children)
        raise Suspension(ids, wake_on, finished, total, step)

    def wait(self, wish: Suspension) -> bool:
        """End the attempt; returns False instead if there is nothing left to wait for."""
        job = self._held.job
        answer = self._ledger.tree.wait_for(job, wish)
        if answer is Wait.CANCELLED:
            self._held.ask_to_stop(LeaseState.CANCEL)
            self._held.check()
        if answer is Wait.WAITING:
            with releasing():
                _log.info("job_suspended", status=Status.WAITING.value, children=len(wish.job_ids))
        return answer is Wait.WAITING

    @property
    def _ledger(self) -> Ledger:
        return self._submitter.ledger

    def _next_key(self) -> str:
        return f"number {next(self._numbers)}"

    def _accept(self, answer: Job | JobsError) -> str:
        """The id of the job or, if it was rerun, of its latest rerun."""
        if isinstance(answer, CancelledError):
            self._held.ask_to_stop(LeaseState.CANCEL)
        if isinstance(answer, JobsError):
            raise answer
        return self._ledger.tree.find_latest(answer).id

    # ── The children of the job that this one reruns ───────────────────────────────────────────

    def _find_earlier(self, kind: str, parameters: Mapping[str, Any], key: str) -> Job | None:
        """The same child of the job that this one reruns, if that child has succeeded."""
        earlier = self._earlier.get(key)
        if earlier is None or earlier.status is not Status.SUCCEEDED or earlier.kind != kind:
            return None
        if dict(earlier.parameters) != _normalize(kind, parameters):
            return None
        self._ledger.tree.adopt_child(self._held.job, earlier.id)
        return earlier

    @cached_property
    def _earlier(self) -> dict[str, Job]:
        """By key, the children of the job that this one reruns. Empty if that job succeeded: then
        all children run anew."""
        original = self._ledger.find(self._held.job.rerun_of) if self._held.job.rerun_of else None
        if original is None or original.status is Status.SUCCEEDED:
            return {}
        children = self._ledger.read(self._ledger.tree.list_children(original.id))
        found = [self._ledger.tree.find_latest(job) for job in children if job is not None]
        return {job.key: job for job in found if job.key}


def _normalize(kind: str, parameters: Mapping[str, Any]) -> Any:
    """The parameters as the record of such a job contains them."""
    return get_kind(kind).parse(parameters).model_dump(mode="json")


def is_over(finished: Sequence[bool], wake_on: str) -> bool:
    """Whether there is nothing left to wait for."""
    return all(finished) or (wake_on == "any" and any(finished))


def _describe_child(job_id: str, job: Job | None) -> Child:
    if job is None:
        return Child(
            id=job_id, kind="", key="", status="dead", error="The job's record no longer exists."
        )
    return Child(
        id=job.id,
        kind=job.kind,
        key=job.key,
        status=job.status.value,
        result=job.result,
        error=job.error.message if job.error else "",
    )
