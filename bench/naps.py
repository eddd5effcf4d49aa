"""A kind that sleeps in the short queue, for the measure `mixed`: jobs of 1 ms and of 2 s.

A separate module, because it is also copied to an earlier commit, whose own kinds lack such a job.
"""

import time

from pydantic import BaseModel

from project.kinds.definition import Context, job

NAP = "bench.nap"


class Nap(BaseModel):
    """How long to sleep."""

    seconds: float


@job(NAP, title="Nap", queue="short", time_limit_seconds=60)
def nap(parameters: Nap, context: Context) -> float:  # noqa: ARG001 - every kind takes it
    """Sleep like a job that waits for another service; return the moment of its start."""
    began_at = time.time()
    time.sleep(parameters.seconds)
    return began_at


KINDS = [nap]
