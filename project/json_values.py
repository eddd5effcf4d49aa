"""JSON that comes in: how it is read, and what of it cannot be stored. Pure.

Records and messages are written by orjson, which takes less than JSON can say. What it does not
take is refused where it comes in, by the name of the field; later it would be an error of ours.
"""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from project.errors import InvalidInputError

DEEPEST = 240
"""As many lists and objects may lie within each other. orjson writes 254 of them: the others are
for what records, schedules and messages put around the parameters of a job."""

_AROUND = 254 - DEEPEST
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1

Path = tuple[str, ...]


class _NoNumber:
    """A number that no float can hold; it is let in so that its field can be named."""

    def __init__(self, text: str) -> None:
        self.text = text


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text, unchecked: see `check_json`. InvalidInputError where it is none."""
    try:
        if isinstance(text, bytes):
            text = text.decode(json.detect_encoding(text), "surrogatepass")
        return _DECODER.decode(text)
    except RecursionError:
        raise InvalidInputError(f"Lists and objects may be nested {DEEPEST} deep.") from None
    except json.JSONDecodeError as error:
        # Not chained: it holds the text, which may be private.
        where = f"{error.msg}, line {error.lineno}, column {error.colno}"
        raise InvalidInputError(f"That is not valid JSON: {where}.") from None
    except ValueError:  # no text, or a number of thousands of digits
        raise InvalidInputError("That is not valid JSON.") from None


def check_json(value: Any, name: str = "body") -> None:
    """InvalidInputError names the first field that cannot be stored; `name` is the value's own.

    For what is fine it costs one call of orjson.
    """
    surrounded = value
    for _ in range(_AROUND):
        surrounded = [surrounded]
    try:
        written = orjson.dumps(surrounded)
    except TypeError:
        raise _explain(value, name) from None
    # orjson writes null where Python's own values have a number that is none.
    if b"null" in written and any(fault for _, fault in _walk(value)):
        raise _explain(value, name)


def _explain(value: Any, name: str) -> InvalidInputError:
    path, fault = next(
        ((path, fault) for path, fault in _walk(value) if fault),
        ((), "must be of what JSON has: texts, numbers, lists, objects"),
    )
    field = ".".join(path) or name
    return InvalidInputError(f"{field}: {fault}.", field=field)


def _walk(value: Any) -> Iterator[tuple[Path, str]]:
    """Each place in the value, in the order of the text, and what is wrong there.

    Without recursion, which could not go as deep as the values that it is to find.
    """
    left: list[tuple[Path, Any]] = [((), value)]
    while left:
        path, value = left.pop()
        if len(path) == DEEPEST and isinstance(value, Mapping | list | tuple):
            yield path[:1], f"lists and objects may be nested {DEEPEST} deep"
            return
        yield path, _find_fault(value)
        if isinstance(value, Mapping):
            inner = [((*path, str(key)), item) for key, item in value.items()]
        elif isinstance(value, list | tuple):
            inner = [((*path, str(number)), item) for number, item in enumerate(value)]
        else:
            continue
        left += reversed(inner)


def _find_fault(value: Any) -> str:
    """What is wrong with one value, but for what it holds; empty where nothing is."""
    if isinstance(value, str) and not _is_whole_text(value):
        return "the text has half of a character (a surrogate without its other half)"
    if isinstance(value, Mapping) and not all(_is_whole_text(str(key)) for key in value):
        return "a name in it has half of a character (a surrogate without its other half)"
    if isinstance(value, int) and not _SMALLEST <= value <= _LARGEST:
        return f"a whole number must be from {_SMALLEST} to {_LARGEST}: send others as text"
    if isinstance(value, _NoNumber) or (isinstance(value, float) and not math.isfinite(value)):
        return "the number must be finite, and small enough for a float"
    return ""


def _is_whole_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read_float(text: str) -> Any:
    value = float(text)
    return value if math.isfinite(value) else _NoNumber(text)


_DECODER = json.JSONDecoder(parse_float=_read_float, parse_constant=_NoNumber)
