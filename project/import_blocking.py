"""Leaves out what our libraries import only in case that somebody uses it.

Where OpenTelemetry is installed, redis-py imports its metrics with itself: 1.7 MiB and 0.04 seconds
in each process. Nobody uses them; spans do not come from there.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def block_imports(*packages: str) -> Iterator[None]:
    """Inside this, what is imported does without these packages, as if they were not installed.

    What has been imported before has what it has.
    """
    omitted = [package for package in packages if package not in sys.modules]
    # An import that finds None here is an ImportError (Python's documentation, `sys.modules`).
    sys.modules.update(dict.fromkeys(omitted))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for package in omitted:
            del sys.modules[package]
