"""What is different from plain Flask: how it writes JSON, keeps headers, takes forms."""

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask import jsonify, request
from flask.testing import FlaskClient

from project.server.framework import SMALL_BYTES, Application
from tests.unit.conftest import ClientMaker


@pytest.fixture
def client() -> FlaskClient:
    return Application("project.server").test_client()


def answer_with(client: FlaskClient, value: Any, method: str = "GET") -> Any:
    client.application.add_url_rule("/value", view_func=lambda: jsonify(value))
    return client.open("/value", method=method)


@pytest.mark.parametrize(
    "value",
    [
        {"b": 1, "a": [None, True, 1.5, "ü"]},
        [],
        "text",
        None,
        2**63 - 1,
        # What orjson does not write.
        {"half": "\ud800"},
        {"large": 2**70},
        {"whole": {1: "one"}},
    ],
)
def test_document_is_answered_as_it_is(value: Any, client: FlaskClient) -> None:
    answer = answer_with(client, value)

    assert answer.content_type == "application/json"
    assert answer.content_length == len(answer.data)
    assert answer.json == (value if value != {"whole": {1: "one"}} else {"whole": {"1": "one"}})


def test_large_file_of_a_form_lies_where_the_store_writes_until_it_is_taken(
    make_client: ClientMaker,
) -> None:
    app = make_client().application
    form = {"file": (io.BytesIO(bytes(SMALL_BYTES + 1)), "name.bin")}

    with app.test_request_context(method="POST", data=form):
        number = request.files["file"].stream.fileno()
        path = Path(f"/proc/self/fd/{number}").readlink()

    assert path.parent == app.extensions["services"].files.staging.resolve()


@pytest.mark.parametrize(
    ("sent", "said", "status"),
    [
        (b"x" * 10, None, 200),
        (b"x" * 11, None, 413),
        (b"x" * 11, 11, 413),
        (b"x" * 9, 10, 400),
        (b"", None, 200),
    ],
)
def test_body_is_whole_or_refused(
    sent: bytes, said: int | None, status: int, make_client: ClientMaker
) -> None:
    """As gunicorn hands it over: it ends where the client's did, whatever was said."""
    app = make_client().application
    app.config["MAX_CONTENT_LENGTH"] = 10

    @app.post("/echo")
    def echo() -> bytes:
        return request.get_data()

    environ: dict[str, Any] = {"wsgi.input": io.BytesIO(sent), "wsgi.input_terminated": True}
    if said is not None:
        environ["CONTENT_LENGTH"] = str(said)

    answer = app.test_client().post("/echo", environ_overrides=environ)

    assert answer.status_code == status
    if status == 200:
        assert answer.data == sent


def test_documents_keep_their_written_order(client: FlaskClient) -> None:
    assert list(answer_with(client, {"b": 1, "a": 2}).json) == ["b", "a"]


def test_time_is_answered_as_flask_writes_it(client: FlaskClient) -> None:
    noon = datetime(2026, 5, 4, 12, tzinfo=UTC)

    assert answer_with(client, {"at": noon}).json == {"at": "Mon, 04 May 2026 12:00:00 GMT"}


def test_number_that_is_none_is_answered_as_json(client: FlaskClient) -> None:
    assert orjson.loads(answer_with(client, [float("nan")]).data) == [None]


def test_head_is_answered_with_the_length_of_the_document(client: FlaskClient) -> None:
    answer = answer_with(client, {"a": 1}, method="HEAD")

    assert answer.data == b""
    assert answer.content_length == len(b'{"a":1}')
