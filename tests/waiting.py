"""Waiting for a condition with a deadline: the one place where tests sleep."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

POLL_SECONDS = 0.1


def wait_until(condition: Callable[[], Value], seconds: float, what: str = "") -> Value:
    """The condition's value as soon as it is true; fails when `seconds` have passed without.

    `what` says in the failure what was waited for; the condition's last value is added.
    """
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            awaited = what or getattr(condition, "__name__", "the condition")
            raise AssertionError(f"waited {seconds:g} s for {awaited}; last seen: {value!r}")
        time.sleep(POLL_SECONDS)
