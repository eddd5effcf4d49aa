"""One trace from the click to the last outcome, whatever happens on the way, and right parents."""

import os
import signal
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import orjson
import pytest
from celery import Celery

from project.broker.message import Message
from project.broker.publisher import Publisher
from project.observability.context import submit_span_id
from tests.builders import an_unused_port
from tests.collector import Received, collecting
from tests.integration.client import Client
from tests.integration.isolated.system import IsolatedSystem
from tests.integration.logbook import LogBook, action_of
from tests.waiting import wait_until

CALLER = "b" * 16
END_SECONDS = 60
ATTEMPT_BEGINS = ["job_started"]
ATTEMPT_ENDS = ["job_finished", "job_retrying", "job_requeued"]

Line = dict[str, Any]


@pytest.fixture
def celery_program(system: IsolatedSystem) -> Iterator[Celery]:
    """A program that knows Celery, and has no code of ours."""
    with Celery(broker=system.direct.broker_url, set_as_current=False) as program:
        program.conf.timezone = "UTC"
        yield program


def click(browser: Client, trace_id: str, **parameters: Any) -> str:
    """The id of a job that somebody handed in as part of this trace."""
    headers = {"traceparent": f"00-{trace_id}-{CALLER}-01"}
    return str(browser.submit("isolated.step", parameters, **headers)["id"])


def story(log: LogBook, trace_id: str, ends: int) -> list[Line]:
    """Our lines with that trace, once so many jobs have told their end."""
    wait_until(
        lambda: [action_of(line) for line in log.about(trace_id)].count("job_finished") == ends,
        END_SECONDS,
        f"{ends} jobs of the trace to end",
    )
    return [line for line in log.about(trace_id) if line.get("trace", {}).get("id") == trace_id]


def of_job(lines: list[Line], job_id: str, *actions: str) -> list[Line]:
    """The job's lines, of these events."""
    return [
        line
        for line in lines
        if line.get("celery", {}).get("task", {}).get("id") == job_id
        and (not actions or action_of(line) in actions)
    ]


def traces_of(log: LogBook, job_id: str) -> set[str]:
    """The traces of all lines of the job, whoever wrote them."""
    return {line["trace"]["id"] for line in of_job(log.lines(), job_id)}


def assert_attempts_hang_below_the_submit(lines: list[Line], job_id: str, attempts: int) -> None:
    """Each attempt is a transaction of its own, and all have the submit's span as their parent."""
    (submitted,) = of_job(lines, job_id, "job_submitted")
    started = of_job(lines, job_id, *ATTEMPT_BEGINS)
    finished = of_job(lines, job_id, *ATTEMPT_ENDS)
    assert {line["parent"]["id"] for line in started + finished} == {submitted["span"]["id"]}
    transactions = [line["transaction"]["id"] for line in started]
    assert len(set(transactions)) == len(started) == attempts
    assert {line["transaction"]["id"] for line in finished} <= set(transactions)


def test_click_parent_child_and_all_their_retries_are_one_trace(
    system: IsolatedSystem, browser: Client
) -> None:
    trace_id = uuid4().hex

    parent_id = click(browser, trace_id, failures=2, child_failures=1)
    child_id = browser.await_end(parent_id, END_SECONDS)["result"]["child"]
    lines = story(system.log, trace_id, ends=2)

    (request,) = [line for line in lines if action_of(line) == "http_request"]
    (submitted,) = of_job(lines, parent_id, "job_submitted")
    (child,) = of_job(lines, child_id, "job_submitted")
    last_attempt = of_job(lines, parent_id, "job_started")[-1]["transaction"]["id"]
    assert request["parent"]["id"] == CALLER
    assert submitted["transaction"]["id"] == request["transaction"]["id"]
    assert child["transaction"]["id"] == last_attempt
    assert_attempts_hang_below_the_submit(lines, parent_id, attempts=3)
    assert_attempts_hang_below_the_submit(lines, child_id, attempts=2)
    assert len({line["http"]["request"]["id"] for line in lines}) == 1
    assert traces_of(system.log, parent_id) == traces_of(system.log, child_id) == {trace_id}


def test_parent_of_a_job_is_right_in_lines_and_record_after_its_retry(
    system: IsolatedSystem, browser: Client
) -> None:
    """Celery's retry names the job itself as the parent of one that has none."""
    trace_id = uuid4().hex

    parent_id = click(browser, trace_id, failures=1, child_failures=2)
    child_id = browser.await_end(parent_id, END_SECONDS)["result"]["child"]
    browser.await_end(child_id, END_SECONDS)
    lines = story(system.log, trace_id, ends=2)

    for line in of_job(lines, child_id):
        assert line["celery"]["task"]["parent_id"] == parent_id, line
        assert line["celery"]["task"]["root_id"] == parent_id, line
    for line in of_job(lines, parent_id):
        assert not {"parent_id", "root_id"} & line["celery"]["task"].keys(), line
    assert browser.job(child_id)["parent_id"] == parent_id
    assert browser.job(parent_id)["parent_id"] is None


def test_record_that_redis_lost_after_a_retry_has_its_parent_and_trace_again(
    system: IsolatedSystem, browser: Client
) -> None:
    trace_id = uuid4().hex

    parent_id = click(browser, trace_id, failures=1, child_failures=1)
    lose_record(system, browser, parent_id)
    child_id = submitted_child(system, parent_id)
    lose_record(system, browser, child_id)
    lines = story(system.log, trace_id, ends=2)

    child, parent = system.ledger.get(child_id), system.ledger.get(parent_id)
    assert (child.parent_id, child.root_id, child.trace_id) == (parent_id, parent_id, trace_id)
    assert (parent.parent_id, parent.root_id, parent.trace_id) == ("", "", trace_id)
    (submitted,) = of_job(lines, child_id, "job_submitted")
    for line in of_job(lines, child_id, *ATTEMPT_BEGINS, *ATTEMPT_ENDS):
        assert line["parent"]["id"] == submitted["span"]["id"]


def submitted_child(system: IsolatedSystem, parent_id: str) -> str:
    """The id of the job's child, once that is submitted."""

    def look() -> str:
        return next(
            (
                line["celery"]["task"]["id"]
                for line in system.log.about(parent_id)
                if line.get("celery", {}).get("task", {}).get("parent_id") == parent_id
            ),
            "",
        )

    return wait_until(look, END_SECONDS, "the child")


def lose_record(system: IsolatedSystem, browser: Client, job_id: str) -> None:
    """Redis loses the job while it waits for its next attempt."""
    browser.await_status(job_id, "retrying", seconds=END_SECONDS)
    with system.paused("worker-short"):
        assert browser.job(job_id)["status"] == "retrying"
        system.redis.delete(f"job:{job_id}")


def test_service_that_a_job_calls_is_told_the_attempt(
    system: IsolatedSystem, browser: Client
) -> None:
    trace_id, headers = uuid4().hex, {"X-Request-ID": f"click-{uuid4().hex[:8]}"}
    headers["traceparent"] = f"00-{trace_id}-{CALLER}-00"
    headers["tracestate"] = f"vendor=secret-{trace_id[:8]}"

    job_id = browser.submit("isolated.step", {"failures": 1}, **headers)["id"]
    told = browser.await_end(job_id, END_SECONDS)["result"]["headers"]
    lines = story(system.log, trace_id, ends=1)

    second = of_job(lines, job_id, "job_started")[-1]["transaction"]["id"]
    assert told == {**headers, "traceparent": f"00-{trace_id}-{second}-00"}
    assert system.log.about(headers["tracestate"]) == []


def test_job_of_a_killed_process_stays_in_its_trace(
    system: IsolatedSystem, browser: Client
) -> None:
    trace_id = uuid4().hex
    job_id = click(browser, trace_id, seconds=30)
    started = system.log.await_event("job_started", job_id)

    os.kill(started["process"]["pid"], signal.SIGKILL)

    lines = story(system.log, trace_id, ends=1)
    assert_attempts_hang_below_the_submit(lines, job_id, attempts=2)
    assert traces_of(system.log, job_id) == {trace_id}
    (lost,) = of_job(lines, job_id, "attempt_lost")
    assert lost["transaction"] == started["transaction"]
    assert lost["celery"]["task"]["attempt"] == 1


def test_job_that_a_stopping_worker_puts_back_stays_in_its_trace(
    system: IsolatedSystem, browser: Client
) -> None:
    trace_id = uuid4().hex
    job_id = click(browser, trace_id, seconds=30)
    started = system.log.await_event("job_started", job_id)

    system.stop_process("worker-short")
    system.start_worker("worker-short")

    lines = story(system.log, trace_id, ends=1)
    (requeue,) = of_job(lines, job_id, "job_requeued")
    assert requeue["transaction"]["id"] == started["transaction"]["id"]
    assert_attempts_hang_below_the_submit(lines, job_id, attempts=2)


def test_job_of_a_program_that_knows_only_celery_has_one_trace(
    system: IsolatedSystem, celery_program: Celery
) -> None:
    job_id, parameters = str(uuid4()), {"failures": 2}
    theirs = celery_program.amqp.as_task_v2(job_id, "isolated.step", kwargs=parameters)
    message = Message(job_id, "jobs", "short", theirs.headers, orjson.dumps(theirs.body))

    assert Publisher(system.direct.broker_url, "test").publish([message], 5) == [None]

    trace_id = job_id.replace("-", "")
    lines = story(system.log, trace_id, ends=1)
    started = of_job(lines, job_id, "job_started")
    assert len(started) == 3
    assert {line["parent"]["id"] for line in started} == {submit_span_id(job_id)}
    assert traces_of(system.log, job_id) == {trace_id}
    assert system.ledger.get(job_id).trace_id == trace_id


def test_story_of_a_scheduled_job_begins_with_its_schedule(
    system: IsolatedSystem, browser: Client
) -> None:
    system.start_scheduler()
    form = {"kind": "isolated.step", "parameters": {"failures": 1}, "every_seconds": 1}
    made = browser.post("/api/v1/schedules", json={"id": "traced", **form})
    assert made.status_code == 201, made.text
    try:
        due = system.log.await_event("schedule_due", "isolated.step")
    finally:
        browser.session.delete(f"{browser.url}/api/v1/schedules/traced")

    lines = story(system.log, due["trace"]["id"], ends=1)
    job_id = due["celery"]["task"]["id"]
    assert due["service"]["node"]["roles"] == ["scheduler"]
    assert of_job(lines, job_id, "schedule_due")
    assert_attempts_hang_below_the_submit(lines, job_id, attempts=2)
    assert traces_of(system.log, job_id) == {due["trace"]["id"]}


def test_every_line_about_a_job_names_its_trace(system: IsolatedSystem) -> None:
    """Of all that the isolated system has written so far, in this and other tests."""
    lines = [line for line in system.log.lines() if "id" in task_of(line)]

    assert lines
    assert [line for line in lines if "trace" not in line] == []


def test_receipt_of_a_message_is_told_where_that_is_wanted(system: IsolatedSystem) -> None:
    trace_id = uuid4().hex

    with system.restarted(JOBS_LOG_LEVEL="DEBUG"):
        job_id = click(system.open_page(), trace_id, failures=1)
        lines = story(system.log, trace_id, ends=1)

    received, started = (of_job(lines, job_id, name) for name in ("job_received", "job_started"))
    assert len(received) == len(started) == 2
    assert {line["parent"]["id"] for line in received} == {submit_span_id(job_id)}


def test_job_tells_where_its_trace_is_shown(system: IsolatedSystem) -> None:
    trace_id = uuid4().hex

    with system.restarted(JOBS_TRACE_LINK="https://traces.example/{trace_id}"):
        browser = system.open_page()
        job_id = click(browser, trace_id)
        url = browser.await_end(job_id, END_SECONDS)["trace_url"]
        with browser.listen(f"/api/v1/jobs/{job_id}/events") as stream:
            _, told = next(iter(stream))

    assert url == told["trace_url"] == f"https://traces.example/{trace_id}"
    assert system.open_page().job(job_id)["trace_url"] is None


def test_spans_have_the_ids_of_the_lines(system: IsolatedSystem) -> None:
    """What ends softly, as all do here at last, sends what is left."""
    trace_id = uuid4().hex
    with collecting() as collector:
        with system.restarted(JOBS_OTLP_ENDPOINT=collector.url):
            browser = system.open_page()
            parent_id = click(browser, trace_id, failures=1, child_failures=1)
            story(system.log, trace_id, ends=2)
        spans = collector.of_trace(trace_id)

    child_id = submitted_child(system, parent_id)
    lines = story(system.log, trace_id, ends=2)
    (request,) = [line for line in lines if action_of(line) == "http_request"]
    assert ids_of(spans, "SERVER") == {(request["transaction"]["id"], CALLER)}
    assert ids_of(spans, "PRODUCER") == {
        (line["span"]["id"], line["transaction"]["id"])
        for line in lines
        if action_of(line) == "job_submitted"
    }
    runs = of_job(lines, parent_id, "job_started") + of_job(lines, child_id, "job_started")
    assert len(runs) == len(ids_of(spans, "CONSUMER")) == len(ids_of(spans, "INTERNAL")) == 4
    assert ids_of(spans, "CONSUMER") == {
        (line["transaction"]["id"], line["parent"]["id"]) for line in runs
    }
    outcomes = [
        span.attributes["jobs.attempt.outcome"] for span in spans if span.kind == "CONSUMER"
    ]
    assert sorted(outcomes) == ["retried", "retried", "succeeded", "succeeded"]
    assert {span.resource["jobs.role"] for span in spans} == {"web", "worker-short"}


def ids_of(spans: list[Received], kind: str) -> set[tuple[str, str]]:
    """The ids of the spans of that kind, and of what caused them."""
    return {(span.span_id, span.parent_id) for span in spans if span.kind == kind}


def test_collector_that_is_away_delays_no_request_and_no_job(system: IsolatedSystem) -> None:
    trace_id = uuid4().hex

    with system.restarted(JOBS_OTLP_ENDPOINT=f"http://127.0.0.1:{an_unused_port()}"):
        job_id = click(system.open_page(), trace_id, failures=1)
        story(system.log, trace_id, ends=1)
        wait_until(
            lambda: {"web", "worker-short"} <= roles_of(system.log, "spans_dropped"), END_SECONDS
        )

    assert system.ledger.get(job_id).attempt == 2


def roles_of(log: LogBook, action: str) -> set[str]:
    """The roles that have written the event."""
    return {
        line["service"]["node"]["roles"][0] for line in log.lines() if action_of(line) == action
    }


def task_of(line: Line) -> Line:
    task: Line = line.get("celery", {}).get("task", {})
    return task
