"""Types for parameters that are files: each value is a file's id in the store.

    class ResizeParameters(BaseModel):
        picture: PictureFile
        attachments: list[AnyFile] = []

Their JSON Schema has `"format": "file"` and the content types in `accept`; the page shows a
file chooser for them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

from project.file_types import TYPES

ID_PATTERN = r"^[0-9a-f]{32}\.[a-z]{3,7}$"


def _accepted(use: str) -> dict[str, str]:
    """Suffixes and content types of the files that such parameters accept."""
    return {one.suffix: one.media_type for one in TYPES.values() if one.use == use}


def _name_pictures() -> str:
    *others, last = (one.name for one in TYPES.values() if one.use == "picture")
    return f"a picture: {', '.join(others)} or {last}"


@dataclass(frozen=True, slots=True)
class FileOf:
    """An annotation: the text is a file's id. `what` names the accepted files in error messages."""

    what: str
    accepted: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Accepted suffixes with their content types; empty accepts any file. Left out of the hash,
    which `| None` needs, because a dict has none."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        document = {**handler(schema), "format": "file", "pattern": ID_PATTERN}
        if self.accepted:
            document["accept"] = sorted(set(self.accepted.values()))
        return document

    def _check(self, value: str) -> str:
        if not re.fullmatch(ID_PATTERN[1:-1], value):
            raise PydanticCustomError("file_id", "must be the id of an uploaded file")
        if self.accepted and not value.endswith(tuple(self.accepted)):
            raise PydanticCustomError("file_type", "must be {what}", {"what": self.what})
        return value


PictureFile = Annotated[str, FileOf(_name_pictures(), _accepted("picture"))]
TableFile = Annotated[str, FileOf("a table: CSV or Parquet", _accepted("table"))]
ModelFile = Annotated[str, FileOf("a model made by ml.train", _accepted("model"))]
AnyFile = Annotated[str, FileOf("a file")]


def list_files(values: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each file id within plain JSON values, after its path, such as `pictures.0`."""
    if isinstance(values, str):
        # Checking one character first rules out most texts cheaply.
        if values[32:33] == "." and re.fullmatch(ID_PATTERN[1:-1], values):
            yield path, values
    elif isinstance(values, Mapping):
        for name, value in values.items():
            yield from list_files(value, f"{path}.{name}" if path else str(name))
    elif isinstance(values, list | tuple):
        for number, value in enumerate(values):
            yield from list_files(value, f"{path}.{number}" if path else str(number))
