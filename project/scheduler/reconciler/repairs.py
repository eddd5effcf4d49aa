"""Finds jobs whose record in the ledger no longer matches RabbitMQ, and repairs them.

| found | done |
|---|---|
| accepted, and the time to record RabbitMQ's confirm is over | withdrawn: it never runs |
| running, and its lease expired long ago | its message is published again |
| due long ago; its queue is empty, or later jobs of the queue run | the same |
| waits for children, and all of them have finished or are lost | it continues |
| a result of Celery's without a record, which would never expire | removed |
| finished, and its retention is over | forgotten |

A message that is published again may be a second copy; the claim then drops one of the two.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from project.broker.message import make_message
from project.broker.publisher import Publisher
from project.broker.publisher.releasing import Releasing
from project.errors import TransitionError, UnavailableError
from project.ledger import Job, Ledger, Status
from project.ledger.job import PENDING, AttemptOutcome
from project.ledger.listing import JobFilter
from project.observability.binding import about
from project.observability.context import Trace, derive_trace_id
from project.scheduler.reconciler import OUTAGES

GRACE_SECONDS = 60
"""How long a job waits, or runs without a lease, before its message counts as lost. A second copy
costs little, but a RabbitMQ or a worker that has just started needs time to deliver."""

OVERTAKEN_SECONDS = 300
"""A job has been overtaken if a job of its queue runs that became due this much later."""

LONGEST_PAUSE_SECONDS = 3600
"""The longest wait before a message that was published again counts as lost again."""

PAGE = 500
PUBLISH_SECONDS = 5

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Repairs:
    """Finds such jobs, and repairs them."""

    ledger: Ledger
    publisher: Publisher
    queues: Collection[str]
    release: Releasing = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "release", Releasing(self.publisher))

    def withdraw_undecided(self) -> int:
        """Withdraw accepted jobs whose submit has ended without a confirm; they are cancelled."""
        withdrawn = 0
        for job in self._all(Status.ACCEPTED):
            try:
                self.ledger.admissions.withdraw(job, is_overdue=True)
            except TransitionError:
                continue  # its submit is in progress, or has just ended
            withdrawn += 1
            with about(job):
                _log.warning(
                    "job_withdrawn", job_id=job.id, kind=job.kind, reason="never confirmed"
                )
        return withdrawn

    def republish_lost(self) -> int:
        """Publish lost messages again. UnavailableError: RabbitMQ is unavailable."""
        depths = self.publisher.depths(list(self.queues), PUBLISH_SECONDS)
        now = self.ledger.read_time()
        running = list(self._all(Status.RUNNING))
        lost = [
            *self._find_abandoned(running, now, depths),
            *self._find_stuck(running, now, depths),
        ]
        for job, reason in lost:
            with about(job):
                try:
                    self._republish(job, reason)
                except OUTAGES:
                    raise
                except Exception as error:  # noqa: BLE001 - the other jobs must not wait for this one
                    _log.error("job_not_republished", job_id=job.id, kind=job.kind, exc_info=error)
        return len(lost)

    def resume_waiting(self) -> int:
        """Continue jobs that wait for children that have finished, or that Redis has lost."""
        resumed = 0
        for job in self._all(Status.WAITING):
            if released := self.ledger.tree.recheck(job.id):
                resumed += 1
                with about(job):
                    _log.warning(
                        "job_republished",
                        job_id=job.id,
                        kind=job.kind,
                        queue=job.queue,
                        reason="what it waited for has finished",
                    )
                self.release(released)
        return resumed

    def remove_orphans(self, cursor: int) -> tuple[int, int]:
        """Remove results without a record, some of them in each call.

        Returns the cursor for the next call, 0 at the end, and how many were removed.
        """
        next_cursor, ids = self.ledger.remove_orphans(cursor)
        for job_id in ids:
            _log.warning(
                "result_removed",
                job_id=job_id,
                trace_id=derive_trace_id(job_id),  # its original trace is unknown
                reason="it has no record",
            )
        return next_cursor, len(ids)

    def trim(self) -> int:
        """Forget finished jobs whose retention is over."""
        forgotten = 0
        while count := self.ledger.trim(PAGE):
            forgotten += count
        if forgotten:
            _log.info("jobs_forgotten", jobs=forgotten)
        return forgotten

    def _find_abandoned(
        self, running: list[Job], now: datetime, depths: Mapping[str, tuple[int, int]]
    ) -> Iterator[tuple[Job, str]]:
        """Running jobs that no worker runs, and whose message no worker has received since."""
        ends = self.ledger.find_lease_ends([job.id for job in running])
        for job, end in zip(running, ends, strict=True):
            since = end or job.started_at or job.submitted_at
            if _has_consumers(job, depths) and _is_due(job, since, now):
                yield job, "its worker has gone"

    def _find_stuck(
        self, running: list[Job], now: datetime, depths: Mapping[str, tuple[int, int]]
    ) -> Iterator[tuple[Job, str]]:
        """Queued and retrying jobs whose message is not in the queue (any more)."""
        for queue in self.queues:
            ready, _ = depths[queue]
            newest = max((job.waiting_since for job in running if job.queue == queue), default=None)
            for job in self.ledger.list_waiting(queue, now - timedelta(seconds=GRACE_SECONDS)):
                if job.status not in PENDING - {Status.ACCEPTED}:
                    continue
                since = job.waiting_since
                if not _has_consumers(job, depths) or not _is_due(job, since, now):
                    continue
                if ready == 0:
                    yield job, "its queue is empty"
                elif newest and newest > since + timedelta(seconds=OVERTAKEN_SECONDS):
                    yield job, "later jobs run"

    def _republish(self, job: Job, reason: str) -> None:
        retries = sum(one.outcome is AttemptOutcome.RETRIED for one in job.earlier_attempts)
        headers = {"repair": job.repairs + 1, "retries": retries}
        message = make_message(job, Trace.of_job(job.id, job.trace_id), headers=headers)
        (error,) = self.publisher.publish([message], PUBLISH_SECONDS)
        if error:
            raise UnavailableError(error.dependency) from error
        try:
            self.ledger.note_repair(job)
        except TransitionError:
            return  # its status has changed meanwhile: the claim drops the copy
        _log.warning(
            "job_republished", job_id=job.id, kind=job.kind, queue=job.queue, reason=reason
        )

    def _all(self, status: Status) -> Iterator[Job]:
        chosen, cursor = JobFilter(status=frozenset({status.value})), ""
        while True:
            page = self.ledger.list_jobs(chosen, cursor, PAGE)
            yield from page.jobs
            if not page.next_cursor:
                return
            cursor = page.next_cursor


def _has_consumers(job: Job, depths: Mapping[str, tuple[int, int]]) -> bool:
    """Whether a worker takes messages of its queue; without one, a long wait means nothing."""
    return depths.get(job.queue, (0, 0))[1] > 0


def _is_due(job: Job, since: datetime, now: datetime) -> bool:
    """Whether it has waited long enough since `since` and since its last publishing."""
    pause = timedelta(seconds=min(GRACE_SECONDS * 2**job.repairs, LONGEST_PAUSE_SECONDS))
    return now - max(since, job.repaired_at or since) > pause
