"""The ids on every line that follows."""

import threading
from contextvars import copy_context
from typing import Any

import pytest
from structlog.contextvars import bind_contextvars

from project.observability.binding import (
    about,
    about_message,
    enter,
    enter_attempt,
    enter_job,
    find_current,
    leave,
    read_bound,
)
from project.observability.context import Trace, attempt_span_id, submit_span_id
from tests.builders import a_job, a_trace

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_lines_of_a_request_name_it_and_who_caused_it() -> None:
    enter(trace := Trace.start(f"00-{TRACE_ID}-00f067aa0ba902b7-01", "order-7", "vendor=secret"))

    assert read_bound() == {
        "trace_id": TRACE_ID,
        "transaction_id": trace.span_id,
        "parent_id": "00f067aa0ba902b7",
        "request_id": "order-7",
    }
    assert find_current() == trace


def test_nothing_of_one_request_is_on_the_lines_of_the_next() -> None:
    enter(Trace.start(f"00-{TRACE_ID}-00f067aa0ba902b7-01"))

    enter(Trace.start())

    assert TRACE_ID not in read_bound().values()
    assert "parent_id" not in read_bound()


def test_nothing_is_left_when_it_is_over() -> None:
    enter(a_trace())

    leave()

    assert read_bound() == {}
    assert find_current() is None


def test_other_thread_knows_nothing_of_it() -> None:
    enter(a_trace())
    seen: list[Any] = []

    thread = threading.Thread(target=lambda: seen.extend([read_bound(), find_current()]))
    thread.start()
    thread.join()

    assert seen == [{}, None]


def test_thread_that_runs_in_a_copy_of_the_context_knows_of_it_and_leaves_it_alone() -> None:
    enter(trace := a_trace())
    seen: list[Any] = []

    def look_and_leave() -> None:
        seen.extend([read_bound()["transaction_id"], find_current()])
        leave()

    thread = threading.Thread(target=copy_context().run, args=(look_and_leave,))
    thread.start()
    thread.join()

    assert seen == [trace.span_id, trace]
    assert read_bound()["transaction_id"] == trace.span_id


def test_what_other_code_binds_is_on_its_lines_until_it_is_over() -> None:
    enter(trace := a_trace())
    bind_contextvars(order=5)

    during = read_bound()
    leave()

    assert during["order"] == 5
    assert during["transaction_id"] == trace.span_id
    assert read_bound() == {}


def test_lines_of_an_attempt_name_the_job_its_parents_and_its_submit() -> None:
    job = a_job(kind="k", parent_id="parent", root_id="root", attempt=2)
    submitted = Trace.start(request_id="order-7").submit(job.id)

    enter_job(job, submitted)
    before_the_claim = read_bound()
    enter_attempt(job, submitted.attempt(job.id, 2))

    assert before_the_claim == {
        "job_id": job.id,
        "kind": "k",
        "parent_job_id": "parent",
        "root_job_id": "root",
        "trace_id": submitted.trace_id,
        "parent_id": submit_span_id(job.id),
        "request_id": "order-7",
    }
    assert read_bound() == before_the_claim | {
        "transaction_id": attempt_span_id(job.id, 2),
        "attempt": 2,
    }


def test_lines_about_a_job_are_of_its_trace_wherever_they_are_written() -> None:
    job = a_job(trace_id=TRACE_ID)

    with about(job):
        inside = read_bound()

    assert inside == {
        "job_id": job.id,
        "trace_id": TRACE_ID,
        "parent_id": submit_span_id(job.id),
    }
    assert read_bound() == {}


def test_lines_about_a_job_have_what_was_bound_before_and_so_have_those_that_follow() -> None:
    enter(trace := a_trace())
    before = read_bound()

    with about(a_job(trace_id=TRACE_ID)):
        inside = read_bound()

    assert (inside["trace_id"], inside["request_id"]) == (TRACE_ID, trace.request_id)
    assert read_bound() == before


def test_lines_about_a_job_that_was_taken_are_of_its_last_attempt() -> None:
    job = a_job(trace_id=TRACE_ID, attempt=3)

    with about(job):
        assert read_bound()["transaction_id"] == attempt_span_id(job.id, 3)


def test_lines_about_a_message_are_of_the_trace_that_it_carries() -> None:
    submitted = Trace.start().submit("j1")

    with about_message({"task": "k", **submitted.message_headers}, "j1"):
        inside = read_bound()

    assert (inside["trace_id"], inside["parent_id"]) == (submitted.trace_id, submitted.span_id)
    assert (inside["job_id"], inside["kind"]) == ("j1", "k")


@pytest.mark.parametrize("headers", [{}, {"task": 7}, {"task": None}])
def test_lines_about_a_message_name_no_kind_where_it_does_not(headers: Any) -> None:
    with about_message(headers, "j1"):
        assert "kind" not in read_bound()


def test_lines_that_are_about_the_job_already_stay_as_they_are() -> None:
    job = a_job(id="j1", trace_id=TRACE_ID, attempt=1)
    enter_job(job, Trace.of_job("j1", TRACE_ID))

    with about_message({}, "j1"):
        assert read_bound()["trace_id"] == TRACE_ID
