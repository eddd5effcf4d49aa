"""Has polars work in a thread of its own while this one asks whether the job is to go on.

Polars itself cannot be interrupted: a cancelled job would go on to the end of a step of seconds.
Its own way to work in the background, `collect(background=True)`, ends the process where it panics,
as it does over some damaged files; in a thread of Python's, a panic is an exception.
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
    """The frame's rows. Where `check` raises, they are not waited for."""
    executor = ThreadPoolExecutor(1, "polars")
    try:
        work = executor.submit(frame.collect, engine=engine)
        while wait([work], _ASKED_EVERY_SECONDS).not_done:
            check()
        return work.result()
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
