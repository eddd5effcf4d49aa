"""AMQP's bytes, read and written without py-amqp: as py-amqp reads and writes them."""

import struct
from typing import Any

import pytest
from amqp.basic_message import Message
from amqp.exceptions import UnexpectedFrame
from amqp.serialization import dumps, loads
from hypothesis import given
from hypothesis import strategies as st

from project.broker.message_reader import UNREADABLE_HEADER
from project.worker.engine import frames

HEADERS = {
    "task": "create_task",
    "id": "j1",
    "retries": 0,
    "eta": None,
    "far": 2**40,
    "ignore_result": False,
    "umlaut": "Zürich \N{GRINNING FACE}",
}


def a_header(size: int = 0, **properties: Any) -> bytes:
    """A header frame's payload, by py-amqp."""
    message = Message("", **properties)
    return struct.pack(">HHQ", 60, 0, size) + bytes(message._serialize_properties())


def a_deliver(tag: int = 7, *, redelivered: bool = False, key: str = "short") -> bytes:
    values = ("worker-short 1", tag, redelivered, "jobs", key)
    return struct.pack(">HH", 60, 60) + bytes(dumps("sLbss", values))


def test_delivery_is_read_as_it_was_written() -> None:
    payload = a_deliver(2**40, redelivered=True, key="0.1.short")

    assert frames.read_deliver(payload) == (2**40, True, "jobs", "0.1.short")
    assert frames.read_consumer(payload) == "worker-short 1"


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"content_type": "application/json", "content_encoding": "utf-8"},
        {"application_headers": HEADERS, "delivery_mode": 2, "priority": 5},
        {"correlation_id": "j1", "reply_to": "r1", "application_headers": {}},
        # What the quick reader leaves to py-amqp.
        {"application_headers": {"stamps": {"a": [1, 2.5]}, "when": None}},
        {"message_id": "m1", "type": "t", "app_id": "a", "expiration": "5"},
    ],
)
def test_properties_are_those_that_py_amqp_reads(properties: dict[str, Any]) -> None:
    payload = a_header(12, **properties)

    assert frames.body_size(payload) == 12
    assert frames.read_properties(payload) == properties


@given(st.binary(max_size=60))
def test_properties_that_nobody_can_read_are_one_header(data: bytes) -> None:
    payload = struct.pack(">HHQ", 60, 0, 0) + data

    found = frames.read_properties(payload)

    reference = Message("")
    try:
        reference.inbound_header(payload)
    except Exception:  # noqa: BLE001 - whatever py-amqp raises on a stranger's bytes
        assert found == {"application_headers": {UNREADABLE_HEADER: True}}
    else:
        assert found == reference.properties


def test_content_type_that_is_no_text_makes_the_message_unreadable() -> None:
    payload = struct.pack(">HHQH", 60, 0, 0, 0x8000) + b"\x01\xff"

    assert frames.read_properties(payload) == {"application_headers": {UNREADABLE_HEADER: True}}


def test_frames_are_split_wherever_the_stream_was_cut() -> None:
    stream = frames.ack(1, 5, multiple=True) + frames.HEARTBEAT + frames.qos(1, 8)

    whole, rest = frames.split(stream)
    found: list[frames.Frame] = []
    unread = b""
    for byte in stream:
        new, unread = frames.split(unread + bytes((byte,)))
        found += new

    assert found == whole
    assert (rest, unread) == (b"", b"")
    assert [(kind, channel) for kind, channel, _ in whole] == [(1, 1), (8, 0), (1, 1)]


def test_frame_that_does_not_end_as_it_should_is_an_error() -> None:
    with pytest.raises(UnexpectedFrame):
        frames.split(frames.HEARTBEAT[:-1] + b"x")


@pytest.mark.parametrize(
    ("data", "method", "form", "values"),
    [
        (frames.ack(1, 2**40, multiple=True), 80, "Lb", [2**40, True]),
        (frames.reject(1, 9, requeue=True), 90, "Lb", [9, True]),
        (frames.qos(1, 32), 10, "lBb", [0, 32, False]),
        (frames.cancel(1, "worker 1"), 30, "sb", ["worker 1", False]),
    ],
)
def test_methods_are_written_as_py_amqp_reads_them(
    data: bytes, method: int, form: str, values: list[Any]
) -> None:
    ((kind, channel, payload),), rest = frames.split(data)

    assert (kind, channel, rest) == (frames.METHOD, 1, b"")
    assert struct.unpack_from(">HH", payload) == (60, method)
    assert loads(form, payload, 4)[0] == values


def test_consumer_is_begun_without_an_answer() -> None:
    ((_, _, payload),), _ = frames.split(frames.consume(1, "short", "worker 1"))

    values, _ = loads("Bssbbbb", payload, 4)

    assert values == [0, "short", "worker 1", False, False, False, True]
    assert payload.endswith(bytes(4))  # an empty table of arguments
