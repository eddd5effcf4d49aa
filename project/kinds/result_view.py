"""The members of a result that the page shows to people. Pure.

The page shows these members of the result of any kind. All are optional; a result may have others
for programs.

| member | what it is | shown as |
|---|---|---|
| `summary` | a sentence | the outcome in the list of jobs |
| `facts` | object that maps names to text, numbers or booleans | a list |
| `pictures` | list of `Picture` | a gallery |
| `report` | a `FileLink`, HTML or PDF | in a frame of the page |
| `tables` | list of `Table` | tables |
| `files` | list of `FileLink` | downloads |

Wherever a member `file` is a file's id, the API adds the file's `url` beside it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

Fact = str | int | float | bool | None
SHOWN_ROWS = 100
"""The most rows of a table in a result; longer tables belong in a file."""


class Picture(TypedDict):
    """A picture made by a job; sizes in pixels."""

    file: str
    title: str
    width: int
    height: int


class FileLink(TypedDict):
    """A file made by a job; `name` is its file name for people, with its suffix."""

    file: str
    name: str
    bytes: int


class Table(TypedDict):
    """A small table; each row has one cell per column."""

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
    """Build a result from these members, leaving out empty ones; `more` is for programs."""
    parts = {
        "summary": summary,
        "facts": dict(facts or {}),
        "pictures": list(pictures),
        "report": report,
        "tables": [{**table, "rows": table["rows"][:SHOWN_ROWS]} for table in tables],
        "files": list(files),
    }
    return {name: part for name, part in parts.items() if part} | more
