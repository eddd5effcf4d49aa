"""Publishes the message of a job that has waited for its children and continues."""

from dataclasses import dataclass

import structlog

from project.broker.message import make_message
from project.broker.publisher import Publisher
from project.ledger import Job
from project.observability.binding import about
from project.observability.context import Trace

PUBLISH_SECONDS = 2

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Releasing:
    """Publishes the message at once. If that fails, the ledger still says that the job is queued,
    and the reconciler publishes it after a while."""

    publisher: Publisher

    def __call__(self, job: Job) -> None:
        """Publish the message of a job that is queued again."""
        message = make_message(job, Trace.of_job(job.id, job.trace_id))
        (error,) = self.publisher.publish([message], PUBLISH_SECONDS)
        with about(job):
            if error:
                _log.warning("release_failed", job_id=job.id, reason=str(error))
            else:
                _log.info("job_released", job_id=job.id, kind=job.kind, queue=job.queue)
