"""A job's own log."""

from typing import Annotated, Any, Literal

from pydantic import Field

from project.api.values import AnswerDocument, Moment, QueryDocument, Whole
from project.ledger.log_line import PLACE

LINES_BY_DEFAULT = 200
LINES_AT_MOST = 1_000

Place = Annotated[str, Field(max_length=30, pattern=f"^({PLACE})?$")]
"""Where a line is in its log: its `id`; empty: before the first one."""


class LogError(AnswerDocument):
    """An error that was logged."""

    type: str
    message: str
    traceback: str = Field(description="Its end, where it is long")


class LogLine(AnswerDocument):
    """What a job's code has logged, or printed. Long texts are cut."""

    id: str = Field(description="Its place: `after` of the lines behind it", examples=["1-17"])
    attempt: int
    time: Moment
    level: str
    message: str
    logger: str | None = Field(description="Who logged it; null: not known")
    fields: dict[str, Any]
    error: LogError | None
    missing: int = Field(
        description="So many lines before it are not kept: too many came after them, or Redis "
        "was away"
    )


class Log(AnswerDocument):
    """A page of a job's own log, oldest line first."""

    lines: list[LogLine]
    next: str | None = Field(description="`after` of the next page; null: there is no line yet")


class LogQuery(QueryDocument):
    """Which lines, and how."""

    after: Place = Field("", description="Only lines behind the one with this `id`")
    limit: Whole = Field(LINES_BY_DEFAULT, ge=1, le=LINES_AT_MOST, description="How many at most")
    format: Literal["json", "text"] = Field(
        "json", description="`text`: all lines to the end as plain text, whatever `limit` says"
    )


class LogNewsQuery(QueryDocument):
    """Where to begin."""

    after: Place = Field("", description="Only lines behind the one with this `id`")
    newest: Whole | None = Field(
        None, ge=0, le=LINES_AT_MOST, description="Begin with so many lines that are there"
    )
