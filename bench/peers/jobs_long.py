"""Ours: jobs of the long queue; the first ones take so long that the others wait."""

from bench.kinds import LONG
from bench.peers import jobs
from project.submission.preparation import Submission

BLOCKERS = 2
BLOCKING_SECONDS = 40.0
"""How long the long queue's two processes are kept busy."""


def connect() -> "LongFill":
    """Return a client that fills the queue."""
    return LongFill(jobs.connect())


class LongFill:
    """Fills the long queue in bulk."""

    def __init__(self, client: jobs.JobsClient) -> None:
        self._client = client

    def submit_many(self, numbers: list[int]) -> None:
        """Submit that many jobs that wait, behind two that run."""
        blockers = [_sleep(BLOCKING_SECONDS)] * BLOCKERS
        self._client.submit_all([*blockers, *(_sleep(0) for _ in numbers)])


def _sleep(seconds: float) -> Submission:
    return Submission(kind=LONG, parameters={"seconds": seconds})
