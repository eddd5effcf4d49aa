"""When a process of the pool is replaced."""

import os
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest

from project.worker.app import celery_settings
from project.worker.pool.allowance import LONG_SECONDS, Allowance, find_size_bytes, was_long
from tests.builders import settings_in

NOBODY = 2**22 + 1
"""No process has this id: the kernel's largest is one less."""


@dataclass
class Child:
    """A child of the pool that has ended a job."""

    pid: int = os.getpid()
    done: int = 1
    weighed_at: int = 0


def test_process_that_is_larger_than_its_limit_is_used_up() -> None:
    ours = find_size_bytes(os.getpid())

    assert ours > 10_000_000
    assert Allowance(kibibytes=ours // 2048).is_used_up(Child())
    assert not Allowance(kibibytes=ours // 256).is_used_up(Child())


def test_process_is_weighed_once_after_a_job() -> None:
    child, allowance = Child(), Allowance(kibibytes=1)

    seen = [allowance.is_used_up(child) for _ in range(2)]
    child.done += 1

    assert seen == [True, False]
    assert allowance.is_used_up(child)


def test_process_that_has_done_no_job_is_never_too_large() -> None:
    assert not Allowance(kibibytes=1).is_used_up(Child(done=0))


def test_process_that_has_ended_is_not_used_up() -> None:
    assert find_size_bytes(NOBODY) == 0
    assert not Allowance(kibibytes=1).is_used_up(Child(pid=NOBODY))


def test_process_that_has_done_its_jobs_is_used_up() -> None:
    assert [Allowance(jobs=3).is_used_up(Child(done=done)) for done in (2, 3)] == [False, True]


def test_without_limits_no_process_is_ever_used_up() -> None:
    assert not Allowance().is_used_up(Child(done=10**6))


def test_only_jobs_that_took_long_are_looked_after_at_once() -> None:
    assert not was_long(monotonic())
    assert was_long(monotonic() - LONG_SECONDS)


@pytest.mark.parametrize(("size", "kibibytes"), [(512 * 1024**2, 512 * 1024), (0, None)])
def test_setting_reaches_the_pool(tmp_path: Path, size: int, kibibytes: int | None) -> None:
    settings = settings_in(tmp_path, child_memory_bytes=size)

    assert celery_settings(settings)["worker_max_memory_per_child"] == kibibytes
