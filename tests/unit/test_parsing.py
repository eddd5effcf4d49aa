"""What a request holds: every refusal says what to change.

No Redis is there: what was let through would be answered with 503.
"""

import io
from typing import Any

import pytest

from tests.builders import a_picture
from tests.unit.conftest import ClientMaker


@pytest.mark.parametrize(
    ("content_type", "body", "detail"),
    [
        (None, b'{"type": 1}', "Content-Type"),
        ("text/plain", b'{"type": 1}', "Content-Type"),
        ("application/x-www-form-urlencoded", b"type=1", "Content-Type"),
        ("application/json", b"", "not valid JSON"),
        ("application/json", b"{", "not valid JSON"),
        ("application/json", b'{"type": 1', "not valid JSON"),
        ("application/json", b"{'type': 1}", "not valid JSON"),
        ("application/json", b"\xff\xfe\x00", "not valid JSON"),
        ("application/json", b'{"type": ' + b"1" * 5000 + b"}", "not valid JSON"),
        ("application/json", b"[" * 100_000, "nested 240 deep"),
        ("application/json", b'{"a":' * 100_000, "nested 240 deep"),
        ("application/json", b"null", "JSON object"),
        ("application/json", b"[]", "JSON object"),
        ("application/json", b"7", "JSON object"),
        ("application/json", b'"type"', "JSON object"),
        ("application/json", b"{}", "Send a type"),
        ("application/json", b'{"type": -1}', "greater than or equal to 0"),
        ("application/json", b'{"type": 99999}', "less than or equal to 360"),
        ("application/json", b'{"type": 1e99}', "type"),
        ("application/json", b'{"type": "x"}', "type"),
        ("application/json", b'{"type": null}', "type"),
        ("application/json", b'{"type": true}', "type"),
        ("application/json", b'{"type": 1.5}', "type"),
        ("application/json", b'{"type": NaN}', "type"),
        ("application/json", b'{"type": "\\ud800"}', "type"),
        ("application/json", b'{"type": {"type": 1}}', "type"),
    ],
)
def test_body_that_is_no_task_is_a_400_that_says_why(
    content_type: str | None, body: bytes, detail: str, make_client: ClientMaker
) -> None:
    client = make_client()

    answer = client.post("/tasks", data=body, content_type=content_type)

    assert answer.status_code == 400
    assert answer.json is not None
    assert detail in answer.json["detail"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"kind": 7}, 400),
        ({"kind": "nope"}, 404),
        ({"kind": "files.sweep"}, 404),
        ({"kind": "create_task"}, 400),
        ({"kind": "create_task", "parameters": [1]}, 400),
        ({"kind": "create_task", "parameters": None}, 400),
        ({"kind": "create_task", "parameters": {"type": True}}, 400),
        ({"kind": "image.thumbnail", "parameters": {"picture": "../x"}}, 400),
        ({"kind": "email.send", "parameters": {"recipient": "a\n@example.org"}}, 400),
    ],
)
def test_body_that_is_no_job_is_refused(
    body: dict[str, Any], status: int, make_client: ClientMaker
) -> None:
    answer = make_client().post("/api/v1/jobs", json=body)

    assert answer.status_code == status
    assert answer.json is not None
    assert answer.json["detail"]


@pytest.mark.parametrize(
    ("body", "field", "detail"),
    [
        ({"kind": "create_task", "paramters": {"type": 1}}, "paramters", "Known: kind, param"),
        ({"parameters": {"type": 1}}, "kind", "kind is missing"),
        ({"kind": 7}, "kind", "string"),
        ({"kind": "create_task", "parameters": "x"}, "parameters", "dictionary"),
        ({"kind": "create_task", "\ud800": 1}, "body", "half of a character"),
    ],
)
def test_wrong_field_of_a_body_is_named(
    body: dict[str, Any], field: str, detail: str, make_client: ClientMaker
) -> None:
    answer = make_client().post("/api/v1/jobs", json=body)

    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["field"] == field
    assert detail in answer.json["detail"]


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 201, "é"])
def test_key_that_cannot_be_told_apart_is_refused(key: str, make_client: ClientMaker) -> None:
    answer = make_client().post(
        "/api/v1/jobs",
        json={"kind": "create_task", "parameters": {"type": 1}},
        headers={"Idempotency-Key": key},
    )

    assert answer.status_code == 400
    assert answer.json is not None
    assert "Idempotency-Key" in answer.json["detail"]


@pytest.mark.parametrize("query", ["limit=1&limit=2", "limti=1", "limit=1.0", "limit=%201"])
def test_wrong_query_is_a_400_that_names_it(query: str, make_client: ClientMaker) -> None:
    answer = make_client().get(f"/api/v1/jobs?{query}")

    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["field"] == query.partition("=")[0]


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ada",
        "ada@",
        "@example.org",
        "ada@example.org\nBcc: eve@example.org",
        "ada@example.org\r\n",
        "ada@example.org,eve@example.org",
        "a b@example.org",
        "ada@exa mple.org",
        "ada@example..org",
        "x" * 400 + "@example.org",
        "ada@[127.0.0.1]",
        "\x00@example.org",
    ],
)
def test_wrong_address_is_a_400_for_its_field(email: str, make_client: ClientMaker) -> None:
    answer = make_client().post(
        "/api/v1/signups", data={"email": email, "picture": (io.BytesIO(a_picture()), "a.png")}
    )

    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["field"] == "email"


def test_signup_without_a_picture_is_a_400_for_its_field(make_client: ClientMaker) -> None:
    client = make_client()

    for form in ({"email": "ada@example.org"}, {"picture": (io.BytesIO(b""), "")}):
        answer = client.post("/api/v1/signups", data=form, content_type="multipart/form-data")

        assert answer.status_code == 400
        assert answer.json is not None
        assert answer.json["field"] == "picture"


def test_field_that_the_form_does_not_know_is_named(make_client: ClientMaker) -> None:
    answer = make_client().post(
        "/api/v1/signups",
        data={"email": "a@example.org", "picture": (io.BytesIO(a_picture()), "a.png"), "mial": "x"},
    )

    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["field"] == "mial"


def test_signup_that_is_no_form_is_a_400(make_client: ClientMaker) -> None:
    answer = make_client().post("/api/v1/signups", json={"email": "a@b.c"})

    assert answer.status_code == 400
    assert answer.json is not None
    assert "multipart/form-data" in answer.json["detail"]


def test_long_address_is_not_called_a_large_file(make_client: ClientMaker) -> None:
    """Werkzeug refuses a form field over half a megabyte by the same error as a large upload."""
    answer = make_client().post(
        "/api/v1/signups",
        data={"email": "x" * 1_000_000, "picture": (io.BytesIO(a_picture()), "a.png")},
    )

    assert answer.status_code in {400, 413}
    assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize("limit", ["0", "-1", "201", "x", "", "1.5", "9" * 50, "١"])
def test_limit_out_of_range_is_a_400(limit: str, make_client: ClientMaker) -> None:
    answer = make_client().get("/api/v1/jobs", query_string={"limit": limit})

    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["field"] == "limit"
