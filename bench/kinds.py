"""Kinds with known work: the benchmark measures how a job is handled, not its work.

`bench.noop` and `bench.long` do nothing, one in each queue; `bench.repeatable` does nothing and is
repeatable; the others do the work that `work` has for all systems.

`JOBS_EXTRA_KINDS=bench.kinds` loads them, like any team's own kinds.
"""

from pydantic import BaseModel

from bench.peers import work
from project.kinds.definition import Context, job

NOOP = "bench.noop"
LONG = "bench.long"
REPEATABLE = "bench.repeatable"
BUSY, TAKE, GIVE = "bench.busy", "bench.take", "bench.give"


class Numbered(BaseModel):
    """A number, so that no job is a duplicate."""

    n: int = 0


class Amount(BaseModel):
    """A number of milliseconds or characters."""

    value: int


class Text(BaseModel):
    """A large parameter."""

    value: str


class Sleep(BaseModel):
    """How long to take."""

    seconds: float = 0


@job(NOOP, title="Nothing", queue="short", time_limit_seconds=60)
def do_nothing(parameters: Numbered, context: Context) -> int:  # noqa: ARG001 - every kind takes it
    """Return the number."""
    return parameters.n


@job(LONG, title="Nothing for long", queue="long", time_limit_seconds=3600)
def sleep(parameters: Sleep, context: Context) -> float:
    """Sleep."""
    context.sleep(parameters.seconds)
    return parameters.seconds


@job(BUSY, title="Busy", queue="short", time_limit_seconds=60)
def be_busy(parameters: Amount, context: Context) -> int:  # noqa: ARG001 - every kind takes it
    """Use CPU time."""
    return work.busy(parameters.value)


@job(TAKE, title="Large parameter", queue="short", time_limit_seconds=60)
def take(parameters: Text, context: Context) -> int:  # noqa: ARG001 - every kind takes it
    """Return the length of the text."""
    return work.take(parameters.value)


@job(GIVE, title="Large result", queue="short", time_limit_seconds=60)
def give(parameters: Amount, context: Context) -> str:  # noqa: ARG001 - every kind takes it
    """Return a text."""
    return work.give(parameters.value)


do_nothing_repeatable = job(
    REPEATABLE,
    title="Nothing, repeatable",
    queue="short",
    time_limit_seconds=60,
    repeatable=True,
)(do_nothing.function)

KINDS = [do_nothing, do_nothing_repeatable, sleep, be_busy, take, give]
