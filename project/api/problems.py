"""Problem documents (RFC 9457)."""

from pydantic import Field

from project.api.values import AnswerDocument


class Problem(AnswerDocument):
    """What went wrong: a problem document (RFC 9457)."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Bad Request"])
    status: int = Field(examples=[400])
    detail: str = Field(description="What to change, in a sentence")
    field: str = Field("", description="The field that it is about, where it is about one")
    queue: str = Field("", description="The queue that is full, where one is")
    depth: int = Field(0, description="How many jobs wait in it")
    limit: int = Field(0, description="How many may")
    request_id: str | None = Field(description="Finds the request's log lines")
