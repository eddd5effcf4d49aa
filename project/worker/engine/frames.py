"""The few AMQP frames that a worker process reads and writes itself, byte by byte.

py-amqp needs a tenth of a millisecond for a message: it decodes every property, makes three system
calls for each frame, and builds objects that nobody reads. Here a delivery is three slices of the
bytes that were read. Layouts follow AMQP 0-9-1, 2.3.5 and 4.2; py-amqp handles everything else.
"""

import struct
from collections.abc import Iterator
from typing import Any

from amqp.basic_message import Message  # type: ignore[import-untyped]  # py-amqp ships no types
from amqp.exceptions import UnexpectedFrame  # type: ignore[import-untyped]

from project.broker.message_reader import UNREADABLE_HEADER

METHOD, HEADER, BODY = 1, 2, 3

Frame = tuple[int, int, bytes]
"""Kind, channel and payload."""

_END = b"\xce"
_START = struct.Struct(">BHI")
_OVERHEAD = _START.size + len(_END)

_BASIC = 60
QOS_OK = struct.pack(">HH", _BASIC, 11)
CONSUME_OK = struct.pack(">HH", _BASIC, 21)
CANCEL = struct.pack(">HH", _BASIC, 30)
CANCEL_OK = struct.pack(">HH", _BASIC, 31)
DELIVER = struct.pack(">HH", _BASIC, 60)

_QOS = struct.Struct(">HHIH?")
_ACK = struct.Struct(">HHQ?")
_LONG_LONG = struct.Struct(">Q")
_LONG = struct.Struct(">I")

HEARTBEAT = _START.pack(8, 0, 0) + _END

_PROPERTIES = struct.Struct(">HHQH")
"""The start of a header frame's payload: class, weight, size of the body, flags."""
_HAS_CONTENT_TYPE, _HAS_CONTENT_ENCODING, _HAS_HEADERS = 0x8000, 0x4000, 0x2000
_HAS_DELIVERY_MODE, _HAS_PRIORITY, _HAS_CORRELATION_ID = 0x1000, 0x0800, 0x0400
_HAS_REPLY_TO = 0x0200
_USUAL = (
    *(_HAS_CONTENT_TYPE | _HAS_CONTENT_ENCODING | _HAS_HEADERS,),
    *(_HAS_DELIVERY_MODE | _HAS_PRIORITY | _HAS_CORRELATION_ID | _HAS_REPLY_TO,),
)
_USUAL_FLAGS = _USUAL[0] | _USUAL[1]
"""The quick reader knows the layout of these."""


def split(data: bytes) -> tuple[list[Frame], bytes]:
    """All complete frames, and the remaining bytes: the start of the next frame."""
    frames = []
    start, length = 0, len(data)
    while length - start >= _OVERHEAD:
        kind, channel, size = _START.unpack_from(data, start)
        end = start + _OVERHEAD + size
        if length < end:
            break
        if data[end - 1] != _END[0]:
            raise UnexpectedFrame("A frame does not end with the frame-end byte.")
        frames.append((kind, channel, data[start + _START.size : end - 1]))
        start = end
    return frames, data[start:]


def read_deliver(payload: bytes) -> tuple[int, bool, str, str]:
    """Tag, whether it was delivered before, exchange and routing key of a `basic.deliver`."""
    place = 5 + payload[4]  # after the consumer's tag
    (tag,) = _LONG_LONG.unpack_from(payload, place)
    is_redelivered = bool(payload[place + 8])
    exchange, place = _read_short(payload, place + 9)
    routing_key, _ = _read_short(payload, place)
    return tag, is_redelivered, exchange, routing_key


def read_consumer(payload: bytes) -> str:
    """The consumer tag at the start of consume-ok, cancel, cancel-ok and deliver."""
    return _read_short(payload, 4)[0]


def body_size(payload: bytes) -> int:
    """Size in bytes of the body that follows a header frame."""
    size: int = _PROPERTIES.unpack_from(payload)[2]
    return size


def read_properties(payload: bytes) -> dict[str, Any]:
    """The properties of a header frame, under py-amqp's names.

    RabbitMQ accepts properties that nobody can decode: a content type that is not UTF-8, a time in
    the year 10000, tables nested a thousand deep. Such a message gets UNREADABLE_HEADER as its only
    header.
    """
    try:
        return _read_usual(payload)
    except (ValueError, IndexError, struct.error):  # it has more than the usual properties
        pass
    message = Message()
    try:
        message.inbound_header(payload)
        properties: dict[str, Any] = message.properties
    except Exception:  # noqa: BLE001 - whatever py-amqp raises on a stranger's bytes
        return {"application_headers": {UNREADABLE_HEADER: True}}
    return properties


def _read_usual(payload: bytes) -> dict[str, Any]:
    flags = _PROPERTIES.unpack_from(payload)[3]
    if flags & ~_USUAL_FLAGS:
        raise ValueError("The message has a property that the quick reader does not know.")
    properties: dict[str, Any] = {}
    place = _PROPERTIES.size
    if flags & _HAS_CONTENT_TYPE:
        properties["content_type"], place = _read_short(payload, place)
    if flags & _HAS_CONTENT_ENCODING:
        properties["content_encoding"], place = _read_short(payload, place)
    if flags & _HAS_HEADERS:
        properties["application_headers"], place = _read_table(payload, place)
    if flags & _HAS_DELIVERY_MODE:
        properties["delivery_mode"] = payload[place]
        place += 1
    if flags & _HAS_PRIORITY:
        properties["priority"] = payload[place]
        place += 1
    if flags & _HAS_CORRELATION_ID:
        properties["correlation_id"], place = _read_short(payload, place)
    if flags & _HAS_REPLY_TO:
        properties["reply_to"], place = _read_short(payload, place)
    return properties


def _read_short(data: bytes, place: int) -> tuple[str, int]:
    end = place + 1 + data[place]
    return data[place + 1 : end].decode(), end


def _read_table(data: bytes, place: int) -> tuple[dict[str, Any], int]:
    """Read a table of strings, integers, booleans and nulls; ValueError: it has other values."""
    end = place + 4 + _LONG.unpack_from(data, place)[0]
    place += 4
    table: dict[str, Any] = {}
    while place < end:
        name, place = _read_short(data, place)
        kind = data[place]
        place += 1
        if kind == 83:  # S: a long text
            stop = place + 4 + _LONG.unpack_from(data, place)[0]
            table[name] = data[place + 4 : stop].decode()
            place = stop
        elif kind == 86:  # V: null
            table[name] = None
        elif kind in _NUMBERS:
            number = _NUMBERS[kind]
            (table[name],) = number.unpack_from(data, place)
            place += number.size
        else:
            raise ValueError("The table has a field that the quick reader does not know.")
    return table, place


_NUMBERS = {
    ord("t"): struct.Struct(">?"),
    ord("b"): struct.Struct(">b"),
    ord("s"): struct.Struct(">h"),
    ord("I"): struct.Struct(">i"),
    ord("l"): struct.Struct(">q"),
}
"""The types as RabbitMQ reads them: https://www.rabbitmq.com/amqp-0-9-1-errata, "Field types"."""


# ── Methods that are written ─────────────────────────────────────────────────────────────────────


def ack(channel: int, tag: int, *, multiple: bool) -> bytes:
    """`basic.ack`."""
    return _method(channel, _ACK.pack(_BASIC, 80, tag, multiple))


def reject(channel: int, tag: int, *, requeue: bool) -> bytes:
    """`basic.reject`."""
    return _method(channel, _ACK.pack(_BASIC, 90, tag, requeue))


def qos(channel: int, prefetch: int) -> bytes:
    """`basic.qos`, for the consumers that are started after it."""
    return _method(channel, _QOS.pack(_BASIC, 10, 0, prefetch, False))


def consume(channel: int, queue: str, consumer: str) -> bytes:
    """`basic.consume` with no-wait: RabbitMQ sends no answer."""
    no_wait = b"\x08"
    start = struct.pack(">HHH", _BASIC, 20, 0)
    return _method(channel, start + _short(queue) + _short(consumer) + no_wait + _LONG.pack(0))


def cancel(channel: int, consumer: str) -> bytes:
    """`basic.cancel`, which RabbitMQ answers with `basic.cancel-ok`."""
    return _method(channel, struct.pack(">HH", _BASIC, 30) + _short(consumer) + b"\x00")


def _method(channel: int, payload: bytes) -> bytes:
    return _START.pack(METHOD, channel, len(payload)) + payload + _END


def _short(text: str) -> bytes:
    data = text.encode()
    return bytes((len(data),)) + data


def join(chunks: Iterator[bytes] | list[bytes]) -> bytes:
    """Join the chunks, for one write."""
    return b"".join(chunks)
