"""Jobs that wait for their parts: fan-out, join, cancel, retry of what failed, and dead workers."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from project.assembly import Assembly
from project.ledger.keys import needs_key
from tests.integration.client import Client
from tests.integration.isolated.system import IsolatedSystem
from tests.waiting import wait_until

END_SECONDS = 60


def submit(browser: Client, **parameters: Any) -> str:
    """The id of a job of some parts."""
    return str(browser.submit("isolated.parts", parameters)["id"])


def tree_of(browser: Client, job_id: str) -> dict[str, Any]:
    tree: dict[str, Any] = browser.get(f"/api/v1/jobs/{job_id}/tree").json()
    return tree


def parts_of(browser: Client, job_id: str) -> dict[str, dict[str, Any]]:
    """Its parts by key; of one that was run again the newest."""
    return {job["key"]: job for job in tree_of(browser, job_id)["jobs"][1:]}


def await_waiting(browser: Client, job_id: str) -> None:
    wait_until(lambda: browser.job(job_id)["status"] == "waiting", END_SECONDS)


def await_finished_parts(browser: Client, job_id: str, least: int) -> None:
    wait_until(lambda: browser.job(job_id)["progress"]["done"] >= least, END_SECONDS)


@pytest.fixture
def hold(tmp_path: Path) -> Path:
    """While this file is there, the parts that were told of it fail."""
    path = tmp_path / "hold"
    path.touch()
    return path


def test_job_goes_on_when_all_of_its_parts_have_ended(browser: Client, hold: Path) -> None:
    """They go on until it waits: on a busy machine it would come to that too late."""
    job_id = submit(browser, parts=20, wait_while=str(hold))
    browser.await_status(job_id, "waiting", seconds=END_SECONDS)
    hold.unlink()

    job = browser.await_status(job_id, "succeeded", seconds=END_SECONDS)

    assert job["result"] == {"numbers": list(range(20)), "runs": 2}
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["suspended", "succeeded"]
    tree = tree_of(browser, job_id)
    assert tree["counts"] == {"succeeded": 20}
    assert {part["root_id"] for part in tree["jobs"]} == {job_id}
    assert [part["key"] for part in tree["jobs"][1:]] == [f"part {n}" for n in range(20)]


def test_job_without_parts_goes_on_at_once(system: IsolatedSystem, browser: Client) -> None:
    job = browser.await_status(submit(browser, parts=0), "succeeded", seconds=END_SECONDS)

    assert job["result"] == {"numbers": [], "runs": 1}


def test_waiting_job_takes_no_worker_and_tells_how_many_parts_have_ended(
    system: IsolatedSystem, browser: Client
) -> None:
    """The short queue has two processes: were the two jobs in them, no part would ever run."""
    ids = [submit(browser, parts=6, seconds=0.3) for _ in range(4)]
    stream = browser.listen(f"/api/v1/jobs/{ids[0]}/events", END_SECONDS)

    with stream:
        told = [job["progress"]["done"] for _, job in stream if job["status"] == "waiting"]

    for job_id in ids:
        browser.await_status(job_id, "succeeded", seconds=END_SECONDS)
    assert told == sorted(told)
    assert {1, 2, 3, 4, 5} <= set(told)


def test_job_can_go_on_with_the_first_part_that_has_ended(
    system: IsolatedSystem, browser: Client
) -> None:
    job_id = submit(browser, parts=3, wake_on="any", seconds=0.1)

    job = browser.await_status(job_id, "succeeded", seconds=END_SECONDS)

    assert sum(number is not None for number in job["result"]["numbers"]) >= 1


def test_failed_part_fails_its_job_once_all_have_ended(
    system: IsolatedSystem, browser: Client, hold: Path
) -> None:
    job_id = submit(browser, parts=5, failing=[3], hold=str(hold))

    job = browser.await_status(job_id, "failed", seconds=END_SECONDS)

    assert (
        "1 of 5 child jobs did not succeed (part 3: It was told to fail)" in job["error"]["message"]
    )
    assert tree_of(browser, job_id)["counts"] == {"succeeded": 4, "failed": 1}


def test_job_that_is_rerun_runs_only_the_parts_that_had_failed(
    system: IsolatedSystem, browser: Client, hold: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    job_id = submit(browser, parts=6, failing=[1, 4], hold=str(hold), journal=str(journal))
    browser.await_status(job_id, "failed", seconds=END_SECONDS)
    earlier = parts_of(browser, job_id)
    hold.unlink()

    again = browser.post(f"/api/v1/jobs/{job_id}/rerun").json()["id"]
    job = browser.await_status(again, "succeeded", seconds=END_SECONDS)

    assert job["result"]["numbers"] == list(range(6))
    assert Counter(journal.read_text().split()) == dict.fromkeys("012345", 1)
    later = parts_of(browser, again)
    assert {key for key in later if later[key]["id"] != earlier[key]["id"]} == {"part 1", "part 4"}


def test_job_that_has_succeeded_and_is_rerun_runs_all_of_its_parts(
    system: IsolatedSystem, browser: Client, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    job_id = submit(browser, parts=3, journal=str(journal))
    browser.await_status(job_id, "succeeded", seconds=END_SECONDS)

    again = browser.post(f"/api/v1/jobs/{job_id}/rerun").json()["id"]
    browser.await_status(again, "succeeded", seconds=END_SECONDS)

    assert Counter(journal.read_text().split()) == dict.fromkeys("012", 2)


def test_failed_part_that_is_rerun_alone_counts_for_its_waiting_job(
    system: IsolatedSystem, browser: Client, hold: Path
) -> None:
    with system.paused("worker-short"):
        job_id = submit(browser, parts=30, failing=[0], hold=str(hold), seconds=0.2)
    wait_until(
        lambda: parts_of(browser, job_id).get("part 0", {}).get("status") == "failed", END_SECONDS
    )
    failed = parts_of(browser, job_id)["part 0"]
    assert browser.job(job_id)["status"] == "waiting"
    hold.unlink()

    again = browser.post(f"/api/v1/jobs/{failed['id']}/rerun").json()
    job = browser.await_status(job_id, "succeeded", seconds=END_SECONDS)

    assert again["parent_id"] == job_id
    assert again["key"] == "part 0"
    assert job["result"]["numbers"] == list(range(30))


def test_failed_part_that_was_run_again_after_its_job_had_failed_is_not_run_a_third_time(
    system: IsolatedSystem, browser: Client, hold: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    job_id = submit(browser, parts=3, failing=[2], hold=str(hold), journal=str(journal))
    browser.await_status(job_id, "failed", seconds=END_SECONDS)
    hold.unlink()
    part = parts_of(browser, job_id)["part 2"]
    alone = browser.post(f"/api/v1/jobs/{part['id']}/rerun").json()["id"]
    browser.await_status(alone, "succeeded", seconds=END_SECONDS)

    again = browser.post(f"/api/v1/jobs/{job_id}/rerun").json()["id"]
    browser.await_status(again, "succeeded", seconds=END_SECONDS)

    assert Counter(journal.read_text().split()) == dict.fromkeys("012", 1)


def test_cancel_of_a_waiting_job_cancels_all_of_its_parts(
    system: IsolatedSystem, browser: Client
) -> None:
    job_id = submit(browser, parts=40, seconds=0.5)
    await_waiting(browser, job_id)

    answer = browser.post(f"/api/v1/jobs/{job_id}/cancel")

    assert answer.json()["status"] == "cancelled"
    wait_until(lambda: not _unfinished(tree_of(browser, job_id)), END_SECONDS)
    assert tree_of(browser, job_id)["counts"]["cancelled"] > 20
    assert not system.redis.exists(needs_key(job_id))


def test_part_of_a_cancelled_job_is_not_run_again_alone(
    system: IsolatedSystem, browser: Client
) -> None:
    job_id = submit(browser, parts=10, seconds=0.5)
    await_waiting(browser, job_id)
    browser.post(f"/api/v1/jobs/{job_id}/cancel")
    wait_until(lambda: not _unfinished(tree_of(browser, job_id)), END_SECONDS)

    answer = browser.post(f"/api/v1/jobs/{parts_of(browser, job_id)['part 9']['id']}/rerun")

    assert answer.status_code == 409
    assert answer.json()["detail"] == f"Job {job_id} was cancelled: rerun that job instead."


def test_cancel_of_one_part_leaves_the_others_and_fails_their_job(
    system: IsolatedSystem, browser: Client
) -> None:
    job_id = submit(browser, parts=10, seconds=0.2)
    await_waiting(browser, job_id)

    browser.post(f"/api/v1/jobs/{parts_of(browser, job_id)['part 9']['id']}/cancel")
    job = browser.await_status(job_id, "failed", seconds=END_SECONDS)

    assert "part 9: cancelled" in job["error"]["message"]
    assert tree_of(browser, job_id)["counts"] == {"succeeded": 9, "cancelled": 1}


def test_no_part_is_lost_and_no_join_orphaned_when_workers_are_killed(
    system: IsolatedSystem, browser: Client, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    job_id = submit(browser, parts=60, seconds=0.05, journal=str(journal))
    await_waiting(browser, job_id)

    for finished in (10, 25, 40):
        await_finished_parts(browser, job_id, finished)
        system.kill_process("worker-short")
        system.start_worker("worker-short")
    job = browser.await_status(job_id, "succeeded", seconds=END_SECONDS)

    assert job["result"]["numbers"] == list(range(60))
    assert tree_of(browser, job_id)["counts"] == {"succeeded": 60}
    assert set(journal.read_text().split()) == {str(number) for number in range(60)}


def test_job_that_waits_for_what_redis_has_lost_goes_on(
    system: IsolatedSystem, browser: Client
) -> None:
    """As after a crash of Redis's machine, which loses its last second."""
    job_id = submit(browser, parts=2, seconds=0.5)
    await_waiting(browser, job_id)
    system.redis.sadd(needs_key(job_id), "a-job-without-a-record")
    for part in parts_of(browser, job_id).values():
        browser.await_status(part["id"], "succeeded", seconds=END_SECONDS)
    before = browser.job(job_id)["status"]

    Assembly(system.direct).reconciler.repairs.resume_waiting()
    job = browser.await_status(job_id, "succeeded", seconds=END_SECONDS)

    assert before == "waiting"
    assert job["result"]["numbers"] == [0, 1]


def test_reconciler_leaves_a_job_alone_whose_parts_are_under_way(
    system: IsolatedSystem, browser: Client
) -> None:
    job_id = submit(browser, parts=3, seconds=0.5)
    await_waiting(browser, job_id)

    resumed = Assembly(system.direct).reconciler.repairs.resume_waiting()

    assert resumed == 0
    assert browser.await_status(job_id, "succeeded", seconds=END_SECONDS)["result"]["runs"] == 2


def _unfinished(tree: dict[str, Any]) -> list[str]:
    finished = {"succeeded", "failed", "cancelled", "dead"}
    return [job["id"] for job in tree["jobs"] if job["status"] not in finished]
