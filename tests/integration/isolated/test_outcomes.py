"""How jobs end, whatever happens on their way: retried, withdrawn, redelivered, told twice."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from project.broker.message import make_message
from project.broker.publisher import Publisher
from project.errors import TransitionError
from project.ledger import Job, Status
from project.observability.context import Trace
from tests.builders import a_job
from tests.deploy.photograph import portrait
from tests.integration.client import Client
from tests.integration.isolated.system import IsolatedSystem
from tests.integration.logbook import action_of
from tests.waiting import wait_until

END_SECONDS = 60
MAIL = {"subject": "Hello", "text": "Secret text", "when_in_doubt": "send"}


@pytest.fixture
def publisher(system: IsolatedSystem) -> Publisher:
    return Publisher(system.direct.broker_url, "test")


@pytest.fixture
def address() -> str:
    """An address that no other test uses."""
    return f"ada.{uuid4().hex}@example.org"


def publish(publisher: Publisher, job: Job) -> None:
    """Send a message of the job, whatever the ledger says of it."""
    message = make_message(job, Trace.start())
    assert publisher.publish([message], timeout_seconds=5) == [None]


def send_mail(browser: Client, address: str) -> str:
    """The id of a job that sends a mail."""
    return str(browser.submit("email.send", {"recipient": address, **MAIL})["id"])


def statuses_of(events: Iterator[tuple[str, Any]]) -> list[str]:
    """The statuses that a job's stream tells until its end, without repetitions."""
    told: list[str] = []
    for _, job in events:
        if told[-1:] != [job["status"]]:
            told.append(job["status"])
    return told


def test_many_submits_at_once_are_all_accepted_and_all_run_once(
    system: IsolatedSystem, browser: Client
) -> None:
    """They share connections to the broker and to Redis, and waits for confirms."""
    with ThreadPoolExecutor(50) as pool:
        ids = set(pool.map(lambda _: browser.start_task(0), range(150)))

    assert len(ids) == 150
    for task_id in ids:
        assert browser.await_status(task_id, "succeeded", seconds=END_SECONDS)["attempt"] == 1


def test_job_that_failed_for_now_is_tried_again(
    system: IsolatedSystem, browser: Client, address: str
) -> None:
    system.postbox.answer(address, "451 Try again later")

    with system.paused("worker-short"):
        job_id = send_mail(browser, address)
        stream = browser.listen(f"/api/v1/jobs/{job_id}/events", END_SECONDS)
        events = iter(stream)
        _, first = next(events)
    with stream:
        told = statuses_of(events)

    assert first["status"] == "queued"
    assert told == [
        "running",
        "retrying",
        "running",
        "succeeded",
    ]
    job = browser.job(job_id)
    assert (job["attempt"], job["error"], job["queue"]) == (2, None, "short")
    assert len(system.postbox.mails[address]) == 1


def test_attempts_of_a_job_share_its_trace(
    system: IsolatedSystem, browser: Client, address: str
) -> None:
    system.postbox.answer(address, "451 Try again later")
    trace_id = uuid4().hex
    body = {"kind": "email.send", "parameters": {"recipient": address, **MAIL}}

    answer = browser.post(
        "/api/v1/jobs", json=body, headers={"traceparent": f"00-{trace_id}-{'b' * 16}-01"}
    )

    job_id = answer.json()["id"]
    browser.await_status(job_id, "succeeded", seconds=END_SECONDS)
    wait_until(
        lambda: [action_of(line) for line in system.log.about(job_id)].count("job_finished"), 10
    )
    lines = [line for line in system.log.about(job_id) if action_of(line).startswith("job_")]
    assert [action_of(line) for line in lines] == [
        "job_submitted",
        "job_started",
        "job_retrying",
        "job_started",
        "job_finished",
    ]
    assert {line["trace"]["id"] for line in lines} == {trace_id}
    assert len({line["http"]["request"]["id"] for line in lines}) == 1


def test_job_that_is_refused_for_good_fails_at_once(
    system: IsolatedSystem, browser: Client, address: str
) -> None:
    system.postbox.answer(address, "550 No such user here")

    job = browser.await_end(send_mail(browser, address))

    assert (job["status"], job["attempt"]) == ("failed", 1)
    assert job["error"] == {
        "type": "PermanentError",
        "message": "The mail server refused the message (code 550).",
    }
    system.log.await_event("job_finished", job["id"])
    assert system.log.about(address) == []


def test_truncated_picture_fails_and_the_tutorials_client_reads_why(browser: Client) -> None:
    photograph = portrait(600, 800)
    signup = browser.sign_up("ada@example.org", photograph[: len(photograph) // 2])

    job = browser.await_end(signup["picture_job"])

    assert job["status"] == "failed"
    answer = browser.get(f"/tasks/{job['id']}")
    assert answer.status_code == 200
    assert answer.json()["task_status"] == "FAILURE"
    assert "damaged" in answer.json()["task_result"]


def test_cancelled_job_is_dropped_at_the_claim(
    system: IsolatedSystem, browser: Client, address: str
) -> None:
    with system.paused("worker-short"):
        job_id = send_mail(browser, address)
        system.ledger.cancel(job_id)

    system.log.await_event("job_dropped", job_id)
    job = browser.job(job_id)
    assert (job["status"], job["attempt"], job["started_at"]) == ("cancelled", 0, None)
    assert address not in system.postbox.mails
    assert browser.get(f"/tasks/{job_id}").json()["task_status"] == "REVOKED"


def test_record_that_redis_lost_is_made_anew_from_the_message(
    system: IsolatedSystem, browser: Client, address: str
) -> None:
    with system.paused("worker-short"):
        job_id = send_mail(browser, address)
        lost = system.ledger.get(job_id)
        system.redis.delete(f"job:{job_id}", f"jobs:owner:{browser.owner}")

    browser_again = wait_until(
        lambda: browser.get("/api/v1/jobs?owner=me").json()["jobs"],
        END_SECONDS,
        "the job to be back",
    )
    assert [job["id"] for job in browser_again] == [job_id]
    browser.await_status(job_id, "succeeded")
    found = system.ledger.get(job_id)
    for name in ("kind", "queue", "owner", "trace_id", "submitted_at", "parameters"):
        assert getattr(found, name) == getattr(lost, name), name


def test_second_copy_of_a_job_that_has_ended_changes_nothing(
    system: IsolatedSystem, browser: Client, publisher: Publisher, address: str
) -> None:
    job_id = send_mail(browser, address)
    browser.await_status(job_id, "succeeded")
    before = system.ledger.get(job_id)
    result = system.redis.get(f"celery-task-meta-{job_id}")

    publish(publisher, before)

    system.log.await_event("job_dropped", job_id)
    assert system.ledger.get(job_id) == before
    assert system.redis.get(f"celery-task-meta-{job_id}") == result
    assert len(system.postbox.mails[address]) == 1


def test_job_of_a_killed_child_is_rerun_and_succeeds(
    system: IsolatedSystem, browser: Client, address: str
) -> None:
    with system.postbox.holding(address):
        job_id = send_mail(browser, address)
        browser.await_status(job_id, "running")
        os.kill(child_that_runs(system, job_id), signal.SIGKILL)
        wait_until(lambda: browser.job(job_id)["attempt"] == 2, END_SECONDS, "a second attempt")

    job = browser.await_status(job_id, "succeeded", seconds=END_SECONDS)
    assert job["attempt"] == 2
    assert job["error"] is None


def test_job_of_a_killed_worker_is_rerun_and_succeeds(
    system: IsolatedSystem, browser: Client, address: str
) -> None:
    with system.postbox.holding(address):
        job_id = send_mail(browser, address)
        browser.await_status(job_id, "running")
        system.kill_process("worker-short")

    system.start_worker("worker-short")
    job = browser.await_status(job_id, "succeeded", seconds=END_SECONDS)
    assert job["attempt"] == 2


def test_job_that_a_stopping_worker_cannot_finish_is_put_back(
    system: IsolatedSystem, browser: Client
) -> None:
    task_id = browser.start_task(1)
    browser.await_status(task_id, "running")

    system.stop_process("worker-short")

    wait_until(lambda: system.waiting("short") == 1, END_SECONDS, "the message to be back")
    assert browser.get(f"/tasks/{task_id}").json()["task_status"] == "PENDING"
    system.ledger.cancel(task_id)  # so that nobody waits for its ten seconds
    system.start_worker("worker-short")
    system.log.await_event("job_dropped", task_id)


def test_lost_connection_of_a_worker_loses_no_job(
    system: IsolatedSystem, browser: Client, address: str
) -> None:
    """The worker cannot ack any more: the broker delivers again, and one outcome is recorded.

    Celery stops the first copy where it knows already which process runs it; then there is a second
    attempt. Otherwise the first one runs on, and the second copy waits for it.
    """
    with system.postbox.holding(address):
        job_id = send_mail(browser, address)
        browser.await_status(job_id, "running")
        system.broker.cut()
        wait_until(
            lambda: (
                browser.job(job_id)["attempt"] == 2
                or "job_requeued_later" in map(action_of, system.log.about(job_id))
            ),
            END_SECONDS,
            "a second delivery",
        )

    job = browser.await_status(job_id, "succeeded", seconds=END_SECONDS)
    assert job["attempt"] in (1, 2)
    wait_until(lambda: system.waiting("short") == 0, END_SECONDS)


def test_job_goes_on_though_its_process_has_lost_its_connection(
    system: IsolatedSystem, browser: Client, tmp_path: Path
) -> None:
    """Its message comes again, and waits for the lease: then there is nothing left to do."""
    hold = tmp_path / "hold"
    hold.touch()
    job_id = browser.submit("isolated.part", {"number": 1, "wait_while": str(hold)})["id"]
    browser.await_status(job_id, "running")

    system.broker.cut()
    system.log.await_event("job_requeued_later", job_id)
    hold.unlink()

    assert browser.await_status(job_id, "succeeded", seconds=END_SECONDS)["attempt"] == 1
    system.log.await_event("job_dropped", job_id)
    wait_until(lambda: not system.waiting("short"), END_SECONDS, "its message to be gone")


def test_kind_says_for_itself_how_long_a_job_that_succeeded_is_kept(
    system: IsolatedSystem, browser: Client, tmp_path: Path
) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    good = browser.submit("isolated.part", {"number": 1})["id"]
    bad = browser.submit("isolated.part", {"number": 1, "hold": str(hold)})["id"]

    kept = [
        datetime.fromisoformat(job["expires_at"]) - datetime.fromisoformat(job["finished_at"])
        for job in (browser.await_end(good), browser.await_end(bad))
    ]

    assert abs(kept[0] - timedelta(seconds=120)) < timedelta(seconds=5)
    assert kept[1] > timedelta(days=1)


def test_outcome_waits_for_redis(system: IsolatedSystem, browser: Client, tmp_path: Path) -> None:
    hold, journal = tmp_path / "hold", tmp_path / "journal"
    hold.touch()
    parameters = {"number": 1, "wait_while": str(hold), "journal": str(journal)}
    job_id = str(browser.submit("isolated.part", parameters)["id"])
    browser.await_status(job_id, "running")
    system.redis_proxy.refuse()
    hold.unlink()
    wait_until(journal.exists, END_SECONDS, "the end of the job's code")
    assert system.ledger.get(job_id).status is Status.RUNNING

    system.redis_proxy.mend()

    job = browser.await_status(job_id, "succeeded", seconds=END_SECONDS)
    assert job["attempt"] == 1


def test_job_that_waits_for_its_next_attempt_can_be_cancelled(
    system: IsolatedSystem, browser: Client, address: str
) -> None:
    system.postbox.answer(address, "451 Try again later")
    job_id = send_mail(browser, address)
    browser.await_status(job_id, "retrying")

    assert browser.post(f"/api/v1/jobs/{job_id}/cancel").status_code == 202

    system.log.await_event("job_dropped", job_id)
    assert browser.job(job_id)["status"] == "cancelled"
    assert address not in system.postbox.mails


def test_job_whose_worker_elsewhere_is_silent_waits_for_its_lease_to_end(
    system: IsolatedSystem, browser: Client, address: str
) -> None:
    """Whether a process on another host still runs nobody here can tell."""
    with system.paused("worker-short"):
        job_id = send_mail(browser, address)
        system.ledger.attempts.claim(system.ledger.get(job_id), "short@elsewhere", "elsewhere:1:1")

    system.log.await_event("job_requeued_later", job_id)
    assert browser.job(job_id)["worker"] == "short@elsewhere"
    system.redis.delete(f"lease:{job_id}")  # as it expires

    job = browser.await_status(job_id, "succeeded", seconds=END_SECONDS)
    assert job["attempt"] == 2
    assert len(system.postbox.mails[address]) == 1


def test_message_of_an_unknown_kind_is_kept_as_a_dead_letter_and_not_in_the_log(
    system: IsolatedSystem, publisher: Publisher, address: str
) -> None:
    """A newer web server may be ahead of its workers."""
    before = system.waiting("dead")
    newer = a_job(kind="newer.kind", parameters={"recipient": address})

    publish(publisher, newer)

    wait_until(lambda: system.waiting("dead") == before + 1, END_SECONDS, "the dead letter")
    assert system.log.about("newer.kind")
    assert system.log.about(address) == []


def test_retried_job_never_goes_back_from_its_end(system: IsolatedSystem, browser: Client) -> None:
    task_id = browser.start_task(0)
    browser.await_status(task_id, "succeeded")

    for late in (Status.QUEUED, Status.RETRYING, Status.FAILED, Status.CANCELLED):
        with pytest.raises(TransitionError):
            system.ledger.attempts.finish(task_id, late, attempt=None, celery_result="{}")

    assert browser.job(task_id)["status"] == "succeeded"


def child_that_runs(system: IsolatedSystem, job_id: str) -> int:
    """The pid in the line that says that the job was started."""
    line = system.log.await_event("job_started", job_id)
    return int(line["process"]["pid"])


def test_delayed_message_is_due_when_it_comes_whatever_its_senders_clock_said(
    system: IsolatedSystem, browser: Client, publisher: Publisher
) -> None:
    job = system.ledger.admissions.confirm(system.ledger.admissions.record(a_job()).job)
    in_an_hour = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    message = make_message(job, Trace.start(), delay_seconds=1, headers={"eta": in_an_hour})
    assert publisher.publish([message], timeout_seconds=5) == [None]

    browser.await_status(job.id, "succeeded", seconds=END_SECONDS)
