"""Submitting a job: record it, publish it, await the confirm.

What the caller is told is what happens: a job that is returned is confirmed by the broker; where
UnavailableError is raised, the job will not run, even if its message got through after all.
"""

import itertools
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from uuid import UUID, uuid4, uuid5

import structlog
from redis import RedisError

from project.errors import KeyReusedError, NotFoundError, TransitionError, UnavailableError
from project.jobs import get_kind
from project.ledger import Job, Ledger, Status
from project.observability.context import Trace
from project.publisher import Publisher

_KEYS = UUID("5c0f7d3e-3f0b-4f57-9d0c-2a1c1f0c8f11")
"""Namespace of the job ids that are made from idempotency keys."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Submitter:
    """Hands jobs to the workers."""

    ledger: Ledger
    publisher: Publisher
    timeout_seconds: float

    def submit(
        self,
        kind_name: str,
        values: Any,
        *,
        trace: Trace,
        owner: str = "",
        job_id: str = "",
        idempotency_key: str = "",
    ) -> Job:
        """Submit one job; `values` are its parameters as the client sent them.

        The same idempotency key and job again is the same job, not another one. When this raises
        UnknownKindError, InvalidInputError, KeyReusedError or UnavailableError, nothing will run.
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
        job = self._record(job, idempotency_key)
        if job.status is not Status.ACCEPTED:
            return job
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

    def _record(self, job: Job, idempotency_key: str) -> Job:
        """Write the job, or find the one that the same key made before."""
        try:
            if idempotency_key:
                return self._record_once(job, idempotency_key)
            self.ledger.record(job)
        except RedisError as error:
            _log.error("submit_failed", job_id=job.id, part="Redis", exc_info=error)
            raise UnavailableError("Redis") from error
        return job

    def _record_once(self, job: Job, key: str) -> Job:
        """The key decides the job's id, so the ledger itself sees a repetition.

        One that was accepted but never confirmed is published again under its id: of two copies the
        claim drops one. After a 503 the key counts on, because a withdrawn job never runs.
        """
        for number in itertools.count():
            keyed = replace(job, id=str(uuid5(_KEYS, f"{job.owner} {number} {key}")))
            found = self.ledger.record_once(keyed)
            if found is None:
                return keyed
            if (found.kind, found.parameters) != (job.kind, job.parameters):
                raise KeyReusedError(
                    "This Idempotency-Key was used for another job: send a new one."
                )
            if not found.is_withdrawn:
                return found
        raise AssertionError("unreachable: the count has no end")

    def _hand_over(self, job: Job, trace: Trace) -> Job:
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
