"""Two queues, two pools: who waits for a short job does not wait for long ones."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from project.errors import TransitionError
from project.ledger import Job, Status
from tests.integration.client import Client
from tests.integration.isolated.system import IsolatedSystem

SHORT, MEDIUM, LONG = 1, 2, 3


@pytest.fixture(scope="module")
def system(isolated: IsolatedSystem) -> IsolatedSystem:
    isolated.start_web()
    isolated.start_worker("worker-short")
    isolated.start_worker("worker-long")
    return isolated


@pytest.fixture
def browser(system: IsolatedSystem) -> Iterator[Client]:
    """What it has started and not seen ended does not run after the test."""
    browser = system.open_page()
    yield browser
    left = [job for job in _jobs_of(system, browser) if not job.status.is_finished]
    for job in left:
        with suppress(TransitionError):
            system.ledger.cancel(job.id)
    if any(job.status is Status.RUNNING for job in left):
        # It would sleep for half a minute more.
        system.kill_process("worker-long")
        system.start_worker("worker-long")


def _jobs_of(system: IsolatedSystem, browser: Client) -> list[Job]:
    return system.ledger.list_owned(browser.owner, limit=200)


@pytest.mark.parametrize(
    ("number", "queue"),
    [(0, "short"), (MEDIUM, "long"), (LONG, "long"), (360, "long")],
)
def test_job_is_put_into_its_queue(browser: Client, number: int, queue: str) -> None:
    task_id = browser.start_task(number)

    assert browser.job(task_id)["queue"] == queue


@pytest.mark.parametrize(
    ("number", "worker"), [(0, "short"), (SHORT, "short"), (MEDIUM, "long"), (LONG, "long")]
)
def test_job_is_run_by_its_queues_pool(
    system: IsolatedSystem, browser: Client, number: int, worker: str
) -> None:
    task_id = browser.start_task(number)

    job = browser.await_status(task_id, "running", "succeeded")

    assert job["worker"].startswith(f"{worker}@")
    if number == SHORT:
        system.ledger.cancel(task_id)


def test_twenty_long_jobs_do_not_delay_a_short_one(system: IsolatedSystem, browser: Client) -> None:
    long_ids = [browser.start_task(LONG) for _ in range(20)]
    browser.await_status(long_ids[0], "running")

    short = browser.await_status(browser.start_task(0), "succeeded", seconds=15)

    assert short["worker"].startswith("short@")
    unfinished = [job for job in _jobs_of(system, browser) if job.id in long_ids]
    assert len(unfinished) == 20
    assert not any(job.status.is_finished for job in unfinished)
    waiting = [job for job in unfinished if job.status is Status.QUEUED]
    assert len(waiting) >= 20 - system.settings.job_queues["long"].concurrency
