"""Parts of a file over HTTP: RFC 9110, sections 13.2.2 and 14."""

from pathlib import Path
from typing import Any

import pytest

from project.files import FileStore
from tests.unit.conftest import ClientMaker

CONTENT = b"0123456789"


@pytest.fixture
def get(make_client: ClientMaker, tmp_path: Path) -> Any:
    """Asks for a file of ten bytes."""
    file_id = FileStore(str(tmp_path / "files")).write(CONTENT, ".bin")
    client = make_client()

    def get(*, method: str = "GET", if_range: str = "", **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if if_range:
            named["If-Range"] = if_range.replace("ETAG", f'"{file_id}"')
        named = {name: value.replace("ETAG", f'"{file_id}"') for name, value in named.items()}
        return client.open(f"/api/v1/files/{file_id}", method=method, headers=named)

    return get


@pytest.mark.parametrize(
    ("wanted", "part", "told"),
    [
        ("bytes=0-3", b"0123", "0-3"),
        ("bytes=4-", b"456789", "4-9"),
        ("bytes=9-9", b"9", "9-9"),
        ("bytes=8-100", b"89", "8-9"),
        ("bytes=0-999999999999999999", CONTENT, "0-9"),
        ("bytes=-3", b"789", "7-9"),
        ("bytes=-100", CONTENT, "0-9"),
        ("Bytes = 1-2 ", b"12", "1-2"),
    ],
)
def test_one_range_of_bytes_is_answered_with_that_part(
    get: Any, wanted: str, part: bytes, told: str
) -> None:
    answer = get(Range=wanted)

    assert answer.status_code == 206
    assert answer.data == part
    assert answer.content_length == len(part)
    assert answer.headers["Content-Range"] == f"bytes {told}/10"
    assert answer.headers["ETag"]


@pytest.mark.parametrize(
    "wanted",
    [
        *("items=0-1", "bytes=abc", "bytes", "bytes=", "bytes=-", "bytes=5-2", "bytes=1.5-2"),
        *("bytes=0-4,6-8", "bytes=0-1,", "bytes=--1", "bytes=+1-2", "bytes=١-٢", "=0-1", ""),
        "bytes=0-" + "9" * 5000,
    ],
)
def test_what_is_no_single_range_of_bytes_is_ignored(get: Any, wanted: str) -> None:
    answer = get(Range=wanted.encode().decode("latin-1"))

    assert answer.status_code == 200
    assert answer.data == CONTENT
    assert "Content-Range" not in answer.headers
    assert answer.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize("wanted", ["bytes=10-", "bytes=10-20", "bytes=-0"])
def test_range_behind_the_end_is_refused_with_the_length(get: Any, wanted: str) -> None:
    answer = get(Range=wanted)

    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == "bytes */10"
    assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize(
    ("if_range", "status"),
    [
        ("ETAG", 206),
        ('"another"', 200),
        ("W/ETAG", 200),
        ("Mon, 04 May 2026 12:00:00 GMT", 200),
        ("nonsense", 200),
    ],
)
def test_part_of_another_content_is_not_sent(get: Any, if_range: str, status: int) -> None:
    assert get(Range="bytes=0-3", if_range=if_range).status_code == status


def test_range_that_would_be_refused_is_none_of_another_content(get: Any) -> None:
    assert get(Range="bytes=10-", if_range='"another"').status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"), [({"If_None_Match": "ETAG"}, 304), ({"If_Match": '"another"'}, 412)]
)
def test_other_conditions_come_before_the_range(
    get: Any, headers: dict[str, str], status: int
) -> None:
    assert get(Range="bytes=0-3", **headers).status_code == status


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        *(("ETAG", 200), ("*", 200), ('"another", ETAG', 200), ("", 200)),
        *(("W/ETAG", 412), ('"another"', 412)),
    ],
)
def test_content_that_is_not_the_one_asked_for_is_not_sent(
    get: Any, wanted: str, status: int
) -> None:
    answer = get(If_Match=wanted)

    assert answer.status_code == status
    assert (answer.data == CONTENT) is (status == 200)
    assert (answer.content_type == "application/problem+json") is (status == 412)


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-3"}, {"Range": "bytes=10-"}])
def test_head_has_the_headers_of_the_whole_file(get: Any, headers: dict[str, str]) -> None:
    whole, head = get(), get(method="HEAD", **headers)

    def comparable(answer: Any) -> set[tuple[str, str]]:
        own = {"X-Request-ID", "traceparent", "Date"}
        return {(name, value) for name, value in answer.headers if name not in own}

    assert (head.status_code, head.data) == (200, b"")
    assert comparable(head) == comparable(whole)
