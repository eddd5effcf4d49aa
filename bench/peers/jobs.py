"""Ours: the web server's own components, called from one thread."""

import json
import os
import time
from typing import Any
from uuid import uuid4

from bench.kinds import NOOP
from project.assembly import Assembly
from project.config import Settings
from project.ledger import Job, Status
from project.live.events import Inbox, Signal, job_channel
from project.observability.context import Trace
from project.observability.pipeline import configure_logging
from project.submission.preparation import Submission


def connect() -> "JobsClient":
    """Return a client that writes log lines like the web server."""
    settings = Settings(role="bench")
    configure_logging(settings)
    return JobsClient(Assembly(settings), os.environ.get("BENCH_KIND", NOOP))


class JobsClient:
    """Submits in the same way as HTTP requests; awaits a job by the ledger's events."""

    def __init__(self, parts: Assembly, kind: str) -> None:
        self._parts = parts
        self._kind = kind

    def submit(self, number: int) -> str:
        """Submit a job and return its id."""
        return self._parts.submitter.submit(self._noop(number), Trace.start()).id

    def submit_work(self, name: str, value: Any) -> str:
        """Submit a job with work and return its id."""
        submission = Submission(kind=f"bench.{name}", parameters={"value": value})
        return self._parts.submitter.submit(submission, Trace.start()).id

    def submit_many(self, numbers: list[int]) -> None:
        """Submit like `POST /api/v1/jobs/bulk`."""
        self.submit_all([self._noop(number) for number in numbers])

    def submit_all(self, submissions: list[Submission]) -> None:
        """Submit any jobs; raise the error of the first refused one."""
        for answer in self._parts.submitter.submit_many(submissions, Trace.start()):
            if not isinstance(answer, Job):
                raise answer

    def trip(self, number: int, timeout_seconds: float) -> int:
        """Listen, submit, and await the job's end, like a job's event stream."""
        job_id = str(uuid4())
        with self._parts.listener.listen([job_channel(job_id)]) as inbox:
            self._parts.submitter.submit(self._noop(number, job_id), Trace.start())
            return _await_result(inbox, time.monotonic() + timeout_seconds)

    def _noop(self, number: int, job_id: str = "") -> Submission:
        return Submission(kind=self._kind, parameters={"n": number}, job_id=job_id)


def _await_result(inbox: Inbox, ends_at: float) -> int:
    while True:
        message = inbox.get(max(0, ends_at - time.monotonic()))
        if isinstance(message, tuple):
            event: dict[str, Any] = json.loads(message[1])
            if Status(event["status"]).is_finished:
                return int(event["result"])
        elif message is not Signal.RESYNC:
            raise TimeoutError("The job did not finish in time.")
