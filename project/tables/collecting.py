"""Runs polars in another thread, while this one checks whether the job was cancelled.

Polars cannot be interrupted: a cancelled job would run to the end of a step, for seconds. Polars'
`collect(background=True)` ends the process if it panics, as it does on some damaged files; in a
Python thread, a panic is an exception.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Literal

import polars as pl

_ASKED_EVERY_SECONDS = 0.1


def collect(
    frame: pl.LazyFrame,
    check: Callable[[], None],
    engine: Literal["auto", "streaming"] = "streaming",
) -> pl.DataFrame:
    """Return the frame's rows. If `check` raises, do not wait for them."""
    executor = ThreadPoolExecutor(1, "polars")
    try:
        work = executor.submit(frame.collect, engine=engine)
        while wait([work], _ASKED_EVERY_SECONDS).not_done:
            check()
        return work.result()
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
