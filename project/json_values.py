"""Reads JSON input, and refuses values that cannot be stored. Pure.

orjson writes records and messages, and supports less than JSON allows. Unsupported values are
refused on input, with the name of the field; later they would cause an internal error.
"""

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from project.errors import InvalidInputError

DEEPEST = 240
"""How deep lists and objects may be nested. orjson writes 254 levels; the others are for what
records, schedules and messages put around a job's parameters."""

_AROUND = 254 - DEEPEST
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1
_HOLDERS = (dict, list, tuple)


class _NoNumber:
    """A number that no float can hold; it is accepted at first so that its field can be named."""

    def __init__(self, text: str) -> None:
        self.text = text


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text, unchecked: see `check_json`. InvalidInputError: it is not JSON."""
    try:
        if isinstance(text, bytes):
            text = text.decode(json.detect_encoding(text), "surrogatepass")
        return _DECODER.decode(text)
    except RecursionError:
        raise InvalidInputError(f"Lists and objects may be nested {DEEPEST} deep.") from None
    except json.JSONDecodeError as error:
        # Not chained: the cause contains the text, which may be private.
        where = f"{error.msg}, line {error.lineno}, column {error.colno}"
        raise InvalidInputError(f"That is not valid JSON: {where}.") from None
    except ValueError:  # not UTF-8, or a number of thousands of digits
        raise InvalidInputError("That is not valid JSON.") from None


def check_json(value: Any, name: str = "body") -> None:
    """InvalidInputError names the first field that cannot be stored; `name` names the value itself.

    For a valid value this costs one call of orjson.
    """
    surrounded = value
    for _ in range(_AROUND):
        surrounded = [surrounded]
    try:
        written = orjson.dumps(surrounded)
    except TypeError:
        raise _explain(value, name) from None
    # orjson writes NaN and infinities as null.
    if b"null" in written and not _is_finite(value):
        raise _explain(value, name)


def _is_finite(value: Any) -> bool:
    """Whether all numbers of a value that orjson accepts are finite; as fast as reading a body."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


def _explain(value: Any, name: str) -> InvalidInputError:
    path, fault = _find(value)
    field = ".".join(map(str, path)) or name
    return InvalidInputError(f"{field}: {fault}.", field=field)


def _find(value: Any) -> tuple[Sequence[Any], str]:
    """The path of the first fault, in the order of the text, and the fault.

    It does not recurse, because the values that it must find are too deep for that. It keeps only
    one path: a path for each value of a large body would take gigabytes.
    """
    path: list[Any] = []
    left: list[Iterator[tuple[Any, Any]]] = [iter([("", value)])]
    while left:
        for name, item in left[-1]:
            if fault := _find_fault(item):
                return [*path, name][1:], fault
            if isinstance(item, _HOLDERS):
                path.append(name)
                left.append(iter(item.items() if isinstance(item, dict) else enumerate(item)))
                break
        else:
            left.pop()
            del path[-1:]
        if len(path) > DEEPEST:
            return path[1:2], f"lists and objects may be nested {DEEPEST} deep"
    return (), "must consist of JSON values: strings, numbers, lists, objects"


def _find_fault(value: Any) -> str:
    """What is wrong with one value, without its items; empty if nothing is."""
    if isinstance(value, str) and not _is_whole_text(value):
        return "the text has half of a character (a surrogate without its other half)"
    if isinstance(value, dict) and not all(_is_whole_text(str(key)) for key in value):
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
