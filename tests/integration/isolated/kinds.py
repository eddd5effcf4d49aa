"""The isolated system's own kinds: jobs that fail, submit others, take their time and log.

Its processes load them with `JOBS_EXTRA_KINDS`.
"""

import ctypes
import logging
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Literal

import structlog
from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from pydantic import BaseModel, Field

from project.errors import PermanentError, TemporaryError
from project.kinds.context import require_all
from project.kinds.definition import Context, job

STEP_SECONDS = 0.05


class StepParameters(BaseModel):
    """How many attempts fail, those of a child too, and how long the first one takes."""

    failures: int = Field(0, ge=0, le=2)
    child_failures: int | None = Field(None, ge=0, le=2)
    """None: there is no child."""
    seconds: float = Field(0, ge=0, le=60)
    is_deaf: bool = False
    """Whether the process does not hear that it is to end."""


@job("isolated.step", title="Step", queue="short", time_limit_seconds=60, retry_delay_seconds=2)
def step(parameters: StepParameters, context: Context) -> dict[str, Any]:
    """Its child, and the headers by which another service would know the attempt."""
    if parameters.is_deaf:
        for number in (signal.SIGTERM, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
    if context.attempt == 1:
        context.sleep(parameters.seconds)
    if context.attempt <= parameters.failures:
        raise TemporaryError("Not yet.")
    child = None
    if parameters.child_failures is not None:
        child = context.submit("isolated.step", {"failures": parameters.child_failures})
    return {"child": child, "headers": dict(context.trace_headers)}


class TalkParameters(BaseModel):
    """What is said, how often, and what happens then."""

    word: str
    lines: int = Field(0, ge=0)
    failures: int = Field(0, ge=0)
    """As many attempts fail."""
    hold: str = ""
    """While there is a file of this name the job goes on."""


@job("isolated.talk", title="Talk", queue="short", time_limit_seconds=120, retry_delay_seconds=1)
def talk(parameters: TalkParameters, context: Context) -> int:
    """Log the word in four ways, then so many numbered lines; then wait for the file to go."""
    log = structlog.get_logger()
    log.info("talk_began", word=parameters.word, sizes=[1, 2])
    logging.getLogger("isolated.talk").warning("By logging: %s", parameters.word)
    print("By print:", parameters.word)  # noqa: T201
    print("On stderr:", parameters.word, file=sys.stderr)  # noqa: T201
    for number in range(1, parameters.lines + 1):
        log.info("talk_went_on", number=number)
    while parameters.hold and Path(parameters.hold).exists():
        context.sleep(STEP_SECONDS)
    if context.attempt <= parameters.failures:
        try:
            raise TemporaryError("Not yet.")
        except TemporaryError:
            log.exception("talk_broke_off")
            raise
    print("The end", end="")  # noqa: T201
    return parameters.lines


class LingerParameters(BaseModel):
    """What the job does about the end of its time."""

    is_deaf: bool = False


@job("isolated.linger", title="Linger", queue="short", time_limit_seconds=2)
def linger(parameters: LingerParameters, context: Context) -> None:
    """Go on for ever, or until somebody insists."""
    while True:
        try:
            context.sleep(STEP_SECONDS)
        except SoftTimeLimitExceeded:
            if not parameters.is_deaf:
                raise


class GripParameters(BaseModel):
    """How long the job takes, and where it notes that it has begun."""

    seconds: float = Field(ge=0, le=600)
    journal: str = ""


@job("isolated.grip", title="Grip", queue="short", time_limit_seconds=600)
def grip(parameters: GripParameters, context: Context) -> None:
    """Block all threads of the process."""
    _keep_gil(parameters, context)


@job("isolated.brief_grip", title="Brief grip", queue="short", time_limit_seconds=2)
def brief_grip(parameters: GripParameters, context: Context) -> None:
    """The same, and no longer than two seconds."""
    _keep_gil(parameters, context)


def _keep_gil(parameters: GripParameters, context: Context) -> None:
    """Be in C code that keeps the GIL, whatever signal comes: no other thread runs meanwhile."""
    if parameters.journal:
        with Path(parameters.journal).open("a") as journal:
            journal.write(f"{context.attempt}\n")
    ends_at = monotonic() + parameters.seconds
    while (left := ends_at - monotonic()) > 0:
        with suppress(SoftTimeLimitExceeded):
            ctypes.PyDLL(None).usleep(int(left * 1e6))


class OutstayParameters(BaseModel):
    """What the job does about the end of its time, and where it notes that."""

    is_deaf: bool = False
    journal: str


@job("isolated.outstay", title="Outstay", queue="short", time_limit_seconds=5)
def outstay(parameters: OutstayParameters, context: Context) -> None:
    """Go on for ever, and speak to nobody, or until somebody insists."""
    while True:
        try:
            sleep(STEP_SECONDS)
        except SoftTimeLimitExceeded:
            Path(parameters.journal).touch()
            if not parameters.is_deaf:
                raise


class SwellParameters(BaseModel):
    """How much memory is taken, how long the job holds it, and whether it is kept for ever."""

    mebibytes: int = Field(ge=1, le=1024)
    seconds: float = 0
    is_kept: bool = False


_kept: list[bytes] = []


@job("isolated.swell", title="Swell", queue="short", time_limit_seconds=60)
def swell(parameters: SwellParameters, context: Context) -> int:
    """The process in which it ran."""
    content = b"x" * (parameters.mebibytes * 1024 * 1024)
    context.sleep(parameters.seconds)
    if parameters.is_kept:
        _kept.append(content)
    return os.getpid()


class MarkParameters(BaseModel):
    """Where the job says that it has ended, how long it takes."""

    path: str
    seconds: float = Field(0, ge=0, le=60)


@job("isolated.mark", title="Mark", queue="short", time_limit_seconds=60, max_losses=100)
def mark(parameters: MarkParameters, context: Context) -> None:
    """Write the job's id at the end of a file, as the last thing that it does."""
    context.sleep(parameters.seconds)
    with Path(parameters.path).open("a") as file:
        file.write(f"{context.job_id}\n")


class QuickParameters(BaseModel):
    """What the job does besides writing its id, and how long it takes."""

    path: str
    does: Literal["", "fail", "kill", "log", "progress", "submit"] = ""
    seconds: float = Field(0, ge=0, le=60)


@job("isolated.quick", title="Quick", queue="short", time_limit_seconds=60, repeatable=True)
def quick(parameters: QuickParameters, context: Context) -> str:
    """Write the job's id at the end of a file, and do something that few short jobs do."""
    with Path(parameters.path).open("a") as file:
        file.write(f"{context.job_id}\n")
    match parameters.does:
        case "fail":
            raise PermanentError("It is to fail.")
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "log":
            context.log.info("quick_said")
        case "progress":
            context.report_progress(1, 2, "Half of it")
        case "submit":
            return context.submit("isolated.quick", {"path": parameters.path})
    if parameters.seconds:
        context.sleep(parameters.seconds)
    return context.job_id


class LeaveParameters(BaseModel):
    """Nothing is asked."""


@job("isolated.leave", title="Leave", queue="short", time_limit_seconds=60, max_losses=2)
def leave(parameters: LeaveParameters, context: Context) -> None:
    """End the process, which no job should do."""
    sys.exit(3)


class PartsParameters(BaseModel):
    """How many parts there are, and what becomes of them."""

    parts: int = Field(3, ge=0, le=200)
    failing: list[int] = []
    """Numbers of the parts that fail while `hold` is there."""
    hold: str = ""
    wait_while: str = ""
    """While there is a file of this name the parts go on."""
    wake_on: Literal["all", "any"] = "all"
    journal: str = ""
    """File to which each run of a part adds a line."""
    seconds: float = 0


@job("isolated.parts", title="Parts", queue="short", time_limit_seconds=60)
def parts(parameters: PartsParameters, context: Context) -> dict[str, Any]:
    """Its parts' numbers, once all have succeeded; and how often it was run."""
    runs = context.memory["runs"] = context.memory.get("runs", 0) + 1
    ids = context.submit_many(
        [
            (
                "isolated.part",
                {
                    "number": number,
                    "hold": parameters.hold if number in parameters.failing else "",
                    "wait_while": parameters.wait_while,
                    "journal": parameters.journal,
                    "seconds": parameters.seconds,
                },
                f"part {number}",
            )
            for number in range(parameters.parts)
        ]
    )
    children = context.gather(ids, parameters.wake_on)
    if parameters.wake_on == "all":
        require_all(children)
    return {"numbers": [child.result for child in children], "runs": runs}


class PartParameters(BaseModel):
    """Which part it is."""

    number: int
    hold: str = ""
    wait_while: str = ""
    """While there is a file of this name the job goes on."""
    journal: str = ""
    seconds: float = 0


@job("isolated.part", title="Part", queue="short", time_limit_seconds=600, retention_seconds=120)
def part(parameters: PartParameters, context: Context) -> int:
    """Its number; it fails while there is the file that it was told of."""
    context.sleep(parameters.seconds)
    while parameters.wait_while and Path(parameters.wait_while).exists():
        context.sleep(STEP_SECONDS)
    if parameters.hold and Path(parameters.hold).exists():
        raise PermanentError("It was told to fail.")
    if parameters.journal:
        with Path(parameters.journal).open("a") as journal:
            journal.write(f"{parameters.number}\n")
    return parameters.number


@shared_task(name="isolated.plain")
def plain(number: float) -> float:
    """A task of Celery's own, as a team may have some beside its kinds."""
    return 12 / number


@shared_task(name="isolated.plain_retry", bind=True, max_retries=2)
def plain_retry(self: Any) -> int:
    """Its number of retries, after two of them."""
    if self.request.retries < 2:
        raise self.retry(countdown=1)
    return int(self.request.retries)


KINDS = [step, talk, linger, grip, brief_grip, outstay, swell, mark, quick, leave, parts, part]
