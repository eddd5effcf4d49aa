"""Is an upload a picture that can be taken? Judged by its header alone."""

import io
import random
import zlib
from collections.abc import Callable

import pytest
from PIL import Image

from project.errors import InvalidPictureError
from project.files import TYPES
from project.pictures import SUFFIXES, check_picture
from tests.builders import a_picture, encoded, png, png_chunk

MAX_PIXELS = 50_000_000
RED = Image.new("RGB", (40, 30), "red")


def check(content: bytes, declared_type: str = "") -> str:
    return check_picture(io.BytesIO(content), declared_type, MAX_PIXELS)


@pytest.mark.parametrize(
    ("kind", "declared_type", "suffix"),
    [
        ("JPEG", "image/jpeg", ".jpg"),
        ("JPEG", "image/jpg", ".jpg"),
        ("JPEG", "IMAGE/JPEG", ".jpg"),
        ("PNG", "image/png", ".png"),
        ("GIF", "image/gif", ".gif"),
        ("WEBP", "image/webp", ".webp"),
        ("PNG", "", ".png"),
        ("PNG", "application/octet-stream", ".png"),
    ],
)
def test_picture_is_taken_under_the_suffix_of_its_format(
    kind: str, declared_type: str, suffix: str
) -> None:
    assert check(a_picture(kind), declared_type) == suffix


def test_every_suffix_is_one_that_the_store_knows() -> None:
    assert set(SUFFIXES.values()) <= TYPES.keys()


@pytest.mark.parametrize("declared_type", ["image/jpeg", ""])
def test_phone_photograph_of_several_frames_is_a_jpeg(declared_type: str) -> None:
    """Phones put a depth map or a second size behind the photograph (MPO); browsers say JPEG."""
    photograph = encoded(RED, "MPO", save_all=True, append_images=[RED])

    assert check(photograph, declared_type) == ".jpg"


def test_animated_picture_is_taken() -> None:
    animation = encoded(
        Image.new("P", (9, 9), 1), "GIF", save_all=True, append_images=[Image.new("P", (9, 9), 2)]
    )

    assert check(animation, "image/gif") == ".gif"


def test_stream_is_rewound() -> None:
    stream = io.BytesIO(a_picture())

    check_picture(stream, "image/png", MAX_PIXELS)

    assert stream.tell() == 0


def _bomb() -> bytes:
    text = zlib.compress(b"a" * 4_000_000)
    return png(10, 10, png_chunk(b"zTXt", b"Comment\0\0" + text))


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: b"", id="empty"),
        pytest.param(lambda: b"hello, I am no picture", id="text"),
        pytest.param(lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", id="SVG"),
        pytest.param(lambda: b"%PDF-1.7\n", id="PDF"),
        pytest.param(lambda: encoded(RED, "BMP"), id="BMP"),
        pytest.param(lambda: encoded(RED, "TIFF"), id="TIFF"),
        pytest.param(lambda: encoded(RED, "ICO"), id="icon"),
        pytest.param(lambda: b"\x89PNG\r\n\x1a\n", id="a signature and no more"),
        pytest.param(lambda: b"\xff\xd8\xff", id="the first bytes of a JPEG"),
        pytest.param(lambda: png(0, 10), id="no width"),
        pytest.param(_bomb, id="4 MB of text in a few bytes"),
    ],
)
def test_what_is_no_picture_is_refused(make: Callable[[], bytes]) -> None:
    with pytest.raises(InvalidPictureError, match="not a picture") as caught:
        check(make())

    assert caught.value.field == "picture"


@pytest.mark.parametrize(
    ("width", "height"),
    [(10_000, 10_000), (1, 50_000_001), (60_000, 60_000), (2**31 - 1, 2**31 - 1)],
)
def test_picture_of_too_many_pixels_is_refused(width: int, height: int) -> None:
    with pytest.raises(InvalidPictureError, match="pixels"):
        check(png(width, height))


def test_picture_at_the_limit_is_taken() -> None:
    assert check(png(10_000, 5_000)) == ".png"


@pytest.mark.parametrize(
    "declared_type", ["image/jpeg", "image/svg+xml", "text/html", "x" * 10_000, "image/heic"]
)
def test_picture_that_lies_about_its_type_is_refused(declared_type: str) -> None:
    with pytest.raises(InvalidPictureError, match="PNG") as caught:
        check(a_picture("PNG"), declared_type)

    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
def test_damaged_header_is_refused_or_taken_but_never_an_unforeseen_error(kind: str) -> None:
    chance = random.Random(kind)  # noqa: S311 - the same damage at every run
    picture = a_picture(kind)
    for _ in range(400):
        damaged = bytearray(picture)
        for _ in range(chance.randint(1, 5)):
            damaged[chance.randrange(min(len(damaged), 200))] = chance.randrange(256)
        length = chance.choice([len(damaged), chance.randrange(len(damaged))])
        try:
            assert check(bytes(damaged[:length])) in TYPES
        except InvalidPictureError:
            continue
