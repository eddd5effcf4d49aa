"""The tutorial's documents, with its field names."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from project.api.values import AnswerDocument
from project.jobs.create_task import LARGEST_TYPE
from project.ledger import Job, Status

TaskStatus = Literal["PENDING", "SUCCESS", "FAILURE", "REVOKED"]

# The tutorial's Celery does not report STARTED: an unfinished job is PENDING.
TASK_STATUSES: Mapping[Status, TaskStatus] = {
    Status.SUCCEEDED: "SUCCESS",
    Status.FAILED: "FAILURE",
    Status.DEAD: "FAILURE",
    Status.CANCELLED: "REVOKED",
}


class TaskSubmission(BaseModel):
    """A job that sleeps. Further fields are ignored, as the tutorial does."""

    model_config = ConfigDict(frozen=True)

    type: int = Field(ge=0, le=LARGEST_TYPE, description="Tens of seconds to sleep")


class TaskCreated(AnswerDocument):
    """The job's id, in the tutorial's words."""

    task_id: str


class Task(AnswerDocument):
    """A job in the tutorial's words."""

    task_id: str
    task_status: TaskStatus
    task_result: Any


def serialize_task(job: Job) -> dict[str, Any]:
    """A job in the tutorial's words."""
    status = TASK_STATUSES.get(job.status, "PENDING")
    result = job.result if status == "SUCCESS" else job.error and job.error.message
    return Task(
        task_id=job.id,
        task_status=status,
        task_result=result if job.status.is_finished else None,
    ).model_dump()
