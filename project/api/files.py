"""Files."""

from pydantic import Field

from project.api.values import AnswerDocument, RequestDocument


class FileForm(RequestDocument):
    """A file."""

    file: bytes = Field(
        description="Of any type", json_schema_extra={"format": "binary", "minLength": 1}
    )


class File(AnswerDocument):
    """A file that was taken."""

    file: str = Field(description="Its id, for the parameters of a job")
    type: str = Field(description="What it is, by its bytes, as in `JPEG` or `CSV`")
    content_type: str
    bytes: int
    url: str
