"""Bad input, over HTTP: a problem document that says what to change, and not a trace of it left."""

import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import requests

from project.server.problems import FORM_OVERHEAD_BYTES
from tests.builders import a_picture, png
from tests.integration.client import Client
from tests.integration.isolated.system import IsolatedSystem
from tests.integration.raw_http import chunk, read_answer, send_until_refused

pytestmark = pytest.mark.usefixtures("_nothing_is_left")

JSON = "application/json"
MEBIBYTE = 1024 * 1024
END_SECONDS = 30
ADDRESS = "ada@example.org"


@pytest.fixture(scope="module")
def web(isolated: IsolatedSystem) -> IsolatedSystem:
    isolated.start_web()
    return isolated


@pytest.fixture
def browser(web: IsolatedSystem) -> Client:
    return web.open_page()


@pytest.fixture
def _nothing_is_left(web: IsolatedSystem) -> Iterator[None]:
    """Whatever the test sends is in no queue, no ledger and no file afterwards."""

    def everything() -> Any:
        queues = [web.waiting(name) for name in ("short", "long", "dead")]
        signups = set(web.redis.scan_iter("signup:*"))
        return queues, web.job_ids(), signups, web.files()

    before = everything()
    yield
    assert everything() == before


def assert_problem(answer: requests.Response, *statuses: int) -> dict[str, Any]:
    """A problem document with one of the statuses, which says something."""
    assert answer.status_code in statuses, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == answer.status_code
    assert len(document["detail"]) > 10
    assert document["request_id"] == answer.headers["X-Request-ID"]
    return document


@pytest.mark.parametrize("path", ["/tasks", "/api/v1/jobs"])
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", b'{"type": 0}'),
        ("application/x-www-form-urlencoded", b"type=0"),
        ("multipart/form-data; boundary=x", b'--x\r\n\r\n{"type": 0}\r\n--x--'),
        (JSON, b""),
        (JSON, b"{"),
        (JSON, b"\xff\xfe\x00\x01"),
        (JSON, b"null"),
        (JSON, b"[]"),
        (JSON, b"{}"),
        (JSON, b"[" * 200_000),
    ],
)
def test_body_that_is_no_json_object(
    browser: Client, path: str, content_type: str, body: bytes
) -> None:
    assert_problem(browser.post(path, data=body, headers={"Content-Type": content_type}), 400)


@pytest.mark.parametrize("text", [str(2**64), '"\\ud83d"', "NaN", "1e400", "[" * 250 + "]" * 250])
@pytest.mark.parametrize(
    ("path", "more"),
    [("/api/v1/jobs", ""), ("/api/v1/schedules", ', "cron": "0 0 29 2 *"')],
)
def test_value_that_cannot_be_stored(browser: Client, path: str, more: str, text: str) -> None:
    mail = f'{{"recipient": "{ADDRESS}", "subject": "s", "text": "t", "values": {{"n": {text}}}}}'
    body = f'{{"kind": "email.send", "parameters": {mail}{more}}}'

    answer = browser.post(path, data=body, headers={"Content-Type": JSON})

    assert assert_problem(answer, 400)["field"].startswith("parameters")


def test_request_without_a_body(browser: Client) -> None:
    assert_problem(browser.post("/tasks"), 400)


@pytest.mark.parametrize(
    "number",
    ["-1", "361", "1e99", "1" * 400, '"x"', '""', "null", "true", "1.5", "[]", "{}", '"\\ud800"'],
)
def test_type_that_is_no_small_number(browser: Client, number: str) -> None:
    body = f'{{"type": {number}}}'

    answer = browser.post("/tasks", data=body, headers={"Content-Type": JSON})

    assert assert_problem(answer, 400)["field"] == "type"


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "nope"},
        {"kind": "files.sweep"},
        {"kind": "image.thumbnail", "parameters": {"picture": "../../etc/passwd"}},
        {"kind": "email.send", "parameters": {"recipient": "a\n@b.c"}},
    ],
)
def test_job_that_is_not_offered(browser: Client, body: dict[str, Any]) -> None:
    assert_problem(browser.post("/api/v1/jobs", json=body), 400, 404)


@pytest.mark.parametrize(
    "path",
    [
        "/tasks/nope",
        "/tasks/" + "a" * 3000,
        "/api/v1/jobs/nope",
        "/api/v1/jobs/%00",
        "/api/v1/jobs/a%0Ab",
        "/api/v1/jobs/%ff",
        "/api/v1/jobs/*",
        "/api/v1/jobs/nope/events",
        "/api/v1/signups/nope",
        "/api/v1/files/nope",
        "/api/v1/files/..%2f..%2fetc%2fpasswd",
        "/api/v1/files/%2fetc%2fpasswd",
        "/api/v1/nothing-here",
    ],
)
def test_id_that_is_unknown_or_malformed(browser: Client, path: str) -> None:
    assert_problem(browser.get(path), 404)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: (b"hello, I am no picture", "image/jpeg"), id="text"),
        pytest.param(lambda: (b"", "image/jpeg"), id="empty"),
        pytest.param(lambda: (b"<svg/>", "image/svg+xml"), id="SVG"),
        pytest.param(lambda: (b"<html></html>", "text/html"), id="HTML"),
        pytest.param(lambda: (png(10_000, 10_000), "image/png"), id="10,000 × 10,000"),
        pytest.param(lambda: (png(2**31 - 1, 1), "image/png"), id="two thousand million"),
        pytest.param(lambda: (a_picture("PNG"), "image/jpeg"), id="lies about its type"),
    ],
)
def test_file_that_is_no_picture_to_take(
    browser: Client, make: Callable[[], tuple[bytes, str]]
) -> None:
    picture, content_type = make()

    answer = browser.post(
        "/api/v1/signups",
        data={"email": ADDRESS},
        files={"picture": ("me.jpg", picture, content_type)},
    )

    assert assert_problem(answer, 422)["field"] == "picture"


def test_upload_of_30_megabytes(browser: Client) -> None:
    picture = a_picture("PNG") + b"\0" * (30 * MEBIBYTE)

    answer = browser.post(
        "/api/v1/signups",
        data={"email": ADDRESS},
        files={"picture": ("big.png", picture, "image/png")},
    )

    assert "10 MiB" in assert_problem(answer, 413)["detail"]


def test_upload_of_30_megabytes_that_does_not_say_its_length(browser: Client) -> None:
    picture = a_picture("PNG") + b"\0" * (30 * MEBIBYTE)
    whole = requests.Request(
        "POST",
        "http://localhost",
        data={"email": ADDRESS},
        files={"picture": ("big.png", picture, "image/png")},
    ).prepare()
    body = whole.body
    assert isinstance(body, bytes)

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(body), MEBIBYTE):
            yield body[start : start + MEBIBYTE]

    answer = browser.post(
        "/api/v1/signups", data=chunks(), headers={"Content-Type": whole.headers["Content-Type"]}
    )

    assert_problem(answer, 413)


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ada",
        "ada@example.org\nBcc: eve@example.org",
        "ada@example.org\r\nBcc: eve@example.org",
        "ada@example.org, eve@example.org",
        "x" * 1000 + "@example.org",
        "ada@example.org\x00",
    ],
)
def test_address_that_is_none(browser: Client, email: str) -> None:
    answer = browser.post(
        "/api/v1/signups",
        data={"email": email},
        files={"picture": ("me.png", a_picture("PNG"), "image/png")},
    )

    assert assert_problem(answer, 400)["field"] == "email"


@pytest.mark.parametrize(
    "options",
    [
        {"data": {"email": ADDRESS}},
        {"json": {"email": ADDRESS}},
        {"data": {"email": ADDRESS}, "files": {"photo": ("me.png", b"x", "image/png")}},
        {"data": b"--x\r\nbroken", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"data": b"x", "headers": {"Content-Type": "multipart/form-data"}},
    ],
)
def test_form_without_a_picture(browser: Client, options: dict[str, Any]) -> None:
    assert_problem(browser.post("/api/v1/signups", **options), 400)


def test_two_thousand_form_fields(browser: Client) -> None:
    fields = {f"field{number}": "x" for number in range(2000)}

    answer = browser.post(
        "/api/v1/signups", data=fields, files={"picture": ("me.png", a_picture(), "image/png")}
    )

    assert_problem(answer, 400, 413)


# ── Bodies that end too late or too early ──

LIMIT = 10 * MEBIBYTE + FORM_OVERHEAD_BYTES
TASK = b'{"type": -1}'
"""It is read, and refused, where its body is whole."""
FORM = "multipart/form-data; boundary=x"
FORM_START = b'--x\r\nContent-Disposition: form-data; name="email"\r\n\r\n' + ADDRESS.encode()


def post_raw(
    web: IsolatedSystem, path: str, *headers: str, pieces: Iterable[bytes]
) -> tuple[int, Any]:
    """Send this, then no more; the answer's status and document."""
    with socket.create_connection(("127.0.0.1", web.web_port), timeout=END_SECONDS) as line:
        head = [f"POST {path} HTTP/1.1", "Host: localhost", *headers, "", ""]
        line.sendall("\r\n".join(head).encode())
        for piece in pieces:
            send_until_refused(line, piece, 1)
        with suppress(OSError):  # it has hung up
            line.shutdown(socket.SHUT_WR)
        return read_answer(line)


@pytest.mark.parametrize("path", ["/tasks", "/api/v1/jobs", "/api/v1/jobs/bulk"])
def test_json_in_chunks_beyond_the_limit(web: IsolatedSystem, path: str) -> None:
    """What fits in the limit is a whole document: it must not be taken for all that was sent."""
    blanks = (LIMIT - len(TASK)) * b" "

    status, document = post_raw(
        web,
        path,
        f"Content-Type: {JSON}",
        "Transfer-Encoding: chunked",
        pieces=[chunk(TASK), chunk(blanks), chunk(b" "), b"0\r\n\r\n"],
    )

    assert status == 413
    assert document["detail"] == "JSON bodies may be at most 10 MiB."


def test_json_in_chunks_up_to_the_limit_is_read(web: IsolatedSystem) -> None:
    blanks = (LIMIT - len(TASK)) * b" "

    status, document = post_raw(
        web,
        "/tasks",
        f"Content-Type: {JSON}",
        "Transfer-Encoding: chunked",
        pieces=[chunk(TASK), chunk(blanks), b"0\r\n\r\n"],
    )

    assert (status, document["field"]) == (400, "type")


@pytest.mark.parametrize(
    ("path", "content_type", "start"),
    [("/tasks", JSON, TASK), ("/api/v1/signups", FORM, FORM_START)],
)
@pytest.mark.parametrize("is_chunked", [False, True])
def test_body_that_ends_early(
    web: IsolatedSystem, path: str, content_type: str, start: bytes, is_chunked: bool
) -> None:
    length = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {len(start) + 9}"

    status, document = post_raw(
        web,
        path,
        f"Content-Type: {content_type}",
        length,
        pieces=[chunk(start) if is_chunked else start],
    )

    assert status == 400
    came = "" if is_chunked else f": {len(start)} of {len(start) + 9} bytes arrived"
    assert document["detail"] == f"The body was cut off{came}. Send it again."


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_method_that_is_not_offered(browser: Client, method: str) -> None:
    answer = browser.session.request(method, f"{browser.url}/tasks", json={"type": 0})

    assert_problem(answer, 405)


def test_post_from_another_site(browser: Client) -> None:
    answer = browser.post("/tasks", json={"type": 0}, headers={"Sec-Fetch-Site": "cross-site"})

    assert_problem(answer, 403)
