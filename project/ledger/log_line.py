"""A line of a job's own log, as Redis keeps it, and back. Pure.

Its place is `<attempt>-<number>`. So the lines of all attempts have one order, a line that is sent
twice is stored once, and missing lines leave a gap in the numbers.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from project.errors import InvalidInputError
from project.ledger.job import JobError

MESSAGE_LIMIT = 2048
"""Longest message that is kept, characters."""
TRACEBACK_LIMIT = 8192
"""Longest traceback that is kept, characters: its end, where the error is."""
FIELDS_LIMIT = 4096
"""Most bytes that the fields of a line may take as JSON."""
_NAME_LIMIT = 200

PLACE = "[0-9]{1,9}-[0-9]{1,18}"
"""A regular expression for a place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line that a job's code has logged."""

    attempt: int
    number: int
    """Counts from 1 in each attempt."""
    time: str
    """UTC with microseconds and a `Z`."""
    level: str
    message: str
    logger: str = ""
    """The logger's name, if known."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    error: JobError | None = None
    missing: int = 0
    """How many lines before it were lost: they were too many, or Redis was unavailable."""

    @property
    def place(self) -> str:
        """Its place in the log."""
        return f"{self.attempt}-{self.number}"


def check_place(place: str) -> str:
    """The place; InvalidInputError if it is not a place."""
    if not re.fullmatch(PLACE, place):
        raise InvalidInputError("after: must be the id of a line of the log.", field="after")
    return place


def encode_line(line: LogLine) -> str:
    """The line as JSON text, cut to the limits; never raises, whatever values it has."""
    document: dict[str, Any] = {
        "time": line.time,
        "level": line.level,
        "message": _cut(line.message, MESSAGE_LIMIT),
    }
    if line.logger:
        document["logger"] = _cut(line.logger, _NAME_LIMIT)
    if line.fields:
        document["fields"] = _encode_fields(line.fields)
    if line.error:
        document["error"] = {
            "type": _cut(line.error.type, _NAME_LIMIT),
            "message": _cut(line.error.message, MESSAGE_LIMIT),
            "traceback": _clean(line.error.traceback[-TRACEBACK_LIMIT:]),
        }
    return orjson.dumps(document).decode()


def decode_line(place: str, text: str) -> LogLine:
    """The line of that place and JSON text."""
    attempt, _, number = place.partition("-")
    document = orjson.loads(text)
    error = document.pop("error", None)
    return LogLine(
        attempt=int(attempt),
        number=int(number),
        error=JobError(**error) if error else None,
        **document,
    )


def count_missing(lines: list[LogLine], after: str, trimmed: int) -> list[LogLine]:
    """The lines, each with how many are missing before it.

    `after` is the place after which they were read, `trimmed` how many lines the log has lost to
    its limit: they are missing for a reader who starts at the beginning.
    """
    previous = _split(after) if after else (0, 0)
    counted: list[LogLine] = []
    for line in lines:
        gap = line.number - 1 - (previous[1] if line.attempt == previous[0] else 0)
        missing = gap if counted or after else max(gap, trimmed)
        counted.append(replace(line, missing=missing) if missing > 0 else line)
        previous = (line.attempt, line.number)
    return counted


def _split(place: str) -> tuple[int, int]:
    attempt, _, number = place.partition("-")
    return int(attempt), int(number)


def _encode_fields(fields: Mapping[str, Any]) -> orjson.Fragment:
    whole = _dump(fields)
    if whole is None or len(whole) > FIELDS_LIMIT:
        whole = orjson.dumps(dict(_cut_fields(fields)))
    return orjson.Fragment(whole)


def _cut_fields(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields that fit, in order; the last is cut to fit, and later fields are left out."""
    room = FIELDS_LIMIT
    for name, value in fields.items():
        kept = _cut(name, _NAME_LIMIT)
        encoded = _dump(value) or orjson.dumps(_clean(describe_value(value)))
        room -= len(kept) + len(encoded)
        if room < 0:
            text = value.encode(errors="replace") if isinstance(value, str) else encoded
            yield kept, text[: max(0, len(encoded) + room)].decode(errors="ignore") + "…"
            return
        yield kept, orjson.Fragment(encoded)


def _dump(value: Any) -> bytes | None:
    try:
        return orjson.dumps(value, default=describe_value, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:  # half a surrogate pair, an integer beyond 64 bits, a list within itself
        return None


def describe_value(value: Any, as_text: Callable[[Any], str] = repr) -> str:
    """A value that JSON cannot represent, as text."""
    try:
        return as_text(value)
    except Exception:  # noqa: BLE001 - the job's own class; its bug must not lose the line
        return f"<{type(value).__name__}>"


def _cut(text: str, limit: int) -> str:
    return _clean(text if len(text) <= limit else f"{text[:limit]}…")


def _clean(text: str) -> str:
    """The text without half surrogate pairs, which UTF-8 cannot encode."""
    return text if text.isascii() else text.encode(errors="replace").decode()
