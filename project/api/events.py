"""Live events: what to follow, and a message of a WebSocket."""

from typing import Any, Literal

from pydantic import Field

from project.api.jobs import JobChoice
from project.api.values import AnswerDocument


class EventQuery(JobChoice):
    """Which events to send. Repeat a filter or separate its values with commas."""

    scope: Literal["own", "all"] = Field(
        "own", description="This browser's jobs and sign-ups, or all jobs"
    )


class SocketMessage(AnswerDocument):
    """One event."""

    event: Literal["job", "signup", "resync"]
    data: dict[str, Any] = Field(description="The job or the sign-up; empty for `resync`")
