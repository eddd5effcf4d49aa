"""The tutorial's documents, in its words."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from project.api.values import AnswerDocument
from project.jobs.create_task import LARGEST_TYPE

TaskStatus = Literal["PENDING", "SUCCESS", "FAILURE", "REVOKED"]


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
