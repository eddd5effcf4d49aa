"""A job's own log: as JSON, and as plain text for terminals and browsers.

    2026-05-04T12:00:00.123456Z info    thumbnail_made width=640 height=480

Only a line of the log begins at the left edge of the text: what follows a line break in it is
indented, and control characters, which a terminal would obey, are spelt out.
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


class LogEventQuery(QueryDocument):
    """Where to begin."""

    after: Place = Field("", description="Only lines behind the one with this `id`")
    newest: Whole | None = Field(
        None, ge=0, le=LINES_AT_MOST, description="Begin with so many lines that are there"
    )


def serialize_log_line(line: KeptLine) -> dict[str, Any]:
    """A line of a job's own log. It is the data of the job's owner: nothing is left out."""
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
    """The lines as text, with a heading where an attempt after the first one begins."""
    parts = []
    for line in lines:
        if line.attempt != previous_attempt and line.attempt > 1:
            parts.append(f"--- attempt {line.attempt} ---\n")
        previous_attempt = line.attempt
        parts.append(write_line(line))
    return "".join(parts)


def write_line(line: KeptLine) -> str:
    """One line, and what belongs to it below."""
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
