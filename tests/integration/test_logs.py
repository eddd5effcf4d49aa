"""The log lines of the running stack: one trace from the click on, whole JSON, and no data."""

from typing import Any
from uuid import uuid4

import pytest

from project.config import Settings
from project.server.tasks import create_task
from tests.builders import CUT_OFF, a_picture
from tests.integration.client import Client
from tests.integration.logbook import LogBook, action_of
from tests.integration.test_sign_up import caught_mail, link_in
from tests.log_lines import find_problems

ROLES = ("web", "worker-short", "worker-long", "scheduler", "flower", "mailcatcher")


def lines_of(log: LogBook, job_id: str) -> list[dict[str, Any]]:
    """All lines about a job, once its outcome is written."""
    log.await_event("job_finished", job_id)
    return log.about(job_id)


def test_one_trace_leads_from_the_click_to_the_outcome(browser: Client, log: LogBook) -> None:
    trace_id, request_id = uuid4().hex, f"click-{uuid4().hex[:8]}"

    task_id = browser.start_task(
        0, **{"traceparent": f"00-{trace_id}-{'b' * 16}-01", "X-Request-ID": request_id}
    )

    log.await_event("http_request", trace_id)
    lines_of(log, task_id)
    story = log.about(trace_id)
    assert {action_of(line) for line in story} == {
        "http_request",
        "job_submitted",
        "job_started",
        "job_finished",
    }
    assert {line["service"]["node"]["roles"][0] for line in story} == {"web", "worker-short"}
    assert {line["http"]["request"]["id"] for line in story} == {request_id}
    assert browser.job(task_id)["trace_id"] == trace_id


def test_answer_names_the_trace_that_the_lines_have(browser: Client, log: LogBook) -> None:
    answer = browser.post("/tasks", json={"type": 0})

    trace_id = answer.headers["traceparent"].split("-")[1]
    lines = lines_of(log, answer.json()["task_id"])
    assert {line["trace"]["id"] for line in lines} == {trace_id}


def test_job_has_one_outcome_line_with_its_duration(browser: Client, log: LogBook) -> None:
    task_id = browser.start_task(0)

    lines = lines_of(log, task_id)

    (outcome,) = [line for line in lines if action_of(line) == "job_finished"]
    assert outcome["event"]["outcome"] == "success"
    assert outcome["event"]["duration"] > 0
    assert outcome["celery"]["task"] == {
        "id": task_id,
        "name": "create_task",
        "state": "succeeded",
        "attempt": 1,
    }
    assert outcome["celery"]["queue"] == "short"


def test_failed_job_tells_the_error_in_its_outcome_line(browser: Client, log: LogBook) -> None:
    job = browser.submit("image.thumbnail", {"picture": browser.send_file(CUT_OFF)})

    lines = lines_of(log, job["id"])

    (outcome,) = [line for line in lines if action_of(line) == "job_finished"]
    assert outcome["log.level"] == "error"
    assert outcome["event"]["outcome"] == "failure"
    assert outcome["error"]["type"] == "PermanentError"
    assert "Traceback" in outcome["error"]["stack_trace"]


def test_every_line_of_every_role_is_as_the_schema_and_our_tables_say(
    browser: Client, log: LogBook
) -> None:
    lines_of(log, browser.start_task(0))
    everyone = LogBook(log.folder, ROLES)

    lines = everyone.lines()

    problems = {problem for line in lines for problem in find_problems(line)}
    assert problems == set()
    assert {line["service"]["node"]["roles"][0] for line in lines} == set(ROLES)


def test_ids_of_lines_are_unique(browser: Client, log: LogBook) -> None:
    lines_of(log, browser.start_task(0))

    ids = [line["event"]["id"] for line in log.lines()]

    assert len(ids) == len(set(ids))


def test_no_line_holds_an_address_a_token_or_a_jobs_parameters(
    browser: Client, log: LogBook, settings: Settings
) -> None:
    address = f"ada.{uuid4().hex}@example.org"
    subject, text = f"subject-{uuid4().hex}", f"text-{uuid4().hex}"
    signup = browser.sign_up(address, a_picture("JPEG"))
    link = link_in(caught_mail(settings, address))
    browser.get(link)
    browser.post(link)
    job = browser.submit("email.send", {"recipient": address, "subject": subject, "text": text})
    refused = {"recipient": f"{address}\n", "subject": subject, "text": text}
    browser.post("/api/v1/jobs", json={"kind": "email.send", "parameters": refused})
    browser.get(f"/api/v1/jobs?email={address}")
    for job_id in (signup["picture_job"], signup["mail_job"], job["id"]):
        lines_of(log, job_id)

    everything = "\n".join(log.raw_lines())

    token = link.removeprefix("/confirm/")
    for secret in (address, address.partition("@")[0], token, subject, text, browser.owner):
        assert secret not in everything


def test_no_line_holds_a_password(settings: Settings, log: LogBook) -> None:
    everything = "\n".join(log.raw_lines())

    for secret in ("development-jobs", "development-redis", "development-monitor"):
        assert secret not in everything
    assert settings.secret_key not in everything


def test_refused_request_has_its_line_too(browser: Client, log: LogBook) -> None:
    answer = browser.post("/tasks", json={"type": -1})

    line = log.await_event("http_request", answer.headers["X-Request-ID"])

    assert line["http"]["response"]["status_code"] == 400
    assert line["url"]["path"] == "/tasks"
    assert line["event"]["outcome"] == "success"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probe_leaves_no_line(browser: Client, log: LogBook, path: str) -> None:
    probe = browser.get(path)
    later = browser.get("/api/v1/kinds")

    log.await_event("http_request", later.headers["X-Request-ID"])
    assert log.about(probe.headers["X-Request-ID"]) == []


@pytest.mark.parametrize("queue", ["short", "long"])
def test_scheduler_tells_how_each_queue_is(log: LogBook, queue: str) -> None:
    line = log.await_event("queue_measured", f'"queue":"{queue}"')

    assert line["celery"]["queue_consumers"] >= 0  # the workers start after it
    assert line["celery"]["queue_waiting"] >= 0
    assert line["celery"]["queue_oldest_seconds"] >= 0


def test_ids_of_a_request_are_not_on_the_lines_of_the_next_one(
    browser: Client, log: LogBook
) -> None:
    """They come over one connection, which one greenlet of the web server answers."""
    trace_id, caller = uuid4().hex, "c" * 16
    first = browser.get("/nothing", headers={"traceparent": f"00-{trace_id}-{caller}-01"})
    with browser.listen():
        pass
    later = [browser.get("/api/v1/kinds") for _ in range(3)]

    for answer in later:
        line = log.await_event("http_request", answer.headers["X-Request-ID"])
        assert line["trace"]["id"] == answer.headers["traceparent"].split("-")[1]
        assert "parent" not in line
    (line,) = log.about(trace_id)
    assert line["http"]["request"]["id"] == first.headers["X-Request-ID"]
    assert line["parent"]["id"] == caller


@pytest.mark.parametrize("path", ["/api/v1/events", "/api/v1/events?scope=all"])
def test_stream_has_one_outcome_line(browser: Client, log: LogBook, path: str) -> None:
    request_id = f"stream-{uuid4().hex[:8]}"

    browser.get(path, headers={"X-Request-ID": request_id}, stream=True).close()
    browser.get("/api/v1/kinds")

    log.await_event("http_request", request_id)
    assert len(log.about(request_id)) == 1


def test_every_line_about_a_job_names_its_trace(browser: Client, log: LogBook) -> None:
    """Of all lines that the stack has written so far, whoever caused them."""
    lines_of(log, browser.start_task(0))
    lines_of(log, create_task.delay(0).id)

    lines = [line for line in log.lines() if "id" in line.get("celery", {}).get("task", {})]

    assert lines
    assert [line for line in lines if "trace" not in line] == []


def test_job_of_a_program_that_calls_delay_is_one_trace(log: LogBook) -> None:
    task_id = create_task.delay(0).id

    lines = lines_of(log, task_id)

    assert len({line["trace"]["id"] for line in lines}) == 1
    assert len({line["http"]["request"]["id"] for line in lines}) == 1
