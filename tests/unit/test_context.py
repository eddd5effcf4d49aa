"""The ids that lead from a log line back to the click."""

import re

import pytest

from project.observability.context import Trace

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN_ID = "00f067aa0ba902b7"


def test_valid_traceparent_is_continued_in_a_new_span() -> None:
    trace = Trace.start(f"00-{TRACE_ID}-{SPAN_ID}-01")

    assert trace.trace_id == TRACE_ID
    assert trace.span_id != SPAN_ID


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "nonsense",
        f"00-{TRACE_ID}-{SPAN_ID}",
        f"00-{TRACE_ID.upper()}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{SPAN_ID}-01-more",
        f"00-{TRACE_ID[:-1]}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{SPAN_ID}-01\n",
        f" 00-{TRACE_ID}-{SPAN_ID}-01",
        f"ff-{TRACE_ID}-{SPAN_ID}-01",
        f"00-{'0' * 32}-{SPAN_ID}-01",
    ],
)
def test_invalid_traceparent_starts_a_new_trace(header: str | None) -> None:
    trace = Trace.start(header)

    assert re.fullmatch("[0-9a-f]{32}", trace.trace_id)
    assert trace.trace_id != TRACE_ID
    assert trace.trace_id.strip("0")


def test_traceparent_without_a_parent_span_starts_a_new_trace() -> None:
    """An all-zero parent id makes the whole header invalid (W3C Trace Context, 3.2.2.4)."""
    assert Trace.start(f"00-{TRACE_ID}-{'0' * 16}-01").trace_id != TRACE_ID


def test_trace_that_is_handed_on_is_continued() -> None:
    first = Trace.start()

    second = Trace.start(first.traceparent)

    assert second.trace_id == first.trace_id
    assert second.span_id != first.span_id


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
