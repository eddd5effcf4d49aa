"""Messages that Celery itself publishes get a trace, and the log tells of those that come in."""

from typing import Any

from structlog.testing import capture_logs

from project.observability.binding import enter, leave, read_bound
from project.observability.context import Trace, submit_span_id
from project.worker.tracing import add_trace, log_received
from tests.builders import a_trace


class Received:
    """A message, as Celery hands it to who wants to know."""

    def __init__(self, **headers: Any) -> None:
        self.id, self.name = "j1", "create_task"
        self.request_dict = {"id": "j1", **headers}


def headers_of(**more: Any) -> dict[str, Any]:
    return {"id": "j1", "task": "create_task", **more}


def test_message_of_ours_keeps_its_trace() -> None:
    enter(a_trace())
    ours = a_trace().message_headers
    headers = headers_of(**ours)

    add_trace(headers)

    assert headers == headers_of(**ours)


def test_message_that_is_published_in_a_request_or_attempt_is_of_its_trace() -> None:
    enter(trace := Trace.start(f"00-{'a' * 32}-{'b' * 16}-00", "order-7", "vendor=1"))
    headers = headers_of()

    add_trace(headers)

    assert headers["traceparent"] == trace.submit("j1").traceparent
    assert headers["traceparent"].endswith("-00")
    assert (headers["request_id"], headers["tracestate"]) == ("order-7", "vendor=1")


def test_message_that_is_published_in_nothing_begins_a_trace() -> None:
    leave()
    one, other = headers_of(), headers_of()

    add_trace(one)
    add_trace(other)

    submitted = Trace.of_message(one, "j1")
    assert submitted.span_id == submit_span_id("j1")
    assert submitted.request_id
    assert submitted.trace_id != Trace.of_message(other, "j1").trace_id


def test_received_message_is_told_in_its_trace() -> None:
    submitted = Trace.start().submit("j1")

    with capture_logs() as lines:
        log_received(Received(**submitted.message_headers))

    (line,) = lines
    assert (line["event"], line["log_level"]) == ("job_received", "debug")
    assert (line["job_id"], line["kind"]) == ("j1", "create_task")
    assert (line["trace_id"], line["parent_id"]) == (submitted.trace_id, submitted.span_id)
    assert read_bound() == {}
