"""The work of the jobs that are measured; every system runs these same functions.

Each takes one value: a number, how many milliseconds, a text, how many characters.
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
    """Use so much CPU time: a job that has to wait for its core takes longer, as real ones do."""
    end = time.thread_time() + milliseconds / 1000
    while time.thread_time() < end:
        pass
    return milliseconds


def take(text: str) -> int:
    """A large parameter and a small result."""
    return len(text)


def give(characters: int) -> str:
    """A small parameter and a large result."""
    return make_text(characters)


WORK: dict[str, Callable[[Any], Any]] = {"noop": noop, "busy": busy, "take": take, "give": give}


def make_text(characters: int) -> str:
    """A text that is hard to compress, the same one each time; one character is one byte."""
    text = _texts.get(characters)
    if text is None:
        content = random.Random(characters).randbytes(characters)  # noqa: S311 - no secret
        text = _texts[characters] = base64.b64encode(content)[:characters].decode()
    return text


_texts: dict[int, str] = {}
"""A job should not be measured making them."""
