"""py-amqp's reader of frames: no message's properties stop it."""

import json
import struct
from typing import Any

import pytest
from amqp.serialization import dumps
from kombu.utils.json import dumps as dumps_json

from project.broker.message_reader import UNREADABLE_HEADER
from project.broker.topology import TolerantFrames, transport_options

DELIVER = struct.pack(">HH", 60, 60) + dumps("sLbss", ("tag", 1, False, "jobs", "short"))


class Line:
    """A connection, as far as frames are read from it."""

    bytes_recv = 0


def read(properties: bytes, body: bytes) -> list[Any]:
    """The messages that come out of a message's frames."""
    found: list[Any] = []
    on_frame = TolerantFrames()(
        Line(), lambda _channel, _method, _arguments, message: found.append(message)
    )
    on_frame((1, 1, DELIVER))
    on_frame((2, 1, struct.pack(">HHQ", 60, 0, len(body)) + properties))
    if body:
        on_frame((3, 1, body))
    return found


def headers_with(name: bytes, field: bytes) -> bytes:
    content = struct.pack("B", len(name)) + name + field
    return b"\x20\x00" + struct.pack(">I", len(content)) + content


UNREADABLE = {
    "content type that is not UTF-8": b"\x80\x00\x02\xff\xfe",
    "time of the year 60,000": headers_with(b"when", b"T" + struct.pack(">Q", 2**41)),
    "unknown type": headers_with(b"x", b"?1234"),
    "table that is cut off": b"\x20\x00\x00\x00\x00\x05\x01",
    "arrays a thousand deep": headers_with(
        b"deep", b"".join(b"A" + struct.pack(">I", 5 * (5000 - depth)) for depth in range(5000))
    ),
}


@pytest.mark.parametrize("body", [b"[]", b""])
@pytest.mark.parametrize("properties", UNREADABLE.values(), ids=UNREADABLE)
def test_message_that_cannot_be_decoded_comes_without_its_properties(
    properties: bytes, body: bytes
) -> None:
    (message,) = read(properties, body)

    assert message.properties == {"application_headers": {UNREADABLE_HEADER: True}}
    assert (message.body or b"") == body


@pytest.mark.parametrize("body", [b"[]", b""])
def test_message_that_can_comes_as_it_is(body: bytes) -> None:
    (message,) = read(headers_with(b"id", b"S\x00\x00\x00\x02j1"), body)

    assert message.properties == {"application_headers": {"id": "j1"}}


@pytest.mark.parametrize("body", [b"[]", b""])
def test_error_of_the_messages_receiver_is_its_own(body: bytes) -> None:
    def receive(*_: Any) -> None:
        raise LookupError("mine")

    on_frame = TolerantFrames()(Line(), receive)
    on_frame((1, 1, DELIVER))

    with pytest.raises(LookupError, match="mine"):
        on_frame((2, 1, struct.pack(">HHQ", 60, 0, len(body)) + headers_with(b"a", b"V")))
        on_frame((3, 1, body))


def test_every_connection_reads_so_and_can_be_told_of() -> None:
    """Celery's workers answer `inspect stats` with the options of their connection, as JSON."""
    options = transport_options("web")

    assert isinstance(options["frame_handler"], TolerantFrames)
    assert json.loads(dumps_json(options))["frame_handler"] == "TolerantFrames"
