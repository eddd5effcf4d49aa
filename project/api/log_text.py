"""A job's own log as plain text, for terminals and browsers. Pure.

    2026-05-04T12:00:00.123456Z info    thumbnail_made width=640 height=480

Only a line of the log begins at the left edge: what follows a line break in it is indented, and
control characters, which a terminal would obey, are spelt out.
"""

import re
from collections.abc import Iterator
from typing import Any

import orjson

from project.ledger.log_line import LogLine

_INDENT = "    "
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_PLAIN = re.compile(r"[\w./:@+-]+")


def write_lines(lines: list[LogLine], previous_attempt: int = 0) -> str:
    """The lines as text, with a heading where an attempt after the first one begins."""
    parts = []
    for line in lines:
        if line.attempt != previous_attempt and line.attempt > 1:
            parts.append(f"--- attempt {line.attempt} ---\n")
        previous_attempt = line.attempt
        parts.append(write_line(line))
    return "".join(parts)


def write_line(line: LogLine) -> str:
    """One line, and what belongs to it below."""
    return "".join(f"{_spell_out(part)}\n" for part in _write_parts(line))


def _write_parts(line: LogLine) -> Iterator[str]:
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
