"""What a result may hold so that people can look at it. Pure.

The page shows these members of a result, whatever its kind; all are optional, and a result may have
others for programs.

| member | what it is | shown as |
|---|---|---|
| `summary` | a sentence | the outcome in the list of jobs |
| `facts` | object of name to text, number or truth value | a list |
| `pictures` | list of `Picture` | a gallery |
| `report` | a `FileLink`, HTML or PDF | in a frame of the page |
| `tables` | list of `Table` | tables |
| `files` | list of `FileLink` | downloads |

Wherever a member `file` is the id of a file, the API puts its `url` beside it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

Fact = str | int | float | bool | None
SHOWN_ROWS = 100
"""A table in a result has so many rows at the most; more belong into a file."""


class Picture(TypedDict):
    """A picture that a job has made; sizes in pixels."""

    file: str
    title: str
    width: int
    height: int


class FileLink(TypedDict):
    """A file that a job has made; `name` is what a person would call it, with its ending."""

    file: str
    name: str
    bytes: int


class Table(TypedDict):
    """A small table; each row has as many cells as there are columns."""

    title: str
    columns: list[str]
    rows: list[list[Fact]]


def show(
    summary: str,
    *,
    facts: Mapping[str, Fact] | None = None,
    pictures: Sequence[Picture] = (),
    report: FileLink | None = None,
    tables: Sequence[Table] = (),
    files: Sequence[FileLink] = (),
    **more: Any,
) -> dict[str, Any]:
    """A result of these parts, without those that are empty; `more` is for programs."""
    parts = {
        "summary": summary,
        "facts": dict(facts or {}),
        "pictures": list(pictures),
        "report": report,
        "tables": [{**table, "rows": table["rows"][:SHOWN_ROWS]} for table in tables],
        "files": list(files),
    }
    return {name: part for name, part in parts.items() if part} | more
