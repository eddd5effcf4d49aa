"""`files.sweep`: removes files whose jobs have expired. The scheduler runs it every hour."""

from typing import Any

import structlog
from pydantic import BaseModel

from project.jobs.definition import Context, job
from project.lane import Lane


class SweepParameters(BaseModel):
    """Nothing to choose."""


@job(
    "files.sweep",
    title="Sweep files",
    lane=Lane.LONG,
    time_limit_seconds=1800,
    is_internal=True,
)
def sweep_files(parameters: SweepParameters, context: Context) -> dict[str, Any]:
    """Remove files older than an ended job is kept: `{"removed"}`."""
    # A file is older than the end of its job, so it gets an extra day for the job's own run.
    removed = context.files.sweep(context.retention_seconds + 24 * 3600)
    structlog.get_logger().info("files_swept", removed=removed)
    return {"removed": removed}
