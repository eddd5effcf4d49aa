"""Leases, cancels and limits reach a job whatever its code, its process or a server does."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from project.ledger import Status
from project.ledger.attempts import LEASE_SECONDS
from project.worker.process_identity import is_halted
from tests.integration.client import Client
from tests.integration.isolated.system import IsolatedSystem
from tests.integration.isolated.test_outages import EACH_TROUBLE, Trouble
from tests.integration.logbook import action_of
from tests.process_tree import descendants
from tests.waiting import wait_until

GRIP_SECONDS = float(os.environ.get("GRIP", "12"))
LONG_SECONDS = 120
END_SECONDS = 60


@pytest.fixture
def system(isolated: IsolatedSystem) -> Iterator[IsolatedSystem]:
    isolated.start_web()
    isolated.start_worker("worker-short")
    yield isolated
    isolated.broker.mend()
    isolated.redis_proxy.mend()
    isolated.await_ready()


@pytest.fixture
def browser(system: IsolatedSystem) -> Client:
    return system.open_page()


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def lease_left(system: IsolatedSystem, job_id: str) -> float:
    """Seconds for which the job's lease still holds."""
    (ends,) = system.ledger.find_lease_ends([job_id])
    return (ends - system.ledger.read_time()).total_seconds() if ends else 0


def grip(browser: Client, journal: Path, seconds: float, kind: str = "isolated.grip") -> str:
    """A job that is in C code by now, and keeps the GIL."""
    parameters = {"seconds": seconds, "journal": str(journal)}
    job_id = str(browser.submit(kind, parameters)["id"])
    wait_until(journal.exists, END_SECONDS, "the job to begin")
    return job_id


@pytest.mark.timeout(900)
def test_job_that_holds_up_all_threads_of_its_process_keeps_its_lease(
    system: IsolatedSystem, browser: Client, journal: Path
) -> None:
    job_id = grip(browser, journal, GRIP_SECONDS)

    system.redis.zadd("jobs:leases", {job_id: 1})  # as if it had not been renewed for long
    wait_until(
        lambda: lease_left(system, job_id) > LEASE_SECONDS / 2, GRIP_SECONDS, "the lease to be kept"
    )
    assert browser.job(job_id)["status"] == "running"

    job = browser.await_status(job_id, "succeeded", seconds=GRIP_SECONDS + END_SECONDS)
    assert job["attempt"] == 1
    assert journal.read_text() == "1\n"
    wait_until(lambda: not system.waiting("short"), END_SECONDS, "its message to be gone")


def test_cancel_reaches_a_job_that_holds_up_all_threads_of_its_process(
    system: IsolatedSystem, browser: Client, journal: Path
) -> None:
    job_id = grip(browser, journal, LONG_SECONDS)

    assert browser.post(f"/api/v1/jobs/{job_id}/cancel").status_code == 202

    job = browser.await_status(job_id, "cancelled", seconds=END_SECONDS)
    assert job["attempt"] == 1
    system.log.await_event("job_killed", job_id)
    wait_until(lambda: not system.waiting("short"), END_SECONDS, "its message to be gone")
    assert journal.read_text() == "1\n"
    browser.await_status(browser.start_task(0), "succeeded", seconds=END_SECONDS)


def test_hard_limit_reaches_a_job_that_holds_up_all_threads_of_its_process(
    system: IsolatedSystem, browser: Client, journal: Path
) -> None:
    job_id = grip(browser, journal, LONG_SECONDS, "isolated.brief_grip")

    job = browser.await_end(job_id, END_SECONDS)

    assert (job["status"], job["error"]["type"]) == ("failed", "TimeLimitExceeded")
    assert journal.read_text() == "1\n"


def outstay(browser: Client, journal: Path, *, is_deaf: bool) -> str:
    """A job that runs, and will not end by itself."""
    parameters = {"is_deaf": is_deaf, "journal": str(journal)}
    job_id = str(browser.submit("isolated.outstay", parameters)["id"])
    browser.await_status(job_id, "running")
    return job_id


@EACH_TROUBLE
@pytest.mark.parametrize("is_deaf", [False, True])
def test_limits_hold_while_the_broker_is_away(
    system: IsolatedSystem, browser: Client, journal: Path, trouble: Trouble, is_deaf: bool
) -> None:
    job_id = outstay(browser, journal, is_deaf=is_deaf)

    trouble(system.broker)

    job = browser.await_end(job_id, END_SECONDS)
    error = "TimeLimitExceeded" if is_deaf else "SoftTimeLimitExceeded"
    assert (job["status"], job["error"]["type"], job["attempt"]) == ("failed", error, 1)


@EACH_TROUBLE
def test_soft_limit_holds_while_redis_is_away(
    system: IsolatedSystem, browser: Client, journal: Path, trouble: Trouble
) -> None:
    job_id = outstay(browser, journal, is_deaf=False)

    trouble(system.redis_proxy)
    wait_until(journal.exists, END_SECONDS, "the soft limit")
    assert system.ledger.get(job_id).status is Status.RUNNING

    system.redis_proxy.mend()
    system.await_ready()
    job = browser.await_end(job_id, END_SECONDS)
    assert (job["error"]["type"], job["attempt"]) == ("SoftTimeLimitExceeded", 1)


@EACH_TROUBLE
def test_hard_limit_holds_while_redis_is_away(
    system: IsolatedSystem, browser: Client, journal: Path, trouble: Trouble
) -> None:
    """The job goes no further; its outcome is written as soon as that can be."""
    job_id = outstay(browser, journal, is_deaf=True)
    holder = str(system.redis.hget(f"job:{job_id}", "holder"))

    trouble(system.redis_proxy)
    wait_until(lambda: is_halted(holder), END_SECONDS, "the job to stand still")

    system.redis_proxy.mend()
    system.await_ready()
    job = browser.await_end(job_id, END_SECONDS)
    assert (job["error"]["type"], job["attempt"]) == ("TimeLimitExceeded", 1)
    assert system.ledger.get(job_id).losses == 0


def test_job_that_waits_for_redis_before_its_claim_reaches_no_limit(
    system: IsolatedSystem, browser: Client, journal: Path
) -> None:
    """It has not begun. A job that reaches its own limit of five seconds shows that the two seconds
    of the other one are over."""
    outstay(browser, journal, is_deaf=False)
    with system.paused("worker-short"):
        job_id = str(browser.submit("isolated.brief_grip", {"seconds": 0})["id"])
        system.redis_proxy.refuse()
    wait_until(journal.exists, END_SECONDS, "the limit of the other one")
    assert not system.waiting("short")

    system.redis_proxy.mend()
    system.await_ready()

    assert browser.await_status(job_id, "succeeded", seconds=END_SECONDS)["attempt"] == 1


def test_job_whose_main_process_stands_still_has_stopped_before_its_lease_ends(
    system: IsolatedSystem, browser: Client, tmp_path: Path
) -> None:
    """From then on another worker may run it."""
    hold = tmp_path / "hold"
    hold.touch()
    job_id = str(browser.submit("isolated.talk", {"word": "still", "hold": str(hold)})["id"])
    browser.await_status(job_id, "running")
    main = system.main_pid("worker-short")

    os.kill(main, signal.SIGSTOP)
    try:
        wait_until(
            lambda: "job_stopped" in map(action_of, system.log.about(job_id)),
            LEASE_SECONDS,
            "the job to stop",
        )
        assert lease_left(system, job_id) > 0
        assert browser.job(job_id)["attempt"] == 1
    finally:
        os.kill(main, signal.SIGCONT)

    hold.unlink()
    wait_until(lambda: browser.job(job_id)["attempt"] == 2, 2 * LEASE_SECONDS, "another attempt")
    browser.await_status(job_id, "succeeded", seconds=END_SECONDS)


def test_processes_end_with_their_main_process(system: IsolatedSystem, browser: Client) -> None:
    """Nobody would renew the leases of their jobs."""
    main = system.main_pid("worker-short")
    processes = descendants(main)
    assert processes

    os.kill(main, signal.SIGKILL)

    wait_until(
        lambda: not any(map(psutil.pid_exists, processes)),
        END_SECONDS,
        "the processes to end",
    )
    system.kill_process("worker-short")
    system.start_worker("worker-short")
    browser.await_status(browser.start_task(0), "succeeded", seconds=END_SECONDS)
