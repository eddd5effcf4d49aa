"""A message in the form that goes over the connection, encoded once, by its caller.

So a message that cannot be encoded fails only its caller, not other callers' messages; and nobody
else waits for the encoding.
"""

import struct
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from amqp.exceptions import UnexpectedFrame  # type: ignore[import-untyped]  # it has no types
from amqp.serialization import dumps  # type: ignore[import-untyped]  # py-amqp ships no types

from project.broker.message import Message
from project.errors import UnsendableMessageError

CHANNEL = 1
"""The channel that messages are published on."""

LONGEST_FRAME = 131_072
"""RabbitMQ's `frame_max`. It closes the connection at a longer frame; headers must fit into one."""

_METHOD, _HEADER, _BODY = 1, 2, 3
_END = b"\xce"
# The parts of a frame besides its payload: kind, channel, size, end.
_FRAME_START = struct.Struct(">BHI")
_FRAME_OVERHEAD = _FRAME_START.size + len(_END)
_PUBLISH = struct.pack(">HH", 60, 40)

# The properties that follow: content type, content encoding, headers, delivery mode, correlation id
# (AMQP 0-9-1, 4.2.6.1; the order is fixed).
_FLAGS = struct.pack(">H", 0x8000 | 0x4000 | 0x2000 | 0x1000 | 0x0400)
_JSON = _FLAGS + bytes(dumps("ss", ("application/json", "utf-8")))
_PERSISTENT = b"\x02"
_HEADER_START = struct.Struct(">HHQ")
_LONG = struct.Struct(">I")


_ALIKE = frozenset({"lang", "task", "argsrepr", "kwargsrepr", "origin"})
"""Headers that all messages of a kind share, so their encoding is cached."""


class Content:
    """A message, with its frames encoded except those of its body."""

    __slots__ = ("_start", "message")

    def __init__(self, message: Message, *, is_mandatory: bool) -> None:
        """UnsendableMessageError: the headers are too long."""
        self.message = message
        call = _publish_frame(message.exchange, message.routing_key, is_mandatory)
        self._start = call + _frame(_HEADER, _encode_header(message))

    def frames(self, frame_max: int) -> Iterator[bytes]:
        """The bytes to write; no frame of the body is longer than `frame_max`."""
        yield self._start
        size = frame_max - _FRAME_OVERHEAD
        body = self.message.body
        for place in range(0, len(body), size):
            yield _frame(_BODY, body[place : place + size])


@lru_cache(maxsize=64)  # most messages go to a few addresses
def _publish_frame(exchange: str, routing_key: str, is_mandatory: bool) -> bytes:
    arguments = (0, exchange, routing_key, is_mandatory, False)
    return _frame(_METHOD, _PUBLISH + bytes(dumps("Bssbb", arguments)))


def _encode_header(message: Message) -> bytes:
    start = _HEADER_START.pack(60, 0, len(message.body)) + _JSON
    properties = _PERSISTENT + _encode_short(message.job_id)
    header = start + _encode_table(message.headers) + properties
    if len(header) + _FRAME_OVERHEAD > LONGEST_FRAME:
        raise UnsendableMessageError("The headers are too long for a message.")
    return header


def _encode_table(table: Mapping[str, Any]) -> bytes:
    """Encode like py-amqp. A job's table has only strings, which takes a fifth of the time here."""
    parts: list[bytes] = []
    for name, value in table.items():
        if type(value) is not str:
            return bytes(dumps("F", (table,)))
        if name in _ALIKE:
            parts.append(_encode_alike(name, value))
        else:
            text = value.encode("utf-8", "surrogatepass")
            parts += (_encode_name(name), _LONG.pack(len(text)), text)
    content = b"".join(parts)
    return _LONG.pack(len(content)) + content


@lru_cache(maxsize=256)  # all messages have the same few names
def _encode_name(name: str) -> bytes:
    """A header's name, and the type byte of a string value."""
    return _encode_short(name) + b"S"


@lru_cache(maxsize=256)
def _encode_alike(name: str, value: str) -> bytes:
    text = value.encode("utf-8", "surrogatepass")
    return _encode_name(name) + _LONG.pack(len(text)) + text


def _encode_short(text: str) -> bytes:
    encoded = text.encode("utf-8", "surrogatepass")
    return bytes([len(encoded)]) + encoded


def _frame(kind: int, payload: bytes) -> bytes:
    return _FRAME_START.pack(kind, CHANNEL, len(payload)) + payload + _END


def split_frames(data: bytes) -> tuple[list[tuple[int, int, bytes]], bytes]:
    """Kind, channel and payload of each complete frame, and the remaining bytes."""
    frames = []
    start = 0
    while len(data) - start >= _FRAME_OVERHEAD:
        kind, channel, size = _FRAME_START.unpack_from(data, start)
        end = start + _FRAME_OVERHEAD + size
        if len(data) < end:
            break
        if data[end - 1 : end] != _END:
            raise UnexpectedFrame("A frame does not end with the frame-end byte.")
        frames.append((kind, channel, data[start + _FRAME_START.size : end - 1]))
        start = end
    return frames, data[start:]
