"""The example that is there from the first start: a weekly report on the service's own jobs."""

import io

from pypdf import PdfReader

from tests.integration.client import Client

REPORT_SECONDS = 90


def test_weekly_report_can_be_run_now_and_tells_of_the_last_jobs(browser: Client) -> None:
    for task in [browser.start_task(0) for _ in range(3)]:
        browser.await_status(task, "succeeded")

    job_id = browser.post("/api/v1/schedules/weekly-report/run").json()["id"]
    job = browser.await_status(job_id, "succeeded", seconds=REPORT_SECONDS)

    content = browser.get(job["result"]["report"]["url"]).content
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)
    assert "Jobs of the last week" in text
    assert "Sum of run_seconds by kind" in text
    assert "create_task" in text


def test_weekly_report_is_planned_for_monday_morning(browser: Client) -> None:
    schedule = browser.get("/api/v1/schedules/weekly-report").json()

    assert schedule["cron"] == "0 7 * * 1"
    assert all(moment[11:16] == "07:00" for moment in schedule["next_runs"])
    assert schedule["is_paused"] is False


def test_history_tells_how_jobs_went_and_nothing_of_what_they_were_given(browser: Client) -> None:
    secret = browser.submit(
        "email.send",
        {"recipient": "ada@example.org", "subject": "Secret subject", "text": "Secret text"},
    )
    browser.await_status(secret["id"], "succeeded")

    job = browser.submit("jobs.history", {"days": 1})
    result = browser.await_status(job["id"], "succeeded", seconds=REPORT_SECONDS)["result"]
    table = browser.get(result["files"][0]["url"]).text

    header, *rows = table.splitlines()
    assert header == "submitted_at,kind,queue,status,attempts,wait_seconds,run_seconds"
    assert any(",email.send,short,succeeded,1," in row for row in rows)
    assert len(rows) == result["jobs"]
    assert "ecret" not in table
    assert "example.org" not in table
