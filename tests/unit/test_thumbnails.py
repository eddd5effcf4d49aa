"""`image.thumbnail`, called as a plain function on real pictures."""

import random
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from project.errors import InvalidInputError, NotFoundError, PermanentError
from project.files import FileStore
from project.jobs import get_kind
from project.jobs.definition import Context
from project.jobs.image_thumbnail import SIZES
from tests.builders import a_picture, encoded
from tests.deploy.photograph import is_upright, portrait

KIND = get_kind("image.thumbnail")
SECRET = "51.5007 N, 0.1246 W"


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(str(tmp_path))


def thumbnails_of(store: FileStore, content: bytes, suffix: str = ".jpg") -> list[Image.Image]:
    """The thumbnails' pictures, as the job says it has made them."""
    result = run(store, content, suffix)
    pictures = [Image.open(store.path(each["file"])) for each in result["thumbnails"]]
    assert [(each["width"], each["height"]) for each in result["thumbnails"]] == [
        picture.size for picture in pictures
    ]
    return pictures


def run(store: FileStore, content: bytes, suffix: str = ".jpg") -> Any:
    parameters = KIND.parse({"picture": store.write(content, suffix)})
    return KIND.run(parameters, Context(files=store))


def colour_of(picture: Image.Image) -> tuple[int, ...]:
    """The colour in the middle."""
    pixel = picture.convert("RGBA").getpixel((picture.width // 2, picture.height // 2))
    assert isinstance(pixel, tuple)
    return pixel


def test_photograph_gets_a_thumbnail_of_each_size_smallest_first(store: FileStore) -> None:
    pictures = thumbnails_of(store, portrait(600, 800))

    assert [max(picture.size) for picture in pictures] == list(SIZES)
    assert {picture.format for picture in pictures} == {"WEBP"}
    assert {picture.size[0] / picture.size[1] for picture in pictures} == {0.75}


def test_photograph_taken_sideways_stands_upright(store: FileStore) -> None:
    result = run(store, portrait(600, 800))

    for each in result["thumbnails"]:
        assert is_upright(store.path(each["file"]).read_bytes())


def test_picture_with_transparency_keeps_it(store: FileStore) -> None:
    half_green = encoded(Image.new("RGBA", (100, 80), (0, 255, 0, 100)), "PNG")

    for picture in thumbnails_of(store, half_green, ".png"):
        assert picture.mode == "RGBA"
        assert colour_of(picture)[3] == pytest.approx(100, abs=3)


def test_opaque_picture_gets_no_transparency(store: FileStore) -> None:
    assert {picture.mode for picture in thumbnails_of(store, a_picture("JPEG"))} == {"RGB"}


@pytest.mark.parametrize(
    ("mode", "colour", "kind", "suffix"),
    [
        ("CMYK", (0, 255, 255, 0), "JPEG", ".jpg"),
        ("P", None, "PNG", ".png"),
        ("P", None, "GIF", ".gif"),
        ("RGB", (255, 0, 0), "WEBP", ".webp"),
    ],
)
def test_red_stays_red_in_every_colour_model(
    store: FileStore, mode: str, colour: tuple[int, ...] | None, kind: str, suffix: str
) -> None:
    red = Image.new("RGB", (80, 60), "red")
    picture = red.convert(mode) if colour is None else Image.new(mode, (80, 60), colour)

    for thumbnail in thumbnails_of(store, encoded(picture, kind), suffix):
        assert colour_of(thumbnail) == pytest.approx((255, 0, 0, 255), abs=12)


@pytest.mark.parametrize(
    ("mode", "value"), [("L", 80), ("LA", (80, 255)), ("I;16", 80 * 257), ("1", 0)]
)
def test_grey_stays_as_grey_as_it_was(store: FileStore, mode: str, value: Any) -> None:
    grey = 0 if mode == "1" else 80
    picture = encoded(Image.new(mode, (80, 60), value), "PNG")

    for thumbnail in thumbnails_of(store, picture, ".png"):
        assert colour_of(thumbnail)[:3] == pytest.approx((grey, grey, grey), abs=4)


def test_animation_gives_its_first_picture(store: FileStore) -> None:
    frames = [Image.new("RGB", (50, 50), colour) for colour in ("red", "blue")]
    animation = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])

    for thumbnail in thumbnails_of(store, animation, ".gif"):
        assert getattr(thumbnail, "n_frames", 1) == 1
        assert colour_of(thumbnail) == pytest.approx((255, 0, 0, 255), abs=12)


def test_phone_photograph_of_several_frames_gives_its_first_picture(store: FileStore) -> None:
    frames = [Image.new("RGB", (50, 50), colour) for colour in ("red", "blue")]
    photograph = encoded(frames[0], "MPO", save_all=True, append_images=frames[1:])

    for thumbnail in thumbnails_of(store, photograph):
        assert colour_of(thumbnail) == pytest.approx((255, 0, 0, 255), abs=12)


@pytest.mark.parametrize("size", [(5000, 1), (1, 5000), (3000, 2), (1, 1)])
def test_picture_of_any_shape_gets_thumbnails(store: FileStore, size: tuple[int, int]) -> None:
    for thumbnail in thumbnails_of(store, a_picture("PNG", size), ".png"):
        assert min(thumbnail.size) >= 1


def _with_place() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E] = SECRET
    exif.get_ifd(0x8825)[1] = SECRET
    return exif


def _png_with_text() -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", SECRET)
    text.add_itxt("XML:com.adobe.xmp", SECRET)
    return encoded(Image.new("RGB", (50, 50)), "PNG", pnginfo=text, exif=_with_place())


def _jpeg_with_comment() -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return encoded(
        Image.new("RGB", (50, 50)),
        "JPEG",
        exif=_with_place(),
        comment=SECRET.encode(),
        xmp=SECRET.encode(),
        icc_profile=profile + SECRET.encode(),
    )


@pytest.mark.parametrize(
    ("content", "suffix"), [(_png_with_text(), ".png"), (_jpeg_with_comment(), ".jpg")]
)
def test_thumbnail_carries_no_metadata(store: FileStore, content: bytes, suffix: str) -> None:
    assert SECRET.encode() in content
    result = run(store, content, suffix)

    for each in result["thumbnails"]:
        thumbnail = store.path(each["file"]).read_bytes()
        assert SECRET.encode() not in thumbnail
        with Image.open(store.path(each["file"])) as picture:
            assert dict(picture.getexif()) == {}


def test_picture_that_was_cut_off_fails_for_good_and_says_why(store: FileStore) -> None:
    photograph = portrait(600, 800)

    with pytest.raises(PermanentError, match="damaged"):
        run(store, photograph[: len(photograph) // 2])


def test_failed_job_leaves_no_thumbnail(store: FileStore) -> None:
    with pytest.raises(PermanentError):
        run(store, portrait(300, 400)[:2000])

    assert list(Path(store.url).rglob("*.webp")) == []


def test_picture_that_has_expired_is_not_found(store: FileStore) -> None:
    with pytest.raises(NotFoundError):
        KIND.run(KIND.parse({"picture": "a" * 32 + ".jpg"}), Context(files=store))


@pytest.mark.parametrize(
    "picture", ["", "x.jpg", "../" + "a" * 32 + ".jpg", "a" * 32, "a" * 32 + ".jpg\n", None, 7]
)
def test_parameter_that_is_no_file_id_is_refused(picture: Any) -> None:
    with pytest.raises(InvalidInputError):
        KIND.parse({"picture": picture})


@pytest.mark.parametrize(
    ("size", "longest"), [((512, 300), [64, 256, 512]), ((100, 40), [64, 100]), ((7, 9), [9])]
)
def test_small_picture_is_not_enlarged(
    store: FileStore, size: tuple[int, int], longest: list[int]
) -> None:
    thumbnails = thumbnails_of(store, a_picture("PNG", size), ".png")

    assert [max(thumbnail.size) for thumbnail in thumbnails] == longest


def test_progress_is_told_from_reading_to_the_last_size(store: FileStore) -> None:
    told: list[tuple[float, float, str]] = []
    parameters = KIND.parse({"picture": store.write(a_picture(size=(900, 600)), ".png")})

    KIND.run(parameters, Context(files=store, report_progress=lambda *args: told.append(args)))

    assert [done for done, _, _ in told] == [0, 1, 2, 3]
    assert {total for _, total, _ in told} == {4}


@pytest.mark.parametrize(("kind", "suffix"), [("JPEG", ".jpg"), ("PNG", ".png"), ("GIF", ".gif")])
def test_damaged_picture_gives_thumbnails_or_fails_for_good(
    store: FileStore, kind: str, suffix: str
) -> None:
    chance = random.Random(kind)  # noqa: S311 - the same damage at every run
    noise = Image.frombytes("L", (60, 45), chance.randbytes(60 * 45)).convert("RGB")
    picture = encoded(noise, kind)
    for _ in range(12):
        damaged = bytearray(picture)
        for _ in range(chance.randint(1, 5)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            run(store, bytes(damaged), suffix)
        except PermanentError:
            continue
