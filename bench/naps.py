"""A kind that sleeps in the short queue: the measure `mixed` has jobs of 1 ms beside jobs of 2 s.

A module by itself, which an earlier commit is given, too: that one's own kinds have no such job.
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
    """Sleep, as a job that waits for another service; return the moment of its start."""
    began_at = time.time()
    time.sleep(parameters.seconds)
    return began_at


KINDS = [nap]
