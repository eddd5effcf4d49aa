"""A message as it goes over the line: encoded once, by the caller who made it.

So what cannot be encoded fails in the hands of its caller, and takes no other's messages with it;
and the thread that all callers share has less to do.
"""

import struct
from collections.abc import Iterator

from project.message import Message
from project.publisher.table import encode_short, encode_table

CHANNEL = 1
"""The one that messages are published on."""

_METHOD, _HEADER, _BODY = 1, 2, 3
_END = b"\xce"
# What a frame has besides its payload: kind, channel, size, end.
_FRAME_OVERHEAD = 8
_PUBLISH = struct.pack(">HHH", 60, 40, 0)
_MANDATORY = 0x01

# The properties that follow: content type, content encoding, headers, delivery mode, correlation id
# (AMQP 0-9-1, 4.2.6.1; the order is fixed).
_FLAGS = struct.pack(">H", 0x8000 | 0x4000 | 0x2000 | 0x1000 | 0x0400)
_JSON = _FLAGS + encode_short("application/json") + encode_short("utf-8")
_PERSISTENT = b"\x02"


class Content:
    """A message's frames, all but those of its body."""

    __slots__ = ("_body", "_start", "address")

    def __init__(self, message: Message, *, is_mandatory: bool) -> None:
        self.address = message.job_id, message.exchange, message.routing_key
        """By which a message that is given back is known."""
        self._body = message.body
        self._start = _frame(_METHOD, _encode_publish(message, is_mandatory)) + _frame(
            _HEADER, _encode_header(message)
        )

    def frames(self, frame_max: int) -> Iterator[bytes]:
        """What is to be written; none of the body is longer than `frame_max`."""
        yield self._start
        size = frame_max - _FRAME_OVERHEAD
        for place in range(0, len(self._body), size):
            yield _frame(_BODY, self._body[place : place + size])


def _encode_publish(message: Message, is_mandatory: bool) -> bytes:
    flags = _MANDATORY if is_mandatory else 0
    address = encode_short(message.exchange) + encode_short(message.routing_key)
    return _PUBLISH + address + flags.to_bytes(1)


def _encode_header(message: Message) -> bytes:
    return b"".join(
        (
            struct.pack(">HHQ", 60, 0, len(message.body)),
            _JSON,
            encode_table(message.headers),
            _PERSISTENT,
            encode_short(message.job_id),
        )
    )


def _frame(kind: int, payload: bytes) -> bytes:
    return struct.pack(">BHI", kind, CHANNEL, len(payload)) + payload + _END
