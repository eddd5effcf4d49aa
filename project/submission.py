"""Submitting a job: record it, publish it, await the confirm.

What the caller is told is what happens: a job that is returned is confirmed by the broker; where
UnavailableError is raised, the job will not run, even if its message got through after all.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from uuid import uuid4

import structlog
from redis import RedisError

from project.errors import NotFoundError, TransitionError, UnavailableError
from project.jobs import get_kind
from project.ledger import Job, Ledger, Status
from project.observability.context import Trace
from project.publisher import Publisher

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Submitter:
    """Hands jobs to the workers."""

    ledger: Ledger
    publisher: Publisher
    timeout_seconds: float

    def submit(
        self, kind_name: str, values: Any, *, trace: Trace, owner: str = "", job_id: str = ""
    ) -> Job:
        """Submit one job; `values` are its parameters as the client sent them.

        Raises UnknownKindError, InvalidInputError or UnavailableError; then nothing will run.
        """
        kind = get_kind(kind_name)
        parameters = kind.parse(values)
        job = Job(
            id=job_id or str(uuid4()),
            kind=kind.name,
            lane=kind.lane_for(parameters).value,
            status=Status.ACCEPTED,
            parameters=parameters.model_dump(mode="json"),
            submitted_at=datetime.now(UTC),
            owner=owner,
            trace_id=trace.trace_id,
        )
        started = monotonic()
        queued = self._hand_over(job, trace)
        _log.info(
            "job_submitted",
            job_id=job.id,
            kind=job.kind,
            lane=job.lane,
            duration_ns=round((monotonic() - started) * 1e9),
        )
        return queued

    def withdraw(self, job: Job) -> None:
        """See to it that the job does not run, as far as Redis can be reached."""
        try:
            self.ledger.withdraw(job)
        except (RedisError, TransitionError) as error:
            _log.warning("withdrawal_failed", job_id=job.id, reason=str(error))

    def _hand_over(self, job: Job, trace: Trace) -> Job:
        try:
            self.ledger.record(job)
        except RedisError as error:
            _log.error("submit_failed", job_id=job.id, part="Redis", exc_info=error)
            raise UnavailableError("Redis") from error
        try:
            self.publisher.publish(job, trace, self.timeout_seconds)
        except UnavailableError as error:
            _log.error("submit_failed", job_id=job.id, part=error.part, exc_info=error)
            self.withdraw(job)
            raise
        try:
            return self.ledger.confirm(job)
        except (RedisError, NotFoundError) as error:
            # The broker has the job and it will run; its record follows at the claim.
            _log.warning("confirm_not_recorded", job_id=job.id, exc_info=error)
            return job
