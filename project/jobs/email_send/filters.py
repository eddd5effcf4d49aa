"""The filters and tests for values in a mail's template.

Values are JSON values: text, numbers, true and false, none, lists, objects. A filter pays for a
value's size before it processes the value, so no template can run long or produce much.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

MOST_STEPS = 500_000
"""The most steps for a part of a mail; a step takes a microsecond or two."""
CHARACTERS_OF_A_STEP = 10
MOST_DIGITS = 15
"""The most digits that `round` accepts; a float has no more."""

Pay = Callable[[int], None]
"""Deducts steps from the template's budget; raises if the budget is exhausted."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A missing value; the sentence says which."""

    sentence: str


def weigh(*values: Any) -> int:
    """How many steps it takes to process the values; stops counting beyond the budget.

    A template can build a list that holds another list many times, which holds a third many times:
    small in memory, and endless to process.
    """
    steps, left = 0, list(values)
    while left and steps <= MOST_STEPS:
        value = left.pop()
        steps += 1
        if isinstance(value, str):
            steps += len(value) // CHARACTERS_OF_A_STEP
        elif isinstance(value, list):
            left += value
        elif isinstance(value, dict):
            left += value
            left += value.values()
        elif isinstance(value, int):
            steps += value.bit_length() // CHARACTERS_OF_A_STEP
    return steps


def show(value: Any, pay: Pay) -> str:
    """The value as text."""
    pay(weigh(value))
    return value if isinstance(value, str) else str(value)


def _default(pay: Pay, value: Any, default_value: Any = "", boolean: Any = False) -> Any:
    return default_value if isinstance(value, Missing) or (boolean and not value) else value


def _first(pay: Pay, value: Any) -> Any:
    return next(iter(_listed(value)), Missing("there is no first element, because it is empty"))


def _last(pay: Pay, value: Any) -> Any:
    return next(reversed(_listed(value)), Missing("there is no last element, because it is empty"))


def _items(pay: Pay, value: Any) -> list[list[Any]]:
    if not isinstance(value, dict):
        raise TypeError
    pay(len(value))
    return [[name, each] for name, each in value.items()]


def _join(pay: Pay, value: Any, between: Any = "") -> str:
    separator = show(between, pay)
    texts = [show(item, pay) for item in _listed(value)]
    pay(len(separator) * len(texts) // CHARACTERS_OF_A_STEP)
    return separator.join(texts)


def _length(pay: Pay, value: Any) -> int:
    return len(_listed(value))


def _round(pay: Pay, value: Any, precision: Any = 0, method: Any = "common") -> float:
    is_number = type(value) in {int, float}
    if not is_number or type(precision) is not int or abs(precision) > MOST_DIGITS:
        raise TypeError
    pay(weigh(value))
    if method == "common":
        rounded: float = round(value, precision)
        return rounded
    whole: float = {"ceil": math.ceil, "floor": math.floor}[method](value * 10**precision)
    return float(whole / 10**precision)


def _title(pay: Pay, value: Any) -> str:
    # Letters after an apostrophe stay lower-case, unlike with `str.title`.
    return re.sub(
        r"[^-\s({\[<]+",
        lambda word: word[0][:1].upper() + word[0][1:].lower(),
        show(value, pay),
    )


def _trim(pay: Pay, value: Any, chars: Any = None) -> str:
    text = show(value, pay)
    if chars is not None:
        pay(weigh(text) * len(chars))
    return text.strip(chars)


def _listed(value: Any) -> Any:
    if not isinstance(value, str | list | dict):
        raise TypeError
    return value


FILTERS: Mapping[str, Callable[..., Any]] = {
    "capitalize": lambda pay, value: show(value, pay).capitalize(),
    "default": _default,
    "first": _first,
    "items": _items,
    "join": _join,
    "last": _last,
    "length": _length,
    "lower": lambda pay, value: show(value, pay).lower(),
    "round": _round,
    "title": _title,
    "trim": _trim,
    "upper": lambda pay, value: show(value, pay).upper(),
}
"""By name; each is called with the pay function, the value and the template's arguments."""

TESTS: Mapping[str, Callable[[Any], bool]] = {
    "defined": lambda value: not isinstance(value, Missing),
    "undefined": lambda value: isinstance(value, Missing),
    "none": lambda value: value is None,
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float),
    "boolean": lambda value: isinstance(value, bool),
    "true": lambda value: value is True,
    "false": lambda value: value is False,
}
