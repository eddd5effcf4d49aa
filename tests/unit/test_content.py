"""A message's frames, as py-amqp reads them."""

import struct
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from amqp import Message as TheirMessage  # type: ignore[import-untyped]  # py-amqp ships no types
from amqp.exceptions import FrameSyntaxError, UnexpectedFrame  # type: ignore[import-untyped]
from amqp.serialization import loads  # type: ignore[import-untyped]
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from project.broker.message import Message
from project.broker.publisher.content import CHANNEL, LONGEST_FRAME, Content, split_frames
from project.broker.publisher.line import WRITE_BYTES, gather
from project.errors import UnsendableMessageError
from tests.builders import a_job

FRAME_OVERHEAD = 8
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
VALUES = st.recursive(
    st.one_of(st.text(), st.none(), st.booleans(), st.integers(-(2**63) + 1, 2**63 - 1)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=5,
)
HEADERS = st.dictionaries(NAMES, VALUES, max_size=8)
# How long an example takes is the machine's affair.
unhurried = settings(database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def a_message(**changes: Any) -> Message:
    values = {"exchange": "jobs", "routing_key": "short", "headers": {}, "body": b"[]"}
    return Message(job_id=a_job().id, **values | changes)


def read_frames(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Kind, channel and payload of each."""
    stream = BytesIO(data)
    while start := stream.read(7):
        kind, channel, size = struct.unpack(">BHI", start)
        payload = stream.read(size)
        assert stream.read(1) == b"\xce"
        yield kind, channel, payload


def read(data: bytes) -> tuple[list[Any], TheirMessage]:
    """What is published with which arguments, by py-amqp."""
    (method, channel, call), (header, _, properties), *bodies = read_frames(data)
    assert (method, header, channel) == (1, 2, CHANNEL)
    assert struct.unpack(">HH", call[:4]) == (60, 40)
    arguments, _ = loads("Bssbb", call, 4)
    message = TheirMessage()
    message.inbound_header(properties)
    for kind, _, body in bodies:
        assert kind == 3
        message.inbound_body(body)
    return arguments, message


@unhurried
@given(HEADERS, st.binary(min_size=1, max_size=9000), st.booleans())
def test_pyamqp_reads_the_message_that_was_written(
    headers: dict[str, Any], body: bytes, is_mandatory: bool
) -> None:
    message = a_message(headers=headers, body=body)

    written = b"".join(Content(message, is_mandatory=is_mandatory).frames(4096))

    arguments, theirs = read(written)
    assert arguments == [0, "jobs", "short", is_mandatory, False]
    assert theirs.body == body
    assert theirs.properties == {
        "content_type": "application/json",
        "content_encoding": "utf-8",
        "delivery_mode": 2,
        "correlation_id": message.job_id,
        "application_headers": headers,
    }


def test_body_is_cut_into_frames_that_the_broker_takes() -> None:
    message = a_message(body=b"x" * 10_000)

    frames = list(Content(message, is_mandatory=True).frames(4096))

    assert [len(frame) for frame in frames[1:]] == [4096, 4096, 10_000 - 2 * 4088 + 8]


def test_message_without_a_body_has_no_frame_of_it() -> None:
    (start,) = Content(a_message(body=b""), is_mandatory=False).frames(4096)

    assert [kind for kind, _, _ in read_frames(start)] == [1, 2]


def test_many_messages_share_a_write() -> None:
    contents = [Content(a_message(), is_mandatory=True) for _ in range(3)]

    (piece,) = gather(contents, LONGEST_FRAME)

    assert piece == b"".join(
        frame for content in contents for frame in content.frames(LONGEST_FRAME)
    )


def test_large_messages_are_written_one_by_one() -> None:
    contents = [Content(a_message(body=b"x" * WRITE_BYTES), is_mandatory=True) for _ in range(3)]

    assert len(list(gather(contents, LONGEST_FRAME))) == 3


def test_header_that_is_no_value_is_refused_by_its_name() -> None:
    with pytest.raises(FrameSyntaxError, match="odd"):
        Content(a_message(headers={"odd": object()}), is_mandatory=True)


def test_headers_that_are_too_long_are_refused_before_they_are_sent() -> None:
    """RabbitMQ would close the connection, and with it all that is under way."""

    def start(length: int) -> bytes:
        message = a_message(headers={"long": "x" * length}, body=b"")
        return b"".join(Content(message, is_mandatory=True).frames(LONGEST_FRAME))

    _, (_, _, header) = read_frames(start(0))
    longest = LONGEST_FRAME - len(header) - FRAME_OVERHEAD

    assert start(longest)
    with pytest.raises(UnsendableMessageError, match="too long"):
        start(longest + 1)


def test_address_that_is_too_long_is_refused() -> None:
    with pytest.raises(struct.error):
        Content(a_message(routing_key="x" * 256), is_mandatory=True)


@unhurried
@given(st.binary(max_size=30), st.integers(0, 70))
def test_frames_are_read_as_far_as_they_have_come(payload: bytes, place: int) -> None:
    data = b"".join(struct.pack(">BHI", 1, n, len(payload)) + payload + b"\xce" for n in (0, 1))

    first, rest = split_frames(data[:place])
    second, nothing = split_frames(rest + data[place:])

    assert first + second == [(1, 0, payload), (1, 1, payload)]
    assert nothing == b""


def test_frame_without_its_end_is_nonsense() -> None:
    with pytest.raises(UnexpectedFrame):
        split_frames(struct.pack(">BHI", 1, 1, 2) + b"abc")
