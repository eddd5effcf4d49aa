"""Files that people send and jobs make, over HTTP."""

import io
import os
from typing import Any

import pytest
import requests

from tests.builders import a_picture
from tests.integration.client import Client

FILES = "/api/v1/files"


@pytest.fixture
def thumbnail_url(browser: Client) -> str:
    """Where the smallest thumbnail of a picture is."""
    signup = browser.sign_up("ada@example.org", a_picture("JPEG", (300, 200)))
    job = browser.await_status(signup["picture_job"], "succeeded")
    return str(job["result"]["thumbnails"][0]["url"])


def send(browser: Client, content: Any, **options: Any) -> requests.Response:
    return browser.post(FILES, data=content, **options)


def test_file_that_was_sent_comes_back_as_it_was(browser: Client) -> None:
    content = os.urandom(5_000_001)

    sent = send(browser, content)

    assert sent.status_code == 201
    assert sent.headers["Location"] == sent.json()["url"]
    assert (sent.json()["bytes"], sent.json()["type"]) == (len(content), "data")
    assert browser.get(sent.json()["url"]).content == content


def test_file_may_be_sent_as_a_form(browser: Client) -> None:
    sent = browser.post(FILES, files={"file": ("../../a.exe", a_picture("PNG"), "text/html")})

    assert sent.status_code == 201
    assert sent.json()["content_type"] == "image/png"


def test_file_may_be_sent_without_saying_how_long_it_is(browser: Client) -> None:
    chunks = (b"x" * 1000 for _ in range(100))

    assert send(browser, chunks).json()["bytes"] == 100_000


@pytest.mark.parametrize("form", [{"picture": b"x"}, {"file": b"x", "more": b"x"}])
def test_form_with_other_fields_is_refused(browser: Client, form: dict[str, bytes]) -> None:
    answer = browser.post(FILES, files={name: io.BytesIO(text) for name, text in form.items()})

    assert answer.status_code == 400
    assert answer.json()["field"] in {"picture", "more"}


def test_empty_file_is_refused(browser: Client) -> None:
    answer = send(browser, b"")

    assert answer.status_code == 400
    assert "empty" in answer.json()["detail"]


def test_job_with_a_file_that_is_not_there_is_refused(browser: Client) -> None:
    missing = "0" * 32 + ".png"

    job = {"kind": "image.thumbnail", "parameters": {"picture": missing}}
    answer = browser.post("/api/v1/jobs", json=job)

    assert answer.status_code == 404
    assert missing in answer.json()["detail"]


def test_job_with_a_file_of_another_type_is_refused(browser: Client) -> None:
    table = send(browser, b"a,b\n1,2\n").json()["file"]

    job = {"kind": "image.thumbnail", "parameters": {"picture": table}}
    answer = browser.post("/api/v1/jobs", json=job)

    assert answer.status_code == 400
    assert "must be a picture" in answer.json()["detail"]


def test_file_may_be_kept_by_the_browser(browser: Client, thumbnail_url: str) -> None:
    first = browser.get(thumbnail_url)

    again = browser.get(thumbnail_url, headers={"If-None-Match": first.headers["ETag"]})

    assert first.status_code == 200
    assert "private" in first.headers["Cache-Control"]
    assert again.status_code == 304
    assert again.content == b""


def test_picture_is_shown_as_what_it_is(browser: Client, thumbnail_url: str) -> None:
    answer = browser.get(thumbnail_url)

    assert answer.headers["Content-Type"] == "image/webp"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"].startswith("inline")
    assert answer.content.startswith(b"RIFF")


@pytest.mark.parametrize(
    "content", [b"<script>alert(1)</script>", b"a,b\n1,2\n", b"\x7fELF\x00", b"<svg></svg>"]
)
def test_what_a_browser_could_run_it_saves(browser: Client, content: bytes) -> None:
    answer = browser.get(send(browser, content).json()["url"])

    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "html" not in answer.headers["Content-Type"]
    assert "svg" not in answer.headers["Content-Type"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("wanted", "part"),
    [("bytes=0-3", b"RIFF"), ("bytes=8-11", b"WEBP")],
)
def test_part_of_a_file_can_be_asked_for(
    browser: Client, thumbnail_url: str, wanted: str, part: bytes
) -> None:
    answer = browser.get(thumbnail_url, headers={"Range": wanted})

    assert answer.status_code == 206
    assert answer.content == part


def test_rest_of_a_broken_download_can_be_asked_for(browser: Client) -> None:
    content = os.urandom(100_000)
    url = send(browser, content).json()["url"]

    answer = browser.get(url, headers={"Range": "bytes=60000-"})

    assert answer.headers["Content-Range"] == "bytes 60000-99999/100000"
    assert answer.content == content[60_000:]


def test_part_behind_the_end_is_refused(browser: Client, thumbnail_url: str) -> None:
    answer = browser.get(thumbnail_url, headers={"Range": "bytes=99999999-"})

    assert answer.status_code == 416
    assert answer.headers["Content-Range"].startswith("bytes */")


@pytest.mark.parametrize("wanted", ["items=0-1", "bytes=abc", "bytes=0-4,10-14"])
def test_other_ranges_are_ignored(browser: Client, thumbnail_url: str, wanted: str) -> None:
    answer = browser.get(thumbnail_url, headers={"Range": wanted})

    assert answer.status_code == 200
    assert answer.content == browser.get(thumbnail_url).content


@pytest.mark.parametrize("ending", [".jpg", ".part", "", ".webp.webp", "%00", "/"])
def test_other_name_than_the_one_that_was_given_is_not_found(
    browser: Client, thumbnail_url: str, ending: str
) -> None:
    answer = browser.get(thumbnail_url.removesuffix(".webp") + ending)

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
