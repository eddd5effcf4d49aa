"""`image.thumbnail` through the API: upload, submit, download."""

from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from tests.builders import a_picture, encoded, png
from tests.colour_profiles import DISPLAY_P3
from tests.deploy.photograph import is_upright, portrait
from tests.integration.client import Client

COLOUR = (200, 100, 50)


def upload(browser: Client, content: bytes) -> str:
    """The id of a file that was sent."""
    answer = browser.post("/api/v1/files", data=content)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["file"])


def run(browser: Client, **parameters: Any) -> dict[str, Any]:
    """The job once it has succeeded."""
    job = browser.submit("image.thumbnail", parameters)
    return browser.await_status(job["id"], "succeeded")


def download(browser: Client, link: dict[str, Any]) -> bytes:
    """The file that the result links to."""
    answer = browser.get(link["url"])
    assert answer.status_code == 200
    return answer.content


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [("webp", "image/webp"), ("avif", "image/avif"), ("jpeg", "image/jpeg"), ("png", "image/png")],
)
def test_photograph_becomes_thumbnails_of_each_format(
    browser: Client, kind: str, content_type: str
) -> None:
    photograph = upload(browser, portrait(600, 800))

    job = run(browser, picture=photograph, sizes=[200, 400], formats=[kind])

    assert job["queue"] == "short"
    assert [each["height"] for each in job["result"]["thumbnails"]] == [200, 400]
    for thumbnail in job["result"]["thumbnails"]:
        answer = browser.get(thumbnail["url"])
        assert answer.headers["Content-Type"] == content_type
        assert len(answer.content) == thumbnail["bytes"]
        assert is_upright(answer.content)


def test_wide_colours_are_right_without_their_profile(browser: Client) -> None:
    wide = encoded(Image.new("RGB", (90, 60), COLOUR), "PNG", icc_profile=DISPLAY_P3.profile())

    job = run(browser, picture=upload(browser, wide), formats=["png"])

    with Image.open(BytesIO(download(browser, job["result"]["thumbnails"][0]))) as thumbnail:
        assert thumbnail.getpixel((20, 20)) == pytest.approx(DISPLAY_P3.as_srgb(COLOUR), abs=2)
        assert "icc_profile" not in thumbnail.info
    assert job["result"]["facts"]["Colours"] == "Display P3, converted to sRGB"


def test_many_pictures_get_a_contact_sheet(browser: Client) -> None:
    pictures = [upload(browser, a_picture("PNG", (100 + at, 40))) for at in range(3)]
    pictures.append(upload(browser, portrait(300, 400)[:3000]))

    job = run(browser, pictures=pictures)

    assert job["queue"] == "long"
    result = job["result"]
    assert result["summary"] == "6 thumbnails of 3 pictures; 1 picture could not be used"
    (sheet,) = result["pictures"]
    with Image.open(BytesIO(download(browser, sheet))) as page:
        assert page.size == (sheet["width"], sheet["height"])
        assert page.getpixel((5, 5)) == (255, 255, 255)


def test_picture_that_claims_too_many_pixels_fails_and_says_so(browser: Client) -> None:
    job = browser.submit("image.thumbnail", {"picture": upload(browser, png(10_000, 6_000))})

    finished = browser.await_end(job["id"])

    assert (finished["status"], finished["attempt"]) == ("failed", 1)
    assert "10000 × 6000 pixels; at most 50,000,000" in finished["error"]["message"]


def test_file_that_is_no_picture_is_refused_at_once(browser: Client) -> None:
    text = upload(browser, b"no picture at all")

    answer = browser.post(
        "/api/v1/jobs", json={"kind": "image.thumbnail", "parameters": {"picture": text}}
    )

    assert answer.status_code == 400
    assert "a picture: JPEG, PNG, GIF, WebP or AVIF" in answer.text
