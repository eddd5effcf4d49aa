"""Problem documents (RFC 9457)."""

from pydantic import Field

from project.api.values import AnswerDocument


class Problem(AnswerDocument):
    """An error as a problem document (RFC 9457)."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Bad Request"])
    status: int = Field(examples=[400])
    detail: str = Field(description="What is wrong and what to do, in a sentence or two")
    field: str = Field("", description="The invalid field, if the problem concerns one")
    queue: str = Field("", description="The full queue, if the problem is a full queue")
    depth: int = Field(0, description="How many jobs wait in that queue")
    limit: int = Field(0, description="How many jobs may wait in that queue")
    request_id: str | None = Field(description="The id under which to find the log lines")
