"""What a worker can run of what clients send, and why not the rest."""

import bz2
import json
import lzma
import zlib
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from celery.app.task import Context
from kombu import compression

from project.broker.message import MAX_DELAY_SECONDS, encode_body, make_headers
from project.broker.message_reader import (
    LONGEST_BODY,
    RESERVED_HEADERS,
    UNREADABLE_HEADER,
    Call,
    can_be_dead_lettered,
    is_job_id,
    read_body,
    read_message,
    unpack,
)
from project.broker.topology import limit_unpacking
from project.errors import UnreadableMessageError
from tests.builders import a_job, a_trace

ROOT = Path(__file__).parents[2]
GOOD = {"id": "j1", "task": "create_task"}
TOMORROW = datetime.now(UTC) + timedelta(days=1)


def headers_of(**headers: Any) -> dict[str, Any]:
    """The headers that a worker sees."""
    return read_message({**GOOD, **headers}, b"", "application/json", "utf-8").headers


def fault_of(**headers: Any) -> str:
    with pytest.raises(UnreadableMessageError) as refused:
        headers_of(**headers)
    return str(refused.value)


def test_message_of_ours_is_read_as_it_is() -> None:
    job = a_job(key="part 1", owner="me", parent_id="p", root_id="r")
    headers, body = make_headers(job, a_trace()), encode_body(job)

    content = read_message(headers, body, "application/json", "utf-8")

    assert content == (headers, body)
    assert read_body(content.body).kwargs == job.parameters


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({"id": 7}, "id"),
        ({"id": ""}, "id"),
        ({"id": "a/b"}, "id"),
        ({"id": "a\x00"}, "id"),
        ({"id": "\ud83d"}, "id"),
        ({"id": "a" * 201}, "id"),
        ({"id": "rerun"}, "id"),
        ({"id": None}, "id"),
        ({"task": 5}, "task"),
        ({"task": "\ud83d"}, "task"),
        ({"eta": "Mon Nov 30 2026 12:00:00 GMT+0000"}, "eta"),
        ({"eta": ""}, "eta"),
        ({"eta": 12}, "eta"),
        ({"eta": "9999-12-31T23:59:59+00:00"}, "eta"),
        ({"expires": "tomorrow"}, "expires"),
        ({"retries": -1}, "retries"),
        ({"retries": 2**62}, "retries"),
        ({"retries": "1"}, "retries"),
        ({"timelimit": 5}, "timelimit"),
        ({"timelimit": [1]}, "timelimit"),
        ({"timelimit": [-1, None]}, "timelimit"),
        ({"timelimit": ["1", None]}, "timelimit"),
        ({"group": 5}, "group"),
        ({"parent_id": b"\xff"}, "parent_id"),
        ({"root_id": datetime.now(UTC)}, "root_id"),
        ({"shadow": ["x"]}, "shadow"),
        ({"stamped_headers": "mine"}, "stamped_headers"),
        ({"stamped_headers": [5]}, "stamped_headers"),
        ({"stamps": []}, "stamps"),
        ({"ignore_result": "yes"}, "ignore_result"),
        ({"requeues": "many"}, "requeues"),
    ],
)
def test_header_that_would_mislead_a_worker_is_named(headers: Any, field: str) -> None:
    assert f"header {field}" in fault_of(**headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"eta": "2020-01-01T00:00:00Z"},
        {"eta": "2020-01-01"},
        {"eta": datetime(2020, 1, 1)},
        {"eta": TOMORROW.isoformat()},
        {"expires": TOMORROW.isoformat()},
        {"timelimit": [None, None]},
        {"timelimit": [30, 20.5]},
        {"timelimit": [0, 0]},
        {"retries": 3},
        {"mine": {"any": [1, None, b"\xff", {"thing": 2}]}},
        {"id": "Bestellung 17 ä"},
    ],
)
def test_header_that_celery_takes_stays(headers: Any) -> None:
    assert headers_of(**headers) == {**GOOD, **headers}


def test_headers_that_say_nothing_or_are_the_workers_own_are_left_out() -> None:
    """Of a name that is no text Python could not even make an attribute."""
    strange: dict[Any, Any] = {b"\xff": 1, "retries": None, "_children": 5, "__class__": 6}

    assert headers_of(**dict.fromkeys(RESERVED_HEADERS, "x")) == GOOD
    assert read_message({**GOOD, **strange}, b"", "application/json", None).headers == GOOD


def test_all_that_celery_itself_sets_in_a_request_is_reserved() -> None:
    """A header of the name of one of its methods would take the method's place."""
    methods = {name for name in dir(Context) if callable(getattr(Context, name))}

    assert {name for name in methods if not name.startswith("_")} <= RESERVED_HEADERS
    assert {"called_directly", "is_eager", "delivery_info"} <= RESERVED_HEADERS


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("application/x-python-serialize", "binary"),
        ("application/json; charset=utf-8", "utf-8"),
        (None, None),
        ("\ud83d", "utf-8"),
        (5, "utf-8"),
        ("application/json", "utf-16"),
        ("application/json", "unicode_escape"),
    ],
)
def test_content_that_is_not_json_in_utf_8_is_refused(content_type: Any, encoding: Any) -> None:
    with pytest.raises(UnreadableMessageError, match="content"):
        read_message(GOOD, b"[[], {}, {}]", content_type, encoding)


def test_message_whose_headers_could_not_be_decoded_says_so() -> None:
    with pytest.raises(UnreadableMessageError, match="cannot be decoded"):
        read_message({UNREADABLE_HEADER: True}, b"", None, None)


def test_longest_delay_is_that_of_our_own_messages() -> None:
    soon_enough = datetime.now(UTC) + timedelta(seconds=MAX_DELAY_SECONDS - 60)

    assert headers_of(eta=soon_enough.isoformat())
    assert fault_of(eta=(soon_enough + timedelta(seconds=120)).isoformat())


@pytest.mark.parametrize(
    ("body", "call"),
    [
        (b'[[1], {"a": 2}, {}]', Call([1], {"a": 2}, {})),
        ('[[], {}, {"chord": null}]', Call([], {}, {"chord": None})),
        (b"[[0], [], {}]", Call([0], {}, {})),
        (b'[["9223372036854775808 18446744073709551616", 1e300], {}, {}]', None),
        (b"[[18446744073709551615, -9223372036854775808], {}, {}]", None),
        (b'[[], {}, {"callbacks": [{"task": "create_task", "args": null}]}]', None),
    ],
)
def test_body_is_a_call(body: Any, call: Call | None) -> None:
    expected = call or Call(*json.loads(body))

    assert read_body(body) == expected


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "JSON"),
        (b"\xff{", "JSON"),
        ("\ud83d", "JSON"),
        (b'["\\ud83d"]', "JSON"),
        (b"[NaN]", "JSON"),
        (b"[[1e400], {}, {}]", "JSON"),
        (b"[" * 5000, "JSON"),
        (b"null", "args, kwargs, embed"),
        (b"{}", "args, kwargs, embed"),
        (b"[[], {}]", "args, kwargs, embed"),
        (b'"abc"', "args, kwargs, embed"),
        (b"[{}, {}, {}]", "positional"),
        (b"[[], [1], {}]", "keyword"),
        (b'[[], "x", {}]', "keyword"),
        (b"[[0], {}, null]", "third item"),
        (b"[[18446744073709551616], {}, {}]", "64 bits"),
        (b"[[], {}, {}, -9223372036854775809]", "64 bits"),
        (b"[[" + b"1" * 100 + b"], {}, {}]", "64 bits"),
        (b"[[" + b"[" * 260 + b"]" * 260 + b"], {}, {}]", "nested"),
        (b'[[], {}, {"callbacks": 5}]', "callbacks"),
        (b'[[], {}, {"errbacks": [{"task": 5}]}]', "errbacks"),
        (b'[[], {}, {"chain": [{"task": "x", "kwargs": [1]}]}]', "chain"),
        (b'[[], {}, {"chord": []}]', "chord"),
    ],
)
def test_body_that_no_worker_can_call_is_refused(body: Any, reason: str) -> None:
    with pytest.raises(UnreadableMessageError, match=reason):
        read_body(body)


@pytest.mark.parametrize("depth", [1, 100, 230])
def test_what_is_read_can_be_written(depth: int) -> None:
    nested = b"[" * depth + b"]" * depth

    call = read_body(b"[[" + nested + b"], {}, {}]")

    assert orjson.dumps(call.args)


def test_message_of_protocol_1_is_read_as_one_of_protocol_2() -> None:
    """As Celery 3 and many clients in other languages send it: all of it in the body."""
    document = {
        **{"task": "create_task", "id": "j1", "args": [0], "kwargs": {}, "retries": 1},
        **{"eta": None, "expires": None, "utc": True, "callbacks": None, "taskset": None},
    }

    content = read_message({}, json.dumps(document).encode(), "application/json", "utf-8")

    assert content.headers == {"task": "create_task", "id": "j1", "retries": 1, "utc": True}
    call = read_body(content.body)
    assert (call.args, call.kwargs) == ([0], {})


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"task": "create_task"}', b"\xff"])
def test_message_that_names_no_task_is_refused(body: bytes) -> None:
    with pytest.raises(UnreadableMessageError):
        read_message({}, body, "application/json", "utf-8")


@pytest.mark.parametrize("job_id", ["j1", "7b0c", "Bestellung 17", "a" * 200, "a:b?c#d%"])
def test_printable_text_is_an_id(job_id: str) -> None:
    assert is_job_id(job_id)


def test_sentences_quote_nothing_of_the_message() -> None:
    """They stand in log lines."""
    assert "secret" not in fault_of(eta="secret")
    with pytest.raises(UnreadableMessageError) as refused:
        read_body(b'["secret"]')
    assert "secret" not in str(refused.value)


DEATH = {
    **{"count": 1, "exchange": "jobs", "queue": "short", "reason": "rejected"},
    **{"routing-keys": ["short"], "time": datetime(2026, 11, 30)},
}


@pytest.mark.parametrize("headers", [{}, {"x-death": [DEATH]}, {"x-death": []}])
def test_message_that_rabbitmq_has_written_to_can_be_refused(headers: Any) -> None:
    assert can_be_dead_lettered(headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"x-death": "x"},
        {"x-death": ["x"]},
        {"x-death": [{}]},
        {"x-death": [DEATH, {**DEATH, "queue": 5}]},
        {"x-death": [{**DEATH, "routing-keys": [5]}]},
        {"x-death": [{**DEATH, "time": "now"}]},
        {UNREADABLE_HEADER: True},
    ],
)
def test_message_at_which_rabbitmq_would_stop_is_not_refused(headers: Any) -> None:
    assert not can_be_dead_lettered(headers)


PACKERS = {
    "application/x-gzip": zlib.compress,
    "application/x-bz2": bz2.compress,
    "application/x-lzma": partial(lzma.compress, preset=9),
}


@pytest.mark.parametrize("name", PACKERS)
def test_compressed_body_is_unpacked_as_far_as_a_body_may_be_long(name: str) -> None:
    pack = PACKERS[name]

    assert unpack(pack(b"[[0], {}, {}]"), name) == b"[[0], {}, {}]"
    assert len(unpack(pack(bytes(LONGEST_BODY)), name)) == LONGEST_BODY
    with pytest.raises(UnreadableMessageError, match="too long"):
        unpack(pack(bytes(LONGEST_BODY + 1)), name)
    with pytest.raises(UnreadableMessageError, match="cut off"):
        unpack(pack(b"[[0], {}, {}]")[:-5], name)
    with pytest.raises(UnreadableMessageError, match="decompressed"):
        unpack(b"no such thing at all", name)


@pytest.mark.parametrize("name", ["zip", "", 5, ["gzip"], None])
def test_compression_that_nobody_knows_is_refused(name: Any) -> None:
    with pytest.raises(UnreadableMessageError, match="compression"):
        unpack(b"", name)


def test_kombu_unpacks_no_further_either() -> None:
    limit_unpacking()

    body, name = compression.compress(b"[[0], {}, {}]", "gzip")
    assert compression.decompress(body, name) == b"[[0], {}, {}]"
    for name, pack in PACKERS.items():
        with pytest.raises(UnreadableMessageError):
            compression.decompress(pack(bytes(LONGEST_BODY + 1)), name)


def test_body_may_be_as_long_as_rabbitmq_takes_it() -> None:
    conf = (ROOT / "deploy/rabbitmq/rabbitmq.conf").read_text()

    assert f"\nmax_message_size = {LONGEST_BODY}\n" in conf
