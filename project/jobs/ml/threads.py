"""How many cores a job that learns may take: other jobs run beside it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import sklearn
from threadpoolctl import threadpool_limits


def count_cores() -> int:
    """Half of what this process may use: the long queue has two processes by default."""
    return max(1, len(os.sched_getaffinity(0)) // 2)


@contextmanager
def limited_threads() -> Iterator[None]:
    """Within it, BLAS and OpenMP take no more cores than that, and nothing starts processes."""
    with threadpool_limits(limits=count_cores()), sklearn.config_context(assume_finite=False):
        yield
