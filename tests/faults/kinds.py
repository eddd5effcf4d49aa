"""Kinds for the storms: their jobs keep a journal, and some of them misbehave.

A stack of its own loads them with `JOBS_EXTRA_KINDS=tests.faults.kinds`.
"""

import os
import signal
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from project.errors import PermanentError, TemporaryError
from project.kinds.context import require_all
from project.kinds.definition import Context, job
from tests.faults.journal import Journal

STEP_SECONDS = 0.2
LEAVES = ("first", "second", "third")


class RunParameters(BaseModel):
    """Where the run is noted, under what token, and how long it takes."""

    journal: str
    token: int = Field(ge=0)
    seconds: float = Field(0, ge=0, le=60)
    secret: str = ""
    """In no line may it be."""

    @property
    def result(self) -> dict[str, Any]:
        """What the job returns."""
        return {"token": self.token, "secret": self.secret}


class FlakyParameters(RunParameters):
    """How many attempts fail."""

    failures: int = Field(1, ge=0)


@job("faults.step", title="Step", queue="short", time_limit_seconds=60)
def step(parameters: RunParameters, context: Context) -> dict[str, Any]:
    """A short job."""
    with _noted(parameters, context):
        context.sleep(parameters.seconds)
    return parameters.result


@job("faults.quick", title="Quick", queue="short", time_limit_seconds=60, repeatable=True)
def quick(parameters: RunParameters, context: Context) -> dict[str, Any]:
    """A short job that may be repeated: several begin together."""
    with _noted(parameters, context):
        context.sleep(parameters.seconds)
    return parameters.result


@job("faults.walk", title="Walk", queue="long", time_limit_seconds=300)
def walk(parameters: RunParameters, context: Context) -> dict[str, Any]:
    """A long job, which tells how far it is."""
    steps = round(parameters.seconds / STEP_SECONDS)
    with _noted(parameters, context):
        for number in range(steps):
            context.report_progress(number, steps, "Walking")
            context.sleep(STEP_SECONDS)
    return parameters.result


@job(
    "faults.flaky",
    title="Flaky",
    queue="short",
    time_limit_seconds=60,
    retry_delay_seconds=1,
)
def flaky(parameters: FlakyParameters, context: Context) -> dict[str, Any]:
    """A job whose first attempts fail for a reason that passes."""
    with _noted(parameters, context):
        if context.attempt <= parameters.failures:
            raise TemporaryError(f"Not yet: {parameters.secret}")
    return parameters.result


@job("faults.crash", title="Crash", queue="short", time_limit_seconds=60)
def crash(parameters: RunParameters, context: Context) -> dict[str, Any]:
    """A job that fails."""
    with _noted(parameters, context):
        raise RuntimeError(f"As it was meant to: {parameters.secret}")


@job("faults.family", title="Family", queue="short", time_limit_seconds=60)
def family(parameters: RunParameters, context: Context) -> dict[str, Any]:
    """A job that submits others, fails once after that, and waits for them."""
    with _noted(parameters, context):
        leaf = {"secret": parameters.secret}
        ids = context.submit_many([("faults.leaf", leaf, name) for name in LEAVES])
        if context.attempt == 1:
            raise TemporaryError(f"Not yet: {parameters.secret}")
        children = context.gather(ids)
        require_all(children)
        if [child.result for child in children] != [parameters.secret] * len(LEAVES):
            raise PermanentError("A child's result is not what it returned.")
    return parameters.result


class LeafParameters(BaseModel):
    """What a child is given."""

    secret: str


@job("faults.leaf", title="Leaf", queue="short", time_limit_seconds=60, retry_delay_seconds=1)
def leaf(parameters: LeafParameters, context: Context) -> str:
    """A child, which fails once."""
    if context.attempt == 1:
        raise TemporaryError(parameters.secret)
    return parameters.secret


@job("faults.poison", title="Poison", queue="short", time_limit_seconds=60)
def poison(parameters: RunParameters, context: Context) -> dict[str, Any]:
    """A job that kills its worker process each time."""
    with _noted(parameters, context):
        os.kill(os.getpid(), signal.SIGKILL)
        signal.pause()
    return parameters.result


def _noted(parameters: RunParameters, context: Context) -> AbstractContextManager[None]:
    return Journal(Path(parameters.journal)).run(parameters.token, context.attempt)


KINDS = [step, quick, walk, flaky, crash, family, leaf, poison]
