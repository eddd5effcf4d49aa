"""Waits for a condition, with a deadline."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.02


class SlowError(Exception):
    """Something did not happen in time."""


def await_that(
    is_true: Callable[[], bool], what: str, patience_seconds: float = PATIENCE_SECONDS
) -> None:
    """Poll until the condition is true; SlowError says what did not happen."""
    deadline = time.monotonic() + patience_seconds
    while not is_true():
        if time.monotonic() > deadline:
            raise SlowError(f"Waited {patience_seconds:.0f} s for: {what}.")
        time.sleep(PAUSE_SECONDS)
