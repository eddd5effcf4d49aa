"""The ids that lead from a log line back to the click."""

import re
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from project.observability.context import STATE_LIMIT, Trace, attempt_span_id

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN_ID = "00f067aa0ba902b7"
VALID = f"00-{TRACE_ID}-{SPAN_ID}-01"


def test_valid_traceparent_is_continued_in_a_new_span() -> None:
    trace = Trace.start(VALID)

    assert (trace.trace_id, trace.parent_id) == (TRACE_ID, SPAN_ID)
    assert re.fullmatch("[0-9a-f]{16}", trace.span_id)
    assert trace.span_id != SPAN_ID


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "nonsense",
        f"00-{TRACE_ID}-{SPAN_ID}",
        f"00-{TRACE_ID.upper()}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{SPAN_ID.upper()}-01",
        f"00-{TRACE_ID}-{SPAN_ID}-0A",
        f"00-{TRACE_ID}-{SPAN_ID}-01-more",
        f"00-{TRACE_ID}-{SPAN_ID}-01-",
        f"00-{TRACE_ID[:-1]}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{SPAN_ID}-01\n",
        f" 00-{TRACE_ID}-{SPAN_ID}-01",
        f"{VALID},{VALID}",
        f"ff-{TRACE_ID}-{SPAN_ID}-01",
        f"0-{TRACE_ID}-{SPAN_ID}-01",
        f"01-{TRACE_ID}-{SPAN_ID}-01more",
        f"00-{'0' * 32}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
    ],
)
def test_invalid_traceparent_starts_a_new_trace(header: str | None) -> None:
    trace = Trace.start(header, tracestate="vendor=1")

    assert re.fullmatch("[0-9a-f]{32}", trace.trace_id)
    assert trace.trace_id != TRACE_ID
    assert trace.trace_id.strip("0")
    assert (trace.parent_id, trace.state, trace.is_sampled) == ("", "", True)


@pytest.mark.parametrize("more", ["", "-", "-what.comes.later"])
def test_higher_version_is_read_by_its_first_four_parts(more: str) -> None:
    trace = Trace.start(f"01-{TRACE_ID}-{SPAN_ID}-01{more}")

    assert (trace.trace_id, trace.parent_id) == (TRACE_ID, SPAN_ID)
    assert trace.traceparent.startswith("00-")


@pytest.mark.parametrize(
    ("flags", "handed_on"), [("00", "00"), ("01", "01"), ("02", "00"), ("ff", "01")]
)
def test_callers_wish_to_be_sampled_is_handed_on(flags: str, handed_on: str) -> None:
    """Flags that version 00 does not know are not (3.2.2.5)."""
    trace = Trace.start(f"00-{TRACE_ID}-{SPAN_ID}-{flags}").child().child()

    assert trace.traceparent.endswith(f"-{handed_on}")


@pytest.mark.parametrize(
    ("state", "handed_on"),
    [
        ("vendor=1", "vendor=1"),
        ("a=1, b=2 ,,\tc=3", "a=1,b=2,c=3"),
        ("tenant@vendor=a b!~", "tenant@vendor=a b!~"),
        ("0/x-y_z*=1", "0/x-y_z*=1"),
        (f"a={'x' * (STATE_LIMIT - 2)}", ""),
        (",".join(f"{key}{number}=1" for key in "ab" for number in range(16)),) * 2,
        (",".join(f"k{number}=1" for number in range(33)), ""),
        ("a=1,a=2", ""),
        ("Vendor=1", ""),
        ("a=ä", ""),
        ("a=1\r\nX-Evil: 1", ""),
        ("a", ""),
        ("a=", ""),
        (None, ""),
        (7, ""),
    ],
)
def test_state_of_other_tracers_is_handed_on_where_it_is_valid(state: Any, handed_on: str) -> None:
    trace = Trace.start(VALID, tracestate=state)

    assert trace.state == handed_on
    assert trace.child().http_headers.get("tracestate", "") == handed_on


def test_trace_that_is_handed_on_is_continued() -> None:
    first = Trace.start(request_id="order-7")

    second = Trace.start(first.traceparent, first.request_id)

    assert (second.trace_id, second.parent_id) == (first.trace_id, first.span_id)
    assert second.request_id == "order-7"


def test_request_id_of_a_client_is_kept() -> None:
    assert Trace.start(request_id="order:7.a-b_c").request_id == "order:7.a-b_c"


@pytest.mark.parametrize(
    "hostile",
    [None, "", "a b", "a\nX-Evil: 1", "a\r", "<script>", "x" * 65, "ä", "a\x00", '{"a":1}', "١٢"],
)
def test_hostile_request_id_is_replaced(hostile: str | None) -> None:
    request_id = Trace.start(request_id=hostile).request_id

    assert request_id != hostile
    assert re.fullmatch("[0-9a-f]{16}", request_id)


def test_jobs_of_one_request_have_spans_of_their_own_below_it() -> None:
    request = Trace.start(VALID)

    one, other = request.submit("one"), request.submit("other")

    assert one.span_id != other.span_id
    assert one.parent_id == other.parent_id == request.span_id
    assert one.request_id == request.request_id


def test_message_hands_the_submits_span_on() -> None:
    submitted = replace(Trace.start(VALID, "order-7", "vendor=1").submit("j1"), is_sampled=False)

    received = Trace.of_message(submitted.message_headers, "j1")

    assert received == replace(submitted, parent_id="")


@pytest.mark.parametrize(
    "headers",
    [{}, {"traceparent": "nonsense", "request_id": 7}, {"traceparent": None, "tracestate": [1]}],
)
def test_job_whose_message_has_no_trace_has_one_for_all_its_attempts(headers: Any) -> None:
    job_id = str(uuid4())

    first, second = (Trace.of_message(headers, job_id) for _ in range(2))

    assert first == second == Trace.of_job(job_id)
    assert first.trace_id == job_id.replace("-", "")
    assert first.request_id == ""


@pytest.mark.parametrize("job_id", ["", "j1", "0" * 32, "ä\ud800", "x" * 500])
def test_any_id_of_a_job_makes_a_valid_trace(job_id: str) -> None:
    trace = Trace.of_job(job_id)

    assert Trace.read(trace.traceparent) == trace


def test_span_of_a_submit_is_known_from_the_record_alone() -> None:
    """So a message that is published again has the parent that the first one had."""
    submitted = Trace.start(VALID).submit("j1")

    again = Trace.of_job("j1", TRACE_ID)

    assert (again.trace_id, again.span_id) == (submitted.trace_id, submitted.span_id)


def test_attempts_are_spans_of_their_own_below_the_submit() -> None:
    submitted = Trace.of_job("j1", TRACE_ID)

    first, second = submitted.attempt("j1", 1), submitted.attempt("j1", 2)

    assert first.parent_id == second.parent_id == submitted.span_id
    assert first.span_id == attempt_span_id("j1", 1)
    assert len({submitted.span_id, first.span_id, second.span_id}) == 3


def test_call_to_another_service_is_told_the_request() -> None:
    attempt = Trace.start(VALID, "order-7").submit("j1").attempt("j1", 1)

    assert attempt.http_headers == {
        "traceparent": f"00-{TRACE_ID}-{attempt.span_id}-01",
        "X-Request-ID": "order-7",
    }
