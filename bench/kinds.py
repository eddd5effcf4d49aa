"""Two kinds that do nothing, one for each lane: what is measured is the way of a job, not its work.

They are loaded by `JOBS_EXTRA_KINDS=bench.kinds`, as any team's own kinds are.
"""

from pydantic import BaseModel

from project.jobs.definition import Context, job
from project.lane import Lane

NOOP = "bench.noop"
LONG = "bench.long"


class Numbered(BaseModel):
    """A number, so that no job is another one's repetition."""

    n: int = 0


class Sleep(BaseModel):
    """How long to take."""

    seconds: float = 0


@job(NOOP, title="Nothing", lane=Lane.SHORT, time_limit_seconds=60)
def do_nothing(parameters: Numbered, context: Context) -> int:  # noqa: ARG001 - every kind takes it
    """Return the number."""
    return parameters.n


@job(LONG, title="Nothing for long", lane=Lane.LONG, time_limit_seconds=3600)
def sleep(parameters: Sleep, context: Context) -> float:
    """Sleep."""
    context.sleep(parameters.seconds)
    return parameters.seconds


KINDS = [do_nothing, sleep]
