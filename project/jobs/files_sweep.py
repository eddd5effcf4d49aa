"""`files.sweep`: removes files that no job holds. A schedule runs it every night."""

from typing import Any

import structlog

from project.kinds.definition import Context, job
from project.kinds.parameters import Parameters


class SweepParameters(Parameters):
    """This kind has no parameters."""


@job(
    "files.sweep",
    title="Sweep files",
    queue="long",
    time_limit_seconds=1800,
    is_internal=True,
)
def sweep_files(parameters: SweepParameters, context: Context) -> dict[str, Any]:
    """Removes the files that no job holds; the result is `{"removed": <count>}`."""
    removed = context.files.sweep()
    structlog.get_logger().info("files_swept", removed=removed)
    return {"removed": removed}
