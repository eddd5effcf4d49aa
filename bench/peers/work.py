"""The work of the measured jobs; every system runs these same functions.

Each takes one value: a number of milliseconds, a text, or a number of characters.
"""

import base64
import random
import time
from collections.abc import Callable
from typing import Any


def noop(number: int) -> int:
    """Do nothing."""
    return number


def busy(milliseconds: int) -> int:
    """Use that much CPU time: a job that waits for its core takes longer, as in real life."""
    end = time.thread_time() + milliseconds / 1000
    while time.thread_time() < end:
        pass
    return milliseconds


def take(text: str) -> int:
    """Take a large parameter, and return a small result."""
    return len(text)


def give(characters: int) -> str:
    """Take a small parameter, and return a large result."""
    return make_text(characters)


WORK: dict[str, Callable[[Any], Any]] = {"noop": noop, "busy": busy, "take": take, "give": give}


def make_text(characters: int) -> str:
    """Return a text that hardly compresses, the same each time; one character is one byte."""
    text = _texts.get(characters)
    if text is None:
        content = random.Random(characters).randbytes(characters)  # noqa: S311 - no secret
        text = _texts[characters] = base64.b64encode(content)[:characters].decode()
    return text


_texts: dict[int, str] = {}
"""Make the texts now, so that no measured job makes them."""
