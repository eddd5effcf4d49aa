"""Limits the cores that training may use, because other jobs run at the same time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import sklearn
from threadpoolctl import threadpool_limits


def count_cores() -> int:
    """Return half of the available cores: the long queue has two worker processes by default."""
    return max(1, len(os.sched_getaffinity(0)) // 2)


@contextmanager
def limited_threads() -> Iterator[None]:
    """Within it, BLAS and OpenMP use at most `count_cores` cores, and nothing starts processes."""
    with threadpool_limits(limits=count_cores()), sklearn.config_context(assume_finite=False):
        yield
