"""When a process of the pool ends, so that another one takes its place."""

import os
from pathlib import Path

import pytest

from project.worker.app import celery_settings
from project.worker.engine.recycling import LONG_SECONDS, Allowance, find_size_bytes
from tests.builders import settings_in

NOBODY = 2**22 + 1
"""No process has this id: the kernel's largest is one less."""
LONG = LONG_SECONDS


def test_process_that_is_larger_than_its_limit_is_used_up() -> None:
    ours = find_size_bytes(os.getpid())

    assert ours > 10_000_000
    assert Allowance(kibibytes=ours // 2048).is_used_up(1, LONG)
    assert not Allowance(kibibytes=ours // 256).is_used_up(1, LONG)


def test_memory_is_looked_at_now_and_then_and_at_once_after_a_long_job() -> None:
    allowance = Allowance(kibibytes=1)

    assert allowance.is_used_up(1, 0.001)
    assert not allowance.is_used_up(2, 0.001)
    assert allowance.is_used_up(3, LONG)


def test_process_that_has_ended_has_no_size() -> None:
    assert find_size_bytes(NOBODY) == 0


def test_process_that_has_done_its_jobs_is_used_up() -> None:
    assert [Allowance(jobs=3).is_used_up(done, 0) for done in (2, 3)] == [False, True]


def test_without_limits_no_process_is_ever_used_up() -> None:
    assert not Allowance().is_used_up(10**6, LONG)


@pytest.mark.parametrize(("size", "kibibytes"), [(512 * 1024**2, 512 * 1024), (0, None)])
def test_setting_reaches_the_pool(tmp_path: Path, size: int, kibibytes: int | None) -> None:
    settings = settings_in(tmp_path, process_memory_bytes=size)

    assert celery_settings(settings)["worker_max_memory_per_child"] == kibibytes
