"""Files."""

from typing import Any

from pydantic import Field

from project.api.values import AnswerDocument, RequestDocument
from project.files import StoredFile, is_file_id

_FILES = "/api/v1/files/"


class FileForm(RequestDocument):
    """A file."""

    file: bytes = Field(
        description="A file of any type", json_schema_extra={"format": "binary", "minLength": 1}
    )


class File(AnswerDocument):
    """A stored file."""

    file: str = Field(description="The file's id, for use in a job's parameters")
    type: str = Field(description="The type detected from its bytes, such as `JPEG` or `CSV`")
    content_type: str
    bytes: int
    url: str


def serialize_file(stored: StoredFile) -> dict[str, Any]:
    """A stored file."""
    return File(
        file=stored.id,
        type=stored.type.name,
        content_type=stored.type.content_type,
        bytes=stored.size_bytes,
        url=f"{_FILES}{stored.id}",
    ).model_dump()


def add_links(result: Any) -> Any:
    """The result, with a `url` beside every `file` that the store keeps."""
    if isinstance(result, list):
        return [add_links(item) for item in result]
    if not isinstance(result, dict):
        return result
    linked = {key: add_links(value) for key, value in result.items()}
    file_id = result.get("file")
    if isinstance(file_id, str) and is_file_id(file_id):
        linked["url"] = f"{_FILES}{file_id}"
    return linked
