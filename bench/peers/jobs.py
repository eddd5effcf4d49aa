"""Ours: the services that the web server has, called from one thread."""

import json
import time
from typing import Any
from uuid import uuid4

from bench.kinds import NOOP
from project.config import Settings
from project.jobs import load_kinds
from project.ledger import Job, Status
from project.ledger.events import Signal, job_channel
from project.observability.context import Trace
from project.observability.pipeline import configure_logging
from project.server.services import Services, build_services
from project.submission.draft import Submission


def connect() -> "JobsClient":
    """A client, which writes log lines as the web server does."""
    settings = Settings(role="bench")
    configure_logging(settings)
    load_kinds(settings.extra_kinds)
    return JobsClient(build_services(settings))


class JobsClient:
    """Submits by the one way in that HTTP has, too; awaits a job by the ledger's events."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def submit(self, number: int) -> str:
        """The job's id."""
        submission = Submission(kind=NOOP, parameters={"n": number})
        return self._services.submitter.submit(submission, Trace.start()).id

    def submit_many(self, numbers: list[int]) -> None:
        """As `POST /api/v1/jobs/bulk` does."""
        wanted = [Submission(kind=NOOP, parameters={"n": number}) for number in numbers]
        for answer in self._services.submitter.submit_many(wanted, Trace.start()):
            if not isinstance(answer, Job):
                raise answer

    def trip(self, number: int, timeout_seconds: float) -> int:
        """Listen, submit, await the job's end, as a job's event stream does."""
        job_id = str(uuid4())
        submission = Submission(kind=NOOP, parameters={"n": number}, job_id=job_id)
        with self._services.listener.listen([job_channel(job_id)]) as inbox:
            self._services.submitter.submit(submission, Trace.start())
            ends_at = time.monotonic() + timeout_seconds
            while True:
                message = inbox.get(max(0, ends_at - time.monotonic()))
                if isinstance(message, tuple):
                    event: dict[str, Any] = json.loads(message[1])
                    if Status(event["status"]).is_final:
                        return int(event["result"])
                elif message is not Signal.RESYNC:
                    raise TimeoutError(f"Job {job_id} has not ended.")
