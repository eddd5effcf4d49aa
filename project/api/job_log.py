"""A job's own log: as JSON, and as plain text for terminals and browsers.

    2026-05-04T12:00:00.123456Z info    thumbnail_made width=640 height=480

Only log lines start at the left edge: text after a line break within one is indented. Control
characters, which a terminal would obey, are escaped.
"""

import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field

from project.api.values import AnswerDocument, Moment, QueryDocument, Whole
from project.ledger.log_line import PLACE
from project.ledger.log_line import LogLine as KeptLine

LINES_BY_DEFAULT = 200
LINES_AT_MOST = 1_000

_INDENT = "    "
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_PLAIN = re.compile(r"[\w./:@+-]+")

Place = Annotated[str, Field(max_length=30, pattern=f"^({PLACE})?$")]
"""A line's position in its log, its `id`; empty means before the first line."""


class LogError(AnswerDocument):
    """A logged error."""

    type: str
    message: str
    traceback: str = Field(description="The traceback; only its end if it is long")


class LogLine(AnswerDocument):
    """A line that a job's code logged or printed. Long texts are cut."""

    id: str = Field(description="Position; pass it as `after` to read on", examples=["1-17"])
    attempt: int
    time: Moment
    level: str
    message: str
    logger: str | None = Field(description="The logger's name; null if unknown")
    fields: dict[str, Any]
    error: LogError | None
    missing: int = Field(
        description="How many lines are missing before it, because the log was full or Redis was "
        "unavailable"
    )


class Log(AnswerDocument):
    """A page of a job's own log, oldest line first."""

    lines: list[LogLine]
    next: str | None = Field(description="`after` for the next page; null while the log is empty")


class LogQuery(QueryDocument):
    """Which lines to return, and in which format."""

    after: Place = Field("", description="Only lines after the line with this `id`")
    limit: Whole = Field(LINES_BY_DEFAULT, ge=1, le=LINES_AT_MOST, description="Page size")
    format: Literal["json", "text"] = Field(
        "json", description="`text` returns all lines as plain text and ignores `limit`"
    )


class LogEventQuery(QueryDocument):
    """Where to start."""

    after: Place = Field("", description="Only lines after the line with this `id`")
    newest: Whole | None = Field(
        None,
        ge=0,
        le=LINES_AT_MOST,
        description="Start with this many of the newest lines; leave it out to get all",
    )


def serialize_log_line(line: KeptLine) -> dict[str, Any]:
    """A line of a job's own log. The data is the job owner's, so nothing is left out."""
    return LogLine(
        id=line.place,
        attempt=line.attempt,
        time=line.time,
        level=line.level,
        message=line.message,
        logger=line.logger or None,
        fields=dict(line.fields),
        error=LogError(**asdict(line.error)) if line.error else None,
        missing=line.missing,
    ).model_dump()


def write_lines(lines: list[KeptLine], previous_attempt: int = 0) -> str:
    """The lines as text, with a heading at the start of each later attempt."""
    parts = []
    for line in lines:
        if line.attempt != previous_attempt and line.attempt > 1:
            parts.append(f"--- attempt {line.attempt} ---\n")
        previous_attempt = line.attempt
        parts.append(write_line(line))
    return "".join(parts)


def write_line(line: KeptLine) -> str:
    """One log line as text, with its indented continuation lines."""
    return "".join(f"{_spell_out(part)}\n" for part in _write_parts(line))


def _write_parts(line: KeptLine) -> Iterator[str]:
    if line.missing:
        noun = "line is" if line.missing == 1 else "lines are"
        yield f"… {line.missing} {noun} missing here"
    fields = [f"{name}={_write_value(value)}" for name, value in line.fields.items()]
    if line.error:
        fields.append(f"error={line.error.type}")
    first, *rest = line.message.split("\n")
    yield " ".join([line.time, f"{line.level:<7}", first, *fields])
    if line.error:
        rest += (line.error.traceback or line.error.message).rstrip("\n").split("\n")
    yield from (f"{_INDENT}{part}" for part in rest)


def _write_value(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value
    return orjson.dumps(value).decode()


def _spell_out(text: str) -> str:
    return _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)
