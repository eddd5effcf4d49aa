"""Cancelling: a waiting job never starts, a running one stops, an ended one stays as it is."""

from project.broker.message import make_message
from project.broker.publisher import Publisher
from project.config import Settings
from project.ledger import Job, Ledger
from project.observability.context import Trace
from tests.builders import a_job
from tests.integration.client import Client
from tests.integration.logbook import LogBook
from tests.waiting import wait_until


def running_job(browser: Client) -> str:
    """A Short job that has shown progress."""
    job_id = browser.start_task(1)
    browser.await_status(job_id, "running")
    wait_until(lambda: browser.job(job_id)["progress"], 10)
    return job_id


def cancel(browser: Client, job_id: str) -> int:
    return browser.post(f"/api/v1/jobs/{job_id}/cancel").status_code


def publish(settings: Settings, job: Job) -> None:
    """Send a message of the job, whatever the ledger says of it."""
    message = make_message(job, Trace.start())
    assert Publisher(settings.broker_url, "test").publish([message], 5) == [None]


def test_running_job_stops(browser: Client) -> None:
    job_id = running_job(browser)

    assert cancel(browser, job_id) == 202

    browser.await_status(job_id, "cancelled")
    assert browser.get(f"/tasks/{job_id}").json()["task_status"] == "REVOKED"


def test_finished_job_cannot_be_cancelled(browser: Client) -> None:
    job_id = browser.start_task(0)
    browser.await_status(job_id, "succeeded")

    assert cancel(browser, job_id) == 409

    assert browser.job(job_id)["status"] == "succeeded"


def test_unknown_job_cannot_be_cancelled(browser: Client) -> None:
    assert cancel(browser, "none") == 404


def test_waiting_job_never_starts(
    browser: Client, ledger: Ledger, settings: Settings, log: LogBook
) -> None:
    job = ledger.admissions.confirm(ledger.admissions.record(a_job()).job)

    assert cancel(browser, job.id) == 202
    publish(settings, job)

    log.await_event("job_dropped", job.id)
    assert browser.job(job.id)["status"] == "cancelled"
    assert browser.job(job.id)["attempt"] == 0


def test_second_copy_of_a_running_job_waits_and_is_dropped(
    browser: Client, ledger: Ledger, settings: Settings, log: LogBook
) -> None:
    job_id = running_job(browser)

    publish(settings, ledger.get(job_id))

    log.await_event("job_requeued_later", job_id)
    browser.await_status(job_id, "succeeded")
    log.await_event("job_dropped", job_id)
    assert browser.job(job_id)["attempt"] == 1
