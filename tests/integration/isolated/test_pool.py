"""The pool of a worker's processes: who waits for whom, what gets through, what one may ask."""

import os
import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from celery import Celery

from project.ledger import Status
from tests.integration.client import Client
from tests.integration.isolated.system import IsolatedSystem
from tests.waiting import wait_until

END_SECONDS = 60
MANY = 300
MEBIBYTE = 1024 * 1024
SHORT = f"short@{socket.gethostname()}"


@pytest.fixture(scope="module")
def system(isolated: IsolatedSystem) -> IsolatedSystem:
    isolated.start_web()
    isolated.start_worker("worker-short")
    return isolated


@pytest.fixture
def browser(system: IsolatedSystem) -> Client:
    return system.open_page()


@pytest.fixture
def celery(system: IsolatedSystem) -> Iterator[Celery]:
    """Celery as somebody else uses it, to ask the worker."""
    app = Celery(broker=system.direct.broker_url, set_as_current=False)
    yield app
    app.close()


@contextmanager
def held(browser: Client, folder: Path) -> Iterator[str]:
    """While this lasts the job runs."""
    hold = folder / uuid4().hex
    hold.touch()
    try:
        yield talk(browser, hold=str(hold))
    finally:
        hold.unlink()


def talk(browser: Client, word: str = "hello", **more: str) -> str:
    return str(browser.submit("isolated.talk", {"word": word, **more})["id"])


def children_of(celery: Celery) -> list[int]:
    answers = celery.control.inspect([SHORT], timeout=5).stats()
    return list(answers[SHORT]["pool"]["processes"])


def process_of(system: IsolatedSystem, job_id: str) -> int:
    """Which process runs the job."""
    _, pid, _ = str(system.redis.hget(f"job:{job_id}", "holder")).split(":")
    return int(pid)


def test_no_job_waits_behind_another_while_a_process_is_idle(
    system: IsolatedSystem, browser: Client, tmp_path: Path
) -> None:
    with held(browser, tmp_path) as long_job:
        with system.paused("worker-short"):
            quick = [talk(browser) for _ in range(12)]

        for job_id in quick:
            assert browser.await_end(job_id, END_SECONDS)["status"] == "succeeded"
        assert browser.job(long_job)["status"] == "running"

    assert browser.await_end(long_job, END_SECONDS)["status"] == "succeeded"


def test_jobs_of_a_killed_process_run_elsewhere_those_that_waited_without_a_loss(
    system: IsolatedSystem, browser: Client, celery: Celery, tmp_path: Path
) -> None:
    with held(browser, tmp_path) as first, held(browser, tmp_path) as second:
        for job_id in (first, second):
            browser.await_status(job_id, "running")
        waiting = [talk(browser) for _ in range(6)]
        for pid in children_of(celery):
            os.kill(pid, signal.SIGKILL)
        for job_id in (first, second):
            wait_until(
                lambda job_id=job_id: system.ledger.get(job_id).attempt == 2,
                END_SECONDS,
                "the job to run again",
            )

    for job_id in (first, second, *waiting):
        assert browser.await_end(job_id, END_SECONDS)["status"] == "succeeded"
    assert [system.ledger.get(job_id).losses for job_id in waiting] == [0] * len(waiting)
    assert [system.ledger.get(job_id).losses for job_id in (first, second)] == [1, 1]


@pytest.mark.parametrize(
    ("is_deaf", "error"), [(False, "SoftTimeLimitExceeded"), (True, "TimeLimitExceeded")]
)
def test_job_that_takes_too_long_fails_and_holds_up_no_other(
    system: IsolatedSystem, browser: Client, is_deaf: bool, error: str
) -> None:
    late = [browser.submit("isolated.linger", {"is_deaf": is_deaf})["id"] for _ in range(2)]
    others = [talk(browser) for _ in range(6)]

    for job_id in late:
        finished = browser.await_end(job_id, END_SECONDS)
        assert (finished["status"], finished["error"]["type"], finished["attempt"]) == (
            "failed",
            error,
            1,
        )
    for job_id in others:
        assert browser.await_end(job_id, END_SECONDS)["status"] == "succeeded"
        assert system.ledger.get(job_id).losses == 0
    wait_until(lambda: not system.waiting("short"), END_SECONDS, "all messages to be acknowledged")


def test_job_that_ends_its_process_is_dead_after_its_losses(
    system: IsolatedSystem, browser: Client
) -> None:
    job_id = browser.submit("isolated.leave", {})["id"]
    other = talk(browser)

    finished = browser.await_end(job_id, END_SECONDS)

    assert (finished["status"], finished["error"]["type"], finished["attempt"]) == (
        "dead",
        "WorkerLost",
        2,
    )
    assert browser.await_end(other, END_SECONDS)["status"] == "succeeded"
    assert system.ledger.get(other).losses == 0


@pytest.mark.parametrize("size", [40_000, 60_000, 400_000])
def test_parameters_of_any_size_reach_the_job(browser: Client, size: int) -> None:
    job_id = talk(browser, word="x" * size)

    assert browser.await_end(job_id, END_SECONDS)["status"] == "succeeded"


def test_many_jobs_leave_no_message_behind(system: IsolatedSystem, browser: Client) -> None:
    jobs = [{"kind": "isolated.step", "parameters": {}} for _ in range(MANY)]

    answers = browser.post("/api/v1/jobs/bulk", json={"jobs": jobs}).json()["jobs"]

    ids = [answer["id"] for answer in answers]
    wait_until(
        lambda: all(system.ledger.get(job_id).status is Status.SUCCEEDED for job_id in ids),
        END_SECONDS,
        "all jobs to succeed",
    )
    wait_until(lambda: not system.waiting("short"), END_SECONDS, "all messages to be acknowledged")
    assert {system.ledger.get(job_id).attempt for job_id in ids} == {1}


@pytest.fixture
def narrow(system: IsolatedSystem, browser: Client) -> Iterator[Client]:
    """Processes of the worker may have 200 MiB after a job."""
    with system.restarted(JOBS_PROCESS_MEMORY_BYTES=str(200 * MEBIBYTE)):
        yield system.open_page()


@pytest.mark.parametrize("seconds", [0, 1.2])
def test_process_that_a_job_has_left_too_large_is_replaced_and_no_job_suffers(
    system: IsolatedSystem, narrow: Client, celery: Celery, seconds: float
) -> None:
    """Whether the job took long, and it is seen at once, or not."""
    before = children_of(celery)
    large = {"mebibytes": 300, "seconds": seconds, "is_kept": True}

    swollen = narrow.submit("isolated.swell", large)["id"]
    others = [talk(narrow) for _ in range(20)]

    pid = narrow.await_status(swollen, "succeeded", seconds=END_SECONDS)["result"]
    for job_id in others:
        assert narrow.await_end(job_id, END_SECONDS)["status"] == "succeeded"
        assert (system.ledger.get(job_id).attempt, system.ledger.get(job_id).losses) == (1, 0)
    wait_until(lambda: pid not in children_of(celery), END_SECONDS, "the process to be replaced")
    assert pid in before
    wait_until(lambda: len(children_of(celery)) == len(before), END_SECONDS, "all processes")
    line = system.log.await_event("worker_process_outgrown", str(pid))
    assert line["process"]["pid"] == pid
    assert int(line["labels"]["bytes"]) > 300 * MEBIBYTE


def test_process_that_was_large_only_while_a_job_ran_stays(
    system: IsolatedSystem, narrow: Client, celery: Celery
) -> None:
    before = children_of(celery)
    large = {"mebibytes": 300, "seconds": 1.2}

    for _ in range(2):
        job_id = narrow.submit("isolated.swell", large)["id"]
        assert narrow.await_status(job_id, "succeeded", seconds=END_SECONDS)["result"] in before

    assert children_of(celery) == before


def test_process_that_is_replaced_is_missed_by_none_of_the_jobs_that_come_all_the_time(
    system: IsolatedSystem, narrow: Client
) -> None:
    large = {"mebibytes": 250, "seconds": 1, "is_kept": True}
    kinds = [("isolated.swell", large)] * 4 + [("isolated.step", {"seconds": 0.01})] * 200
    jobs = [{"kind": kind, "parameters": values} for kind, values in kinds]

    answers = narrow.post("/api/v1/jobs/bulk", json={"jobs": jobs}).json()["jobs"]

    ids = [answer["id"] for answer in answers]
    wait_until(
        lambda: all(system.ledger.get(job_id).status is Status.SUCCEEDED for job_id in ids),
        END_SECONDS,
        "all jobs to succeed",
    )
    assert {system.ledger.get(job_id).attempt for job_id in ids} == {1}
    pids = [system.ledger.get(job_id).result for job_id in ids[:4]]
    assert len(set(pids)) == 4  # none did a second one


def test_pool_grows_and_shrinks_when_asked(
    system: IsolatedSystem, browser: Client, celery: Celery
) -> None:
    before = children_of(celery)

    celery.control.pool_grow(1, [SHORT], reply=True, timeout=5)
    grown = children_of(celery)
    celery.control.pool_shrink(1, [SHORT], reply=True, timeout=5)

    assert set(before) < set(grown)
    assert len(grown) == len(before) + 1
    wait_until(lambda: len(children_of(celery)) == len(before), END_SECONDS, "one to have gone")
    assert browser.await_end(talk(browser), END_SECONDS)["status"] == "succeeded"


def test_pool_shrinks_again_while_a_process_that_leaves_takes_its_time(celery: Celery) -> None:
    """It counts no more: another one has to go, too."""
    before = len(children_of(celery))
    celery.control.pool_grow(2, [SHORT], reply=True, timeout=5)
    children = children_of(celery)

    for pid in children:
        os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(2):
            celery.control.pool_shrink(1, [SHORT], reply=True, timeout=5)
    finally:
        for pid in children:
            os.kill(pid, signal.SIGCONT)

    assert len(children) == before + 2
    wait_until(lambda: len(children_of(celery)) == before, END_SECONDS, "two to have gone")


def test_job_that_was_revoked_while_it_waited_does_not_start(
    system: IsolatedSystem, browser: Client, celery: Celery, tmp_path: Path
) -> None:
    with held(browser, tmp_path) as first, held(browser, tmp_path) as second:
        for job_id in (first, second):
            browser.await_status(job_id, "running")
        waiting = talk(browser)
        celery.control.revoke(waiting, reply=True, timeout=5)

    assert browser.await_end(waiting, END_SECONDS)["status"] == "cancelled"
    assert system.ledger.get(waiting).attempt == 0


def test_process_that_cannot_be_started_costs_no_job(
    system: IsolatedSystem, browser: Client, celery: Celery, tmp_path: Path
) -> None:
    """For want of memory, process ids or, as here, descriptors: it is started when there are."""
    worker = system.main_pid("worker-short")
    limits = resource.prlimit(worker, resource.RLIMIT_NOFILE)
    with held(browser, tmp_path) as job_id:
        browser.await_status(job_id, "running")
        idle = set(children_of(celery)) - {process_of(system, job_id)}
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (3, limits[1]))
        try:
            for pid in idle:
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: system.log.about("process_not_started"), END_SECONDS)
        finally:
            resource.prlimit(worker, resource.RLIMIT_NOFILE, limits)
        browser.await_status(talk(browser), "succeeded", seconds=END_SECONDS)
    browser.await_status(job_id, "succeeded", seconds=END_SECONDS)

    assert system.ledger.get(job_id).attempt == 1
    assert system.main_pid("worker-short") == worker
    assert len(system.log.about("process_not_started")) == 1
