"""Kinds of the annex's own: jobs that fail, hand in others and take their time, as they are told.

Its processes load them with `JOBS_EXTRA_KINDS`.
"""

from typing import Any

from pydantic import BaseModel, Field

from project.errors import TemporaryError
from project.jobs.definition import Context, job
from project.lane import Lane


class StepParameters(BaseModel):
    """How many attempts fail, those of a child too, and how long the first one takes."""

    failures: int = Field(0, ge=0, le=2)
    child_failures: int | None = Field(None, ge=0, le=2)
    """None: there is no child."""
    seconds: float = Field(0, ge=0, le=60)


@job("annex.step", title="Step", lane=Lane.SHORT, time_limit_seconds=60, retry_delay_seconds=2)
def step(parameters: StepParameters, context: Context) -> dict[str, Any]:
    """Its child, and the headers by which another service would know the attempt."""
    if context.attempt == 1:
        context.sleep(parameters.seconds)
    if context.attempt <= parameters.failures:
        raise TemporaryError("Not yet.")
    child = None
    if parameters.child_failures is not None:
        child = context.submit("annex.step", {"failures": parameters.child_failures})
    return {"child": child, "headers": dict(context.trace_headers)}


KINDS = [step]
