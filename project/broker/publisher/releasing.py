"""The message of a job that has waited for its children and goes on."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from redis import RedisError

from project.broker.message import make_message
from project.broker.publisher import Publisher
from project.ledger import Job
from project.observability.binding import about
from project.observability.context import Trace

PUBLISH_SECONDS = 2

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Releasing:
    """Publishes it at once. Where that fails the ledger says that the job is queued, and the
    reconciler publishes it after a while."""

    find: Callable[[str], Job | None]
    """The ledger's."""
    publisher: Publisher

    def __call__(self, job_id: str) -> None:
        """The job is queued again; see to it that a worker hears of it."""
        try:
            job = self.find(job_id)
        except RedisError as error:
            _log.warning("release_failed", job_id=job_id, reason=str(error))
            return
        if job is not None:
            with about(job):
                self._publish(job)

    def _publish(self, job: Job) -> None:
        message = make_message(job, Trace.of_job(job.id, job.trace_id))
        (error,) = self.publisher.publish([message], PUBLISH_SECONDS)
        if error:
            _log.warning("release_failed", job_id=job.id, reason=str(error))
        else:
            _log.info("job_released", job_id=job.id, kind=job.kind, queue=job.queue)
