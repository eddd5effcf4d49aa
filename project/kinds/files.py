"""Types of parameters that are files: each an id that the file store gave, of what is taken.

    class ResizeParameters(BaseModel):
        picture: PictureFile
        attachments: list[AnyFile] = []

Their JSON Schema has `"format": "file"` and the content types in `accept`, from which the page
makes a field to choose a file.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

ID_PATTERN = r"^[0-9a-f]{32}\.[a-z]{3,7}$"

PICTURES = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".avif": "image/avif",
}
TABLES = {
    ".csv": "text/csv",
    ".txt": "text/plain",
    ".parquet": "application/vnd.apache.parquet",
}
"""A CSV file whose first lines do not look like one is text."""
MODELS = {".skops": "application/octet-stream"}


@dataclass(frozen=True, slots=True)
class FileOf:
    """An annotation: the text is the id of a file. `what` says in words what is taken."""

    what: str
    accepted: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Suffixes with their content types; empty: any file. A dict has no hash, which `| None` asks
    an annotation for."""

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
            raise PydanticCustomError("file_id", "must be the id of a file that was sent before")
        if self.accepted and not value.endswith(tuple(self.accepted)):
            raise PydanticCustomError("file_type", "must be {what}", {"what": self.what})
        return value


PictureFile = Annotated[str, FileOf("a picture: JPEG, PNG, GIF, WebP or AVIF", PICTURES)]
TableFile = Annotated[str, FileOf("a table: CSV or Parquet", TABLES)]
ModelFile = Annotated[str, FileOf("a model that ml.train has made", MODELS)]
AnyFile = Annotated[str, FileOf("a file")]


def list_files(values: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Where in plain JSON values ids of files stand, as in `pictures.0`, and the ids."""
    if isinstance(values, str):
        # Most texts are no id, which is seen at one place of them.
        if values[32:33] == "." and re.fullmatch(ID_PATTERN[1:-1], values):
            yield path, values
    elif isinstance(values, Mapping):
        for name, value in values.items():
            yield from list_files(value, f"{path}.{name}" if path else str(name))
    elif isinstance(values, list | tuple):
        for number, value in enumerate(values):
            yield from list_files(value, f"{path}.{number}" if path else str(number))
