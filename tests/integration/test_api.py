"""The API's routes on the running stack: many jobs, lists, later, again, dead letters."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis

from project.ledger import Ledger, Status
from project.ledger.dead_letters import DeadLetter, DeadLetters, DeathReason
from project.ledger.job import JobError
from tests.builders import a_job
from tests.integration.client import Client

JOBS, LETTERS = "/api/v1/jobs", "/api/v1/dead-letters"
QUICK = {"kind": "create_task", "parameters": {"type": 0}}


def pages(browser: Client, query: str) -> Iterator[list[dict[str, Any]]]:
    """Each page of a list of jobs, by its links."""
    address = f"{JOBS}?{query}"
    while address:
        answer = browser.get(address)
        assert answer.status_code == 200, answer.text
        yield answer.json()["jobs"]
        address = answer.links.get("next", {}).get("url", "")


# ── Submit ──


def test_many_jobs_in_one_call_all_run(browser: Client) -> None:
    wrong = {"kind": "create_task", "parameters": {"type": -1}}

    answer = browser.post(f"{JOBS}/bulk", json={"jobs": [QUICK] * 20 + [wrong]})

    assert answer.status_code == 207
    *taken, refused = answer.json()["jobs"]
    assert [item["status"] for item in taken] == [202] * 20
    assert (refused["status"], refused["problem"]["field"]) == (400, "type")
    for item in taken:
        assert browser.await_end(item["id"])["status"] == "succeeded"


def test_job_waits_for_its_time(browser: Client) -> None:
    due = datetime.now(UTC) + timedelta(seconds=3)

    answer = browser.post(JOBS, json={**QUICK, "run_at": due.isoformat()})

    assert answer.status_code == 202
    job = browser.await_end(answer.json()["id"])
    assert job["status"] == "succeeded"
    assert datetime.fromisoformat(job["started_at"]) >= due


def test_job_that_is_due_later_is_scheduled_and_can_be_cancelled(
    browser: Client, ledger: Ledger
) -> None:
    headers = {"Idempotency-Key": uuid4().hex}
    body = {**QUICK, "delay_seconds": 3600}

    answers = [browser.post(JOBS, json=body, headers=headers) for _ in range(2)]

    job_id = answers[0].json()["id"]
    assert [(answer.status_code, answer.json()["id"]) for answer in answers] == [(202, job_id)] * 2
    assert [answer.json()["status"] for answer in answers] == ["scheduled"] * 2
    found = {
        status: {job["id"] for page in pages(browser, f"owner=me&status={status}") for job in page}
        for status in ("scheduled", "queued")
    }
    assert found == {"scheduled": {job_id}, "queued": set()}
    assert browser.get(f"/tasks/{job_id}").json()["task_status"] == "PENDING"
    assert {queue.name: queue.scheduled for queue in ledger.list_queues(["short"])}["short"] >= 1
    assert browser.post(f"{JOBS}/{job_id}/cancel").status_code == 202
    assert browser.await_end(job_id)["status"] == "cancelled"


def test_same_deduplication_key_is_the_same_job(browser: Client) -> None:
    body = {**QUICK, "deduplication_key": uuid4().hex}

    ids = {browser.post(JOBS, json=body).json()["id"] for _ in range(3)}

    assert len(ids) == 1


# ── List, look, run again ──


def test_list_has_each_job_once_however_many_pages(browser: Client) -> None:
    began = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    bulk = browser.post(f"{JOBS}/bulk", json={"jobs": [QUICK] * 25}).json()["jobs"]
    for item in bulk:
        browser.await_end(item["id"])

    found = [
        job
        for page in pages(browser, f"submitted_after={began}&limit=10&kind=create_task")
        for job in page
    ]

    ids = [job["id"] for job in found]
    assert len(ids) == len(set(ids))
    assert {item["id"] for item in bulk} <= set(ids)
    times = [job["submitted_at"] for job in found]
    assert times == sorted(times, reverse=True)


def test_list_is_of_all_jobs_and_own_only_where_asked(browser: Client) -> None:
    other = Client(browser.url).open_page()
    job_id = other.start_task(0)
    other.await_end(job_id)

    assert job_id in {job["id"] for job in browser.get(f"{JOBS}?limit=200").json()["jobs"]}
    assert browser.get(f"{JOBS}?owner=me").json() == {"jobs": [], "next": None}
    assert [job["id"] for job in other.get(f"{JOBS}?owner=me").json()["jobs"]] == [job_id]


@pytest.mark.parametrize("cursor", ["x", "%00", "bm9wZQ", "MSAx" * 100])
def test_cursor_of_ones_own_making_is_no_error_of_ours(cursor: str, browser: Client) -> None:
    for path in (JOBS, LETTERS):
        assert browser.get(f"{path}?cursor={cursor}").status_code in {200, 400}


def test_job_tells_its_attempts(browser: Client) -> None:
    job = browser.await_end(browser.start_task(0))

    (attempt,) = job["attempts"]
    assert attempt["number"] == 1
    assert attempt["outcome"] == "succeeded"
    assert attempt["worker"] == job["worker"]
    assert attempt["wait_seconds"] >= 0
    assert attempt["run_seconds"] >= 0


def test_finished_job_is_rerun_as_a_new_one(browser: Client) -> None:
    job_id = browser.start_task(0)
    browser.await_end(job_id)

    answer = browser.post(f"{JOBS}/{job_id}/rerun")

    assert answer.status_code == 202
    again = answer.json()
    assert answer.headers["Location"] == f"{JOBS}/{again['id']}"
    assert again["rerun_of"] == job_id != again["id"]
    assert browser.await_end(again["id"])["status"] == "succeeded"
    assert browser.job(job_id)["rerun_as"] == again["id"]


@pytest.mark.parametrize("body", [{}, {"parameters": {"older_than_days": 1}}])
def test_job_of_a_kind_that_is_not_offered_is_not_run_again(
    browser: Client, body: dict[str, Any]
) -> None:
    sweep = browser.post("/api/v1/schedules/clean-up/run").json()
    assert browser.await_end(sweep["id"], seconds=60)["is_internal"]

    answer = browser.post(f"{JOBS}/{sweep['id']}/rerun", json=body)

    assert answer.status_code == 404
    assert answer.json()["field"] == "kind"
    assert "files.sweep is internal" in answer.json()["detail"]


def test_job_that_has_not_ended_is_not_run_again(browser: Client) -> None:
    job_id = browser.submit("create_task", {"type": 3})["id"]

    assert browser.post(f"{JOBS}/{job_id}/rerun").status_code == 409
    assert browser.post(f"{JOBS}/{job_id}/cancel").status_code == 202


def test_unknown_job_is_a_404(browser: Client) -> None:
    for verb in ("cancel", "rerun"):
        assert browser.post(f"{JOBS}/{uuid4()}/{verb}").status_code == 404


# ── Queues and dead letters ──


def test_queues_tell_of_each_queue(browser: Client) -> None:
    answer = browser.get("/api/v1/queues").json()

    assert [queue["name"] for queue in answer["queues"]] == ["short", "long"]
    assert all(queue["consumers"] > 0 for queue in answer["queues"])
    assert all(queue["ready"] >= 0 for queue in answer["queues"])
    assert answer["dead_letters"] >= 0


@pytest.fixture
def dead_id(ledger: Ledger, redis: "Redis") -> str:
    """A job that was given up, as the reconciler leaves it."""
    job = a_job(parameters={"type": 0}, kind="create_task", queue="short")
    ledger.admissions.record(job)
    ledger.mark_dead(job.id, JobError("WorkerLostError", "Each attempt ended with its process."))
    DeadLetters(redis).add(
        DeadLetter(
            id=job.id,
            reason=DeathReason.WORKER_LOST,
            detail="Each attempt ended with its process.",
            kind=job.kind,
            queue=job.queue,
            died_at=datetime.now(UTC),
            headers={"task": job.kind, "owner": "o" * 22},
            body=b'[[], {"type": 0}, {}]',
            content_type="application/json",
        )
    )
    return job.id


def test_dead_letter_is_listed_and_shown(browser: Client, dead_id: str) -> None:
    query = "reason=worker_lost&kind=create_task&queue=short&limit=200"
    listed = browser.get(f"{LETTERS}?{query}").json()["dead_letters"]
    shown = browser.get(f"{LETTERS}/{dead_id}").json()

    assert dead_id in {letter["id"] for letter in listed}
    assert shown["job"]["status"] == Status.DEAD
    assert shown["message"]["body"] == [[], {"type": 0}, {}]
    assert "owner" not in shown["message"]["headers"]


def test_dead_letter_is_replayed_once(browser: Client, dead_id: str) -> None:
    first = browser.post(f"{LETTERS}/{dead_id}/rerun", json={"parameters": {"type": 0}})
    second = browser.post(f"{LETTERS}/{dead_id}/rerun")

    assert first.status_code == 202
    assert first.json()["rerun_of"] == dead_id
    assert second.status_code == 404
    assert browser.await_end(first.json()["id"])["status"] == "succeeded"


def test_dead_letters_are_replayed_by_their_ids(browser: Client, dead_id: str) -> None:
    unknown = str(uuid4())

    answer = browser.post(f"{LETTERS}/rerun", json={"ids": [dead_id, unknown]})

    assert answer.status_code == 207
    taken, refused = answer.json()["jobs"]
    assert (taken["status"], refused["status"]) == (202, 404)
    assert browser.await_end(taken["id"])["rerun_of"] == dead_id


def test_discarded_dead_letter_is_gone_and_its_job_is_not(browser: Client, dead_id: str) -> None:
    address = f"{browser.url}{LETTERS}/{dead_id}"

    answers = [browser.session.delete(address, timeout=30).status_code for _ in range(2)]

    assert answers == [204, 404]
    assert browser.get(f"{LETTERS}/{dead_id}").status_code == 404
    assert browser.job(dead_id)["status"] == "dead"
