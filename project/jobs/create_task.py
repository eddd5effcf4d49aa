"""`create_task`: the tutorial's job. It sleeps `type` × 10 seconds and returns true."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from project.kinds.definition import Context, job

SECONDS_PER_TYPE = 10
LARGEST_TYPE = 360
"""An hour of sleep; larger values are refused."""


def _refuse_truth(value: Any) -> Any:
    """pydantic would accept true as 1."""
    if isinstance(value, bool):
        raise PydanticCustomError("whole_number", "must be a whole number")
    return value


class CreateTaskParameters(BaseModel):
    """How long to sleep."""

    # Digits as text are accepted too: the tutorial's page sends its buttons' data attributes.
    type: Annotated[
        int,
        Field(ge=0, le=LARGEST_TYPE, description="Tens of seconds to sleep: 3 is half a minute"),
        BeforeValidator(_refuse_truth),
    ]


def choose_queue(parameters: CreateTaskParameters) -> Literal["short", "long"]:
    """Short (and shorter) jobs go to the short queue, Medium and Long to the long one."""
    return "short" if parameters.type <= 1 else "long"


@job(
    "create_task",
    title="Sleep",
    queue=choose_queue,
    time_limit_seconds=SECONDS_PER_TYPE * LARGEST_TYPE + 600,
)
def create_task(parameters: CreateTaskParameters, context: Context) -> bool:
    """Sleeps and reports its progress, to try out the service."""
    total = parameters.type * SECONDS_PER_TYPE
    for elapsed in range(total):
        context.report_progress(elapsed, total, "Sleeping")
        context.sleep(1)
    return True
