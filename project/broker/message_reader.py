"""Reads Celery's messages in any form that a client may have sent. Pure, except for the clock.

The worker and the dead letter consumer use the same rules: if one refuses a message, the other does
not requeue it. It reads protocols 1 and 2
(https://docs.celeryq.dev/en/stable/internals/protocol.html).
"""

import bz2
import lzma
import re
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, TypeGuard

import orjson

from project.errors import InvalidInputError, NewerMessageError, UnreadableMessageError
from project.json_values import check_json, parse_json
from project.ledger.record_format import is_newer

UNREADABLE_HEADER = "unreadable"
"""The only header of a message whose headers cannot be decoded: see `topology.TolerantFrames`."""

REQUEUES_HEADER = "requeues"
"""Header: how often the message was requeued from the dead-letter queue."""

WAITS_HEADER = "waits_for_newer"
"""How often it was requeued because a newer worker may run it."""

RESERVED_HEADERS = frozenset(
    {
        # Celery's worker sets these itself, in the object that it makes from the headers.
        *("args", "kwargs", "callbacks", "errbacks", "chain", "chord", "headers", "properties"),
        *("delivery_info", "hostname", "reply_to", "correlation_id", "loglevel", "logfile"),
        *("called_directly", "is_eager", "time_limit", "soft_time_limit", "taskset"),
        # These are that object's methods.
        *("as_execution_options", "children", "clear", "get", "update"),
        # These are this project's attributes of the same object.
        *("begun_at", "due_at", "job", "reservation", "submitted"),
    }
)
"""Headers that would overwrite the worker's own values; they are ignored."""

_BROKERS_OWN = frozenset(
    {"x-death", "x-delivery-count", "x-acquired-count", "x-opt-rabbitmq-received-time"}
)
"""Headers that RabbitMQ adds, as well as all that begin with `x-first-death` or `x-last-death`."""

LONGEST_BODY = 16 * 1024 * 1024
"""Bytes of a decompressed body: RabbitMQ's limit for a body (deploy/rabbitmq/rabbitmq.conf)."""

LONGEST_ID = 200
_LONGEST_DELAY = timedelta(seconds=2**28 - 1)
"""The same as `message.MAX_DELAY_SECONDS`."""
_MOST_RETRIES = 1_000_000
_RESERVED_IDS = frozenset({"bulk", "rerun", ".", ".."})
"""Words that URLs use in the place of an id."""

# orjson reads an integer beyond 64 bits as a float, and reads more nesting levels than it writes.
# Checking takes longer than reading, so only bodies that may have either are checked.
_LONG_NUMBER = re.compile(rb"[0-9]{19}")
_MOST_BRACKETS_UNSEEN = 200

UNPACKERS: Mapping[str, Callable[[], Any]] = {
    "application/x-gzip": zlib.decompressobj,  # kombu's name for a zlib stream
    "application/x-bz2": bz2.BZ2Decompressor,
    # Enough for presets 0 to 9; an unknown client's stream may ask for gigabytes.
    "application/x-lzma": partial(lzma.LZMADecompressor, memlimit=1 << 27),
}
"""Factories of decompressor objects, by the header `compression`."""

_SIGNATURES = ("callbacks", "errbacks", "chain")


class Call(NamedTuple):
    """A message's decoded body: the arguments of the task, and what follows it."""

    args: list[Any]
    kwargs: dict[str, Any]
    embed: dict[str, Any]


class Content(NamedTuple):
    """A message of protocol 2."""

    headers: dict[str, Any]
    body: bytes | str


def read_message(
    headers: Mapping[str, Any], body: bytes | str, content_type: Any, content_encoding: Any
) -> Content:
    """The message, with the headers that a worker can use; its body is not decoded yet.

    UnreadableMessageError: no worker can run it; the error quotes nothing from the message. Its
    subclass NewerMessageError: no worker of this version can.
    """
    if UNREADABLE_HEADER in headers:
        raise UnreadableMessageError("Its properties or headers cannot be decoded.")
    if content_type != "application/json":
        raise UnreadableMessageError("Its content type must be application/json.")
    if content_encoding and str(content_encoding).lower() not in {"utf-8", "utf8", "us-ascii"}:
        raise UnreadableMessageError("Its content encoding must be utf-8.")
    if "task" not in headers:
        headers, body = _read_protocol_1(headers, body)
    return Content(_read_headers(headers), body)


def read_body(body: bytes | str) -> Call:
    """Decode a JSON body; UnreadableMessageError if a worker cannot call the result."""
    return read_call(_load(body))


def read_call(values: Any) -> Call:
    """Check `[args, kwargs, embed]`; UnreadableMessageError if it is anything else."""
    if not (isinstance(values, list) and len(values) == 3):
        raise UnreadableMessageError("Its body must be the JSON array [args, kwargs, embed].")
    args, kwargs, embed = values
    if kwargs == []:
        kwargs = {}  # PHP and Lua write an empty map as []
    if not isinstance(args, list):
        raise UnreadableMessageError("Its positional arguments must be a JSON array.")
    if not isinstance(kwargs, dict):
        raise UnreadableMessageError("Its keyword arguments must be a JSON object.")
    if not isinstance(embed, dict):
        raise UnreadableMessageError("The third item of its body must be a JSON object.")
    if embed:
        _check_embed(embed)
    return Call(args, kwargs, embed)


def own_headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    """The headers that the message was published with."""
    return {
        name: value
        for name, value in headers.items()
        if name not in _BROKERS_OWN and not str(name).startswith(("x-first-death", "x-last-death"))
    }


def can_be_dead_lettered(headers: Mapping[str, Any]) -> bool:
    """Whether it is safe to reject the message.

    RabbitMQ 3.10 permanently stops dead-lettering the whole queue at an `x-death` header that it
    has not written (`rabbit_dead_letter:group_by_queue_and_reason`). Headers that cannot be decoded
    may contain one.
    """
    deaths = headers.get("x-death")
    return UNREADABLE_HEADER not in headers and (
        deaths is None or (isinstance(deaths, list) and all(map(_is_death, deaths)))
    )


def _is_death(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and is_text(value.get("queue"))
        and is_text(value.get("reason"))
        and is_text(value.get("exchange"))
        and isinstance(value.get("count"), int)
        and isinstance(value.get("time"), datetime)
        and _are_texts(value.get("routing-keys"))
    )


def unpack(body: bytes, compression: Any) -> bytes:
    """Decompress a body, up to the length that a body may have; raises UnreadableMessageError.

    Without a limit, a few kilobytes could expand to gigabytes.
    """
    make = UNPACKERS.get(compression) if isinstance(compression, str) else None
    if make is None:
        raise UnreadableMessageError("Its compression header names an unknown method.")
    unpacker = make()
    try:
        unpacked: bytes = unpacker.decompress(body, LONGEST_BODY)
    except (zlib.error, lzma.LZMAError, OSError, EOFError):
        raise UnreadableMessageError("Its body cannot be decompressed.") from None
    if not unpacker.eof:
        raise UnreadableMessageError(
            "Its compressed body is cut off, or too long when decompressed."
        )
    return unpacked


def is_job_id(value: Any) -> TypeGuard[str]:
    """Whether a job can have this id: printable text that can be part of a URL path."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= LONGEST_ID
        and value.isprintable()
        and "/" not in value
        and value not in _RESERVED_IDS
    )


def is_text(value: Any) -> bool:
    """Whether it is text that UTF-8 can encode: AMQP text may contain lone surrogates."""
    if not isinstance(value, str):
        return False
    try:
        return value.isascii() or bool(value.encode())
    except UnicodeEncodeError:
        return False


def _read_headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    """The headers that a worker may act on, without empty ones and the worker's own."""
    if is_newer(text := headers.get("format")):
        raise NewerMessageError(f"It needs a newer worker: its format is {str(text)[:20]!r}.")
    usable: dict[str, Any] = {}
    for name, value in headers.items():
        # To Celery, a null header is the same as an absent one.
        if value is None or name in RESERVED_HEADERS or not isinstance(name, str):
            continue
        check = _CHECKS.get(name)
        if check is not None and not check[0](value):
            raise UnreadableMessageError(f"Its header {name} must be {check[1]}.")
        if name[:1] != "_":
            usable[name] = value
    for name in ("task", "id"):
        if name not in usable:
            raise UnreadableMessageError(f"It has no header {name}.")
    return usable


def _read_protocol_1(
    headers: Mapping[str, Any], body: bytes | str
) -> tuple[dict[str, Any], bytes | str]:
    """Convert a message of protocol 1, which has everything in its body, to protocol 2."""
    values = _load(body)
    if not isinstance(values, dict):
        raise UnreadableMessageError("It has no header task.")
    args, kwargs = values.pop("args", None) or [], values.pop("kwargs", None) or {}
    embed = {name: values.pop(name, None) for name in ("callbacks", "errbacks", "chord")}
    return {**values, **headers}, orjson.dumps([args, kwargs, embed])


def _load(body: bytes | str) -> Any:
    """The decoded JSON body; all of it can be written as JSON again."""
    data = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    try:
        values = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise UnreadableMessageError("Its body is not valid JSON.") from None
    if data.count(b"[") + data.count(b"{") > _MOST_BRACKETS_UNSEEN or _LONG_NUMBER.search(data):
        try:
            check_json(parse_json(data))
        except InvalidInputError:  # its message names the field
            raise UnreadableMessageError(
                "Its body is nested too deeply, or has an integer of more than 64 bits."
            ) from None
    return values


def _check_embed(embed: Mapping[str, Any]) -> None:
    for name in _SIGNATURES:
        following = embed.get(name)
        if following is not None and not (
            isinstance(following, list) and all(map(_is_signature, following))
        ):
            raise UnreadableMessageError(f"Its {name} must be an array of signatures.")
    chord = embed.get("chord")
    if chord is not None and not _is_signature(chord):
        raise UnreadableMessageError("Its chord must be a signature.")


def _is_signature(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("task"), str)
        and isinstance(value.get("args") or [], list)
        and isinstance(value.get("kwargs") or {}, dict)
        and isinstance(value.get("options") or {}, dict)
    )


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and 0 <= value <= _MOST_RETRIES


def _is_time(value: Any) -> bool:
    """ISO 8601, or AMQP's own type; no later than the longest delay."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment - datetime.now(UTC) <= _LONGEST_DELAY
    except (TypeError, ValueError, OverflowError):
        return False


def _are_limits(value: Any) -> bool:
    """`[hard, soft]`, in seconds; null or 0: no limit."""
    return (
        isinstance(value, list | tuple)
        and len(value) == 2
        and all(one is None or (isinstance(one, int | float) and one >= 0) for one in value)
    )


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(is_text, value))


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


_TEXT = (is_text, "text")
_TIME = (_is_time, "an ISO 8601 time that is not too far ahead")
_COUNT = (_is_count, "a small integer")
_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "id": (is_job_id, f"1 to {LONGEST_ID} printable characters without a slash"),
    **dict.fromkeys(("task", "lang", "origin", "shadow", "argsrepr", "kwargsrepr"), _TEXT),
    **dict.fromkeys(("root_id", "parent_id", "group", "compression"), _TEXT),
    **dict.fromkeys(("eta", "expires"), _TIME),
    **dict.fromkeys(("retries", "group_index", "replaced_task_nesting"), _COUNT),
    **dict.fromkeys((REQUEUES_HEADER, "repair"), _COUNT),
    "timelimit": (_are_limits, "two numbers of seconds"),
    "ignore_result": (_is_flag, "true or false"),
    "stamped_headers": (_are_texts, "an array of strings"),
    "stamps": (_is_table, "a table"),
}
"""The headers that the worker acts on: a check for each, and what it must be."""
