"""Files that jobs have made, over HTTP."""

import pytest

from tests.builders import a_picture
from tests.integration.client import Client


@pytest.fixture
def thumbnail_url(browser: Client) -> str:
    """Where the smallest thumbnail of a picture is."""
    signup = browser.sign_up("ada@example.org", a_picture("JPEG", (300, 200)))
    job = browser.await_status(signup["picture_job"], "succeeded")
    return str(job["result"]["thumbnails"][0]["url"])


def test_file_may_be_kept_by_the_browser(browser: Client, thumbnail_url: str) -> None:
    first = browser.get(thumbnail_url)

    again = browser.get(thumbnail_url, headers={"If-None-Match": first.headers["ETag"]})

    assert first.status_code == 200
    assert "private" in first.headers["Cache-Control"]
    assert again.status_code == 304
    assert again.content == b""


def test_file_is_never_anything_but_a_picture(browser: Client, thumbnail_url: str) -> None:
    answer = browser.get(thumbnail_url)

    assert answer.headers["Content-Type"] == "image/webp"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.content.startswith(b"RIFF")


def test_part_of_a_file_can_be_asked_for(browser: Client, thumbnail_url: str) -> None:
    answer = browser.get(thumbnail_url, headers={"Range": "bytes=0-3"})

    assert answer.status_code == 206
    assert answer.content == b"RIFF"


@pytest.mark.parametrize("ending", [".jpg", ".part", "", ".webp.webp", "%00", "/"])
def test_other_name_than_the_one_that_was_given_is_not_found(
    browser: Client, thumbnail_url: str, ending: str
) -> None:
    answer = browser.get(thumbnail_url.removesuffix(".webp") + ending)

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
