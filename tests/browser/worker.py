"""What a worker does, in a test's hands: jobs that stand where the test wants them, and files."""

import os
from pathlib import Path
from typing import Any
from uuid import uuid4

from redis import Redis

from project.errors import Suspension
from project.files import FileStore
from project.ledger import Job, Ledger, Progress, Status
from project.ledger.job import JobError
from tests.builders import a_job

NAME = "short@browser-tests"


class Worker:
    """Writes into the ledger and the file store of the running stack as a worker does."""

    def __init__(self) -> None:
        redis = Redis.from_url(os.environ["JOBS_REDIS_URL"], decode_responses=True)
        self._ledger = Ledger(redis, retention_seconds=3600, failed_retention_seconds=3600)
        self.files = FileStore(os.environ["JOBS_FILES_URL"])

    def run(self, **changes: Any) -> Job:
        """A job that has begun to run."""
        job = self._ledger.admissions.record(a_job(**changes)).job
        return self._ledger.attempts.claim(self._ledger.admissions.confirm(job), NAME, uuid4().hex)

    def report(self, job: Job, done: float, total: float, step: str) -> None:
        """How far it is."""
        self._ledger.attempts.report_progress(job, Progress(done, total, step))

    def succeed(self, result: Any, **changes: Any) -> Job:
        """A job that has ended with this result."""
        job = self.run(**changes)
        return self._finish(job, Status.SUCCEEDED, result=result)

    def fail(self, error: JobError, **changes: Any) -> Job:
        """A job that has failed for this reason."""
        return self.end_badly(self.run(**changes), error)

    def end(self, job: Job, result: Any) -> Job:
        """The running job ends with this result."""
        return self._finish(job, Status.SUCCEEDED, result=result)

    def end_badly(self, job: Job, error: JobError) -> Job:
        """The running job fails for this reason."""
        return self._finish(job, Status.FAILED, error=error)

    def wait(self, job: Job, *parts: Job) -> None:
        """The running job waits for these, with as many others behind it."""
        wish = Suspension([part.id for part in parts], "all", len(parts), None, "Adding up")
        self._ledger.tree.wait_for(job, wish)

    def keep(self, content: bytes | Path, suffix: str) -> dict[str, Any]:
        """A file that the job has made: `{"file", "bytes"}`."""
        data = content.read_bytes() if isinstance(content, Path) else content
        return {"file": self.files.write(data, suffix), "bytes": len(data)}

    def _finish(self, job: Job, status: Status, **outcome: Any) -> Job:
        return self._ledger.attempts.finish(
            job.id, status, attempt=job.attempt, celery_result="{}", **outcome
        )
