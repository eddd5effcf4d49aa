"""Messages as clients of all languages, and of none, may send them: made up by hypothesis.

Headers and properties are encoded here, byte by byte, because no client library would write what
RabbitMQ takes: texts that are not UTF-8, times of the year 60,000, tables in tables.
"""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import amqp
from hypothesis import strategies as st

from project.config import Settings

GOOD_TASKS = ("create_task", "isolated.step")
NO_KINDS = ("no.such", "celery.backend_cleanup", "celery.accumulate", "celery.map")
Field = tuple[bytes, bytes]
"""A value of a table as AMQP writes it: the letter of its type, and its bytes."""


@dataclass(frozen=True)
class Strange:
    """One message. Its token stands in its body, and so in the letter that it may become."""

    token: str
    job_id: str
    """Empty where its header `id` cannot be a job's."""
    exchange: str
    routing_key: str
    properties: bytes
    body: bytes


class RawMessage(amqp.Message):
    """A message whose properties are written as they are."""

    def __init__(self, strange: Strange) -> None:
        super().__init__(strange.body)
        self._raw = strange.properties

    def _serialize_properties(self) -> bytes:
        return self._raw


def publish_all(settings: Settings, messages: Sequence[Strange]) -> list[Strange]:
    """Those that RabbitMQ has confirmed: some it does not take, and closes the connection."""
    confirmed: list[Strange] = []
    channel = None
    for message in messages:
        channel = channel or _connect(settings).channel()
        try:
            channel.basic_publish_confirm(
                RawMessage(message), message.exchange, message.routing_key, confirm_timeout=10
            )
        except (amqp.AMQPError, OSError):
            channel = None
        else:
            confirmed.append(message)
    if channel is not None:
        channel.connection.close()
    return confirmed


def _connect(settings: Settings) -> Any:
    parts = urlsplit(settings.broker_url)
    connection = amqp.Connection(
        f"{parts.hostname}:{parts.port}",
        "admin",
        settings.admin_password,
        virtual_host=parts.path[1:],
        confirm_publish=True,
    )
    connection.connect()
    return connection


# ── AMQP's bytes (0-9-1, 4.2.5, and RabbitMQ's errata) ───────────────────────────────────────────


def text(value: str | bytes) -> Field:
    data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
    return b"S", struct.pack(">I", len(data)) + data


def table(fields: Sequence[tuple[bytes, Field]]) -> bytes:
    content = b"".join(_short(name) + kind + data for name, (kind, data) in fields)
    return struct.pack(">I", len(content)) + content


def array(fields: Sequence[Field]) -> Field:
    content = b"".join(kind + data for kind, data in fields)
    return b"A", struct.pack(">I", len(content)) + content


def _short(value: bytes) -> bytes:
    return struct.pack("B", len(value[:255])) + value[:255]


def properties_of(
    headers: Sequence[tuple[bytes, Field]],
    content_type: bytes | None,
    content_encoding: bytes | None,
    more: dict[str, Any],
) -> bytes:
    """Flags and values, in the order of the specification."""
    values = (
        (0x8000, None if content_type is None else _short(content_type)),
        (0x4000, None if content_encoding is None else _short(content_encoding)),
        (0x2000, table(headers)),
        (0x1000, b"\x02"),
        (0x0800, more.get("priority")),
        (0x0400, more.get("correlation_id")),
        (0x0200, more.get("reply_to")),
        (0x0080, more.get("message_id")),
        (0x0040, more.get("timestamp")),
        (0x0020, more.get("type")),
        (0x0008, more.get("app_id")),
    )
    present = [(flag, value) for flag, value in values if value is not None]
    return struct.pack(">H", sum(flag for flag, _ in present)) + b"".join(v for _, v in present)


# ── Strategies ───────────────────────────────────────────────────────────────────────────────────

# Without dots: hypothesis takes constants of our modules, too, such as the names of these tests'
# kinds, of which one kills its process, and one waits to be let go.
_words = st.text(st.characters(codec="utf-8", exclude_characters="."), max_size=12).map(
    lambda word: word.encode("utf-8", "surrogatepass")
)
_any_bytes = st.one_of(_words, st.binary(max_size=20))
_half_pair = st.just(b"\xed\xa0\xbd")

scalars: st.SearchStrategy[Field] = st.one_of(
    _any_bytes.map(text),
    _half_pair.map(text),
    st.booleans().map(lambda value: (b"t", bytes([value]))),
    st.integers(-128, 127).map(lambda value: (b"b", struct.pack(">b", value))),
    st.integers(-(2**15), 2**15 - 1).map(lambda value: (b"s", struct.pack(">h", value))),
    st.integers(-(2**31), 2**31 - 1).map(lambda value: (b"I", struct.pack(">i", value))),
    st.integers(-(2**63), 2**63 - 1).map(lambda value: (b"l", struct.pack(">q", value))),
    st.floats(width=64).map(lambda value: (b"d", struct.pack(">d", value))),
    st.integers(0, 2**64 - 1).map(lambda value: (b"T", struct.pack(">Q", value))),
    st.sampled_from([1_796_000_000_000, 0, 2**63]).map(lambda n: (b"T", struct.pack(">Q", n))),
    st.tuples(st.integers(0, 255), st.integers(-(2**31), 2**31 - 1)).map(
        lambda pair: (b"D", struct.pack(">Bi", *pair))
    ),
    st.binary(max_size=20).map(lambda value: (b"x", struct.pack(">I", len(value)) + value)),
    st.just((b"V", b"")),
)
fields: st.SearchStrategy[Field] = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(array),
        st.lists(st.tuples(_any_bytes, inner), max_size=3).map(lambda pairs: (b"F", table(pairs))),
    ),
    max_leaves=6,
)


def _nested(depth: int) -> Field:
    field: Field = text("deep")
    for _ in range(depth):
        field = array([field])
    return field


_deep = st.sampled_from([60, 300, 3000]).map(_nested)
_long = st.just(array([(b"b", b"\x01")] * 60_000))
"""As py-amqp writes these numbers they are too long for a message's headers."""

_times = st.sampled_from(
    [
        *("Mon Nov 30 2026 12:00:00 GMT+0000", "tomorrow", "2020-01-01T00:00:00"),
        *("2020-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00", "0001-01-01", "", "12"),
    ]
).map(text)
_KNOWN = {
    "eta": _times,
    "expires": _times,
    "retries": st.sampled_from([0, 1, 5, -1, 2**31 - 1]).map(
        lambda value: (b"I", struct.pack(">i", value))
    ),
    "timelimit": st.sampled_from(
        [array([(b"V", b"")] * 2), array([(b"I", struct.pack(">i", 30)), (b"V", b"")]), array([])]
    ),
    "ignore_result": st.just((b"t", b"\x01")),
    "group": _words.map(text),
    "root_id": _words.map(text),
    "parent_id": _words.map(text),
    "owner": _any_bytes.map(text),
    "key": _words.map(text),
    "submitted_at": _times,
    "run_at": _times,
    "rerun_of": _words.map(text),
    "traceparent": _words.map(text),
    "request_id": _words.map(text),
    "stamped_headers": st.just(array([text("mine")])),
    "requeues": st.sampled_from([0, 2]).map(lambda value: (b"I", struct.pack(">i", value))),
    **dict.fromkeys(
        (
            *("stamps", "group_index", "shadow", "lang", "origin", "argsrepr", "kwargsrepr"),
            *("called_directly", "is_eager", "job", "submitted", "due_at", "chord", "callbacks"),
            *("errbacks", "delivery_info", "hostname", "args", "kwargs", "compression", "repair"),
            *(
                "as_execution_options",
                "get",
                "_children",
                "x-death",
                "x-delivery-count",
                "unreadable",
            ),
        ),
        scalars,
    ),
}
known_headers = st.sampled_from(sorted(_KNOWN)).flatmap(
    lambda name: st.tuples(st.just(name.encode()), st.one_of(_KNOWN[name], _KNOWN[name], fields))
)
other_headers = st.tuples(
    # These are RabbitMQ's own: copies to other queues.
    _any_bytes.filter(lambda name: name.upper() not in {b"CC", b"BCC"}),
    st.one_of(fields, _deep, _long),
)

_SIGNATURE = {"task": "create_task", "args": [], "kwargs": {"type": 0}, "options": {}}
_json = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from(["\ud83d", {"task": 5}]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=5,
)
_types = st.sampled_from([0, 0, 0, -5, "x", None, 361, 0.5, 2**64, [], {}, "\ud83d"])
_args = st.one_of(st.just([]), st.tuples(_types).map(list), _json)
_kwargs = st.one_of(
    st.just([]), st.just({}), _types.map(lambda value: {"type": value}), _json,
    st.just({"self": 1}), st.just({"failures": 1}),
)  # fmt: skip
_embeds = st.one_of(
    st.just({"callbacks": None, "errbacks": None, "chain": None, "chord": None}),
    st.just({}),
    st.none(),
    st.sampled_from(["callbacks", "errbacks", "chain"]).flatmap(
        lambda name: st.sampled_from([[_SIGNATURE], [5], "x", [[]]]).map(lambda v: {name: v})
    ),
    st.sampled_from([_SIGNATURE, 5, [], {"task": "no.such"}]).map(lambda value: {"chord": value}),
    _json,
)
calls = st.one_of(
    st.tuples(_args, _kwargs, _embeds).map(list),
    st.just([[0], {}, {"callbacks": None}]),
    _json,
)
"""What stands in the place of `[args, kwargs, embed]`."""


def _with_token(call: Any, token: str, protocol_1: dict[str, Any] | None) -> bytes:
    """The JSON text, which says NaN and halves of pairs as Python's `json` does, and the token."""
    if protocol_1 is not None:
        is_call = isinstance(call, list) and len(call) == 3
        args, kwargs = (call[0], call[1]) if is_call else ([], {})
        call = {**protocol_1, "args": args, "kwargs": kwargs, "token": token}
    elif isinstance(call, list) and len(call) == 3 and isinstance(call[2], dict):
        call = [call[0], call[1], {**call[2], "token": token}]
    elif isinstance(call, dict):
        call = {**call, "token": token}
    elif isinstance(call, list):
        return (
            json.dumps(call).encode().replace(b"[", f'["{token}"'.encode() + b"," * bool(call), 1)
        )
    else:
        return json.dumps([call, token]).encode()
    return json.dumps(call).encode()


ASPECTS = ("id", "task", "headers", "headers", "content", "body", "body", "bytes", "protocol 1")
"""In what a message may be strange; one is so in two of them at the most."""

_other_ids = st.one_of(
    st.sampled_from(["a/b", "", "\ud83d", "a" * 300, "a\x00", "bulk"]).map(text),
    scalars.filter(lambda field: field[0] != b"S"),
    st.none(),
)
_other_tasks = st.one_of(st.sampled_from(NO_KINDS).map(text), fields, st.none())
_other_types = st.one_of(st.none(), _any_bytes, _half_pair)
_other_encodings = st.one_of(
    st.none(),
    st.sampled_from([b"utf-16", b"unicode_escape", b"zip", b"\xff", b"latin-1", b"binary"]),
)
_GOOD_CALL = [[0], {}, {"callbacks": None}]


@st.composite
def messages(draw: Any) -> Strange:
    """A message that is right but for one or two aspects."""
    strange = draw(st.lists(st.sampled_from(ASPECTS), max_size=2))
    token, job_id = f"token-{uuid4().hex}", str(uuid4())
    call = draw(calls) if "body" in strange else _GOOD_CALL
    headers = draw(st.lists(st.one_of(known_headers, other_headers), min_size=1, max_size=3))
    headers = headers if "headers" in strange else []
    protocol_1 = None
    if "protocol 1" in strange:
        task = draw(st.sampled_from(["create_task", "create_task", "no.such", 5]))
        protocol_1 = {"task": task, "id": job_id}
    else:
        named, job_id = _name(draw, strange, job_id)
        headers += named
    body = _with_token(call, token, protocol_1)
    if "bytes" in strange:
        body = draw(st.binary(max_size=40)) + token.encode()
    is_content_strange = "content" in strange
    exchange, routing_key = draw(
        st.sampled_from([("jobs", "short"), ("jobs", "short"), ("jobs", "long"), ("jobs.dead", "")])
    )
    return Strange(
        token=token,
        job_id=job_id,
        exchange=exchange,
        routing_key=routing_key,
        properties=properties_of(
            headers,
            draw(_other_types) if is_content_strange else b"application/json",
            draw(_other_encodings) if is_content_strange else b"utf-8",
            draw(_more_properties),
        ),
        body=body,
    )


def _name(draw: Any, strange: list[str], job_id: str) -> tuple[list[tuple[bytes, Field]], str]:
    """The headers `id` and `task`; and the id, empty where it is none."""
    id_field: Field | None = text(job_id)
    if "id" in strange:
        id_field, job_id = draw(_other_ids), ""
    task = draw(_other_tasks if "task" in strange else st.sampled_from(GOOD_TASKS).map(text))
    pairs = ((b"id", id_field), (b"task", task))
    return [(name, field) for name, field in pairs if field is not None], job_id


_shorts = _any_bytes.map(_short)
_more_properties = st.fixed_dictionaries(
    {},
    optional={
        "priority": st.integers(0, 255).map(lambda value: bytes([value])),
        "correlation_id": _shorts,
        "reply_to": _shorts,
        "message_id": _shorts,
        "timestamp": st.integers(0, 2**64 - 1).map(lambda value: struct.pack(">Q", value)),
        "type": _shorts,
        "app_id": _shorts,
    },
)
