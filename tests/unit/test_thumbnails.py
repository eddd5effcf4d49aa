"""`image.thumbnail`, called as a plain function on real pictures."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from project.errors import InvalidInputError, NotFoundError, PermanentError
from project.files import FileStore
from project.files.job_files import open_files
from project.jobs import get_kind
from project.jobs.image_thumbnail.kind import SIZES
from project.jobs.image_thumbnail.thumbnails import format_bytes
from project.kinds.definition import Context
from tests.builders import a_picture, encoded
from tests.deploy.photograph import is_upright, portrait

KIND = get_kind("image.thumbnail")
SECRET = "51.5007 N, 0.1246 W"


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(str(tmp_path / "files"))


def thumbnails_of(store: FileStore, content: bytes, suffix: str = ".jpg") -> list[Image.Image]:
    """The thumbnails' pictures, as the job says it has made them."""
    result = run(store, content, suffix)
    pictures = [Image.open(store.path(each["file"])) for each in result["thumbnails"]]
    assert [(each["width"], each["height"]) for each in result["thumbnails"]] == [
        picture.size for picture in pictures
    ]
    return pictures


def run(store: FileStore, content: bytes, suffix: str = ".jpg", **more: Any) -> Any:
    return run_with(store, {"picture": store.write(content, suffix), **more})


def run_with(store: FileStore, parameters: dict[str, Any], **equipment: Any) -> Any:
    """The job's result, as the worker runs it: what a failed one has made is removed."""
    with open_files(store) as files:
        return KIND.run(KIND.parse(parameters), Context(files=files, **equipment))


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
        run_with(store, {"picture": "a" * 32 + ".jpg"})


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
    parameters = {"picture": store.write(a_picture(size=(900, 600)), ".png")}

    run_with(store, parameters, report_progress=lambda *args: told.append(args))

    assert [done for done, _, _ in told] == [0, 1, 2, 3]
    assert {total for _, total, _ in told} == {4}


def numbered(store: FileStore, count: int) -> list[str]:
    """So many pictures of different colours and shapes."""
    sizes = [(60, 40), (40, 60), (50, 50)]
    colours = ["red", "green", "blue", "white"]
    return [
        store.write(a_picture("PNG", sizes[at % 3], colours[at % 4]), ".png") for at in range(count)
    ]


@pytest.mark.parametrize("kind", ["webp", "avif", "jpeg", "png"])
def test_format_is_what_was_asked_for(store: FileStore, kind: str) -> None:
    result = run(store, portrait(300, 400), formats=[kind], sizes=[100])

    (thumbnail,) = result["thumbnails"]
    with Image.open(store.path(thumbnail["file"])) as picture:
        assert picture.format == kind.upper()
        assert picture.size == (75, 100)
    assert store.size(thumbnail["file"]) == thumbnail["bytes"]
    assert is_upright(store.path(thumbnail["file"]).read_bytes())


def test_every_size_comes_in_every_format(store: FileStore) -> None:
    result = run(store, portrait(300, 400), formats=["png", "jpeg"], sizes=[200, 100, 200])

    assert [(each["height"], each["format"]) for each in result["thumbnails"]] == [
        (100, "png"),
        (100, "jpeg"),
        (200, "png"),
        (200, "jpeg"),
    ]


def test_jpeg_shows_white_where_the_picture_is_transparent(store: FileStore) -> None:
    clear = encoded(Image.new("RGBA", (80, 60), (255, 0, 0, 0)), "PNG")

    result = run(store, clear, ".png", formats=["jpeg"])

    with Image.open(store.path(result["thumbnails"][0]["file"])) as picture:
        assert colour_of(picture) == (255, 255, 255, 255)


def test_lower_quality_makes_smaller_files(store: FileStore) -> None:
    photograph = portrait(600, 800)

    for kind in ("webp", "avif", "jpeg"):
        sizes = [
            run(store, photograph, formats=[kind], sizes=[640], quality=quality)["thumbnails"][0]
            for quality in (20, 90)
        ]
        assert sizes[0]["bytes"] < sizes[1]["bytes"]


def test_gallery_tells_size_format_and_bytes(store: FileStore) -> None:
    result = run(store, portrait(600, 800), sizes=[640])

    (picture,) = result["pictures"]
    assert re.fullmatch(r"480 × 640, WebP, \d+ KB", picture["title"])
    assert result["summary"] == "1 thumbnail of a picture of 600 × 800 pixels"


@pytest.mark.parametrize(
    ("count", "told"),
    [(999, "999 bytes"), (1_000, "1 KB"), (41_400, "41 KB"), (999_500, "1.0 MB")],
)
def test_sizes_of_files_are_told_in_words(count: int, told: str) -> None:
    assert format_bytes(count) == told


def test_many_pictures_get_their_thumbnails_and_a_contact_sheet(store: FileStore) -> None:
    result = run_with(store, {"pictures": numbered(store, 5), "sizes": [32]})

    assert [each["picture"] for each in result["thumbnails"]] == [1, 2, 3, 4, 5]
    (sheet,) = result["pictures"]
    with Image.open(store.path(sheet["file"])) as page:
        assert page.size == (sheet["width"], sheet["height"])
    assert result["summary"] == "5 thumbnails of 5 pictures"
    listed = json.loads(store.path(result["files"][0]["file"]).read_text())
    assert listed == result["thumbnails"]


def test_contact_sheet_of_many_pictures_has_pages(store: FileStore) -> None:
    result = run_with(store, {"pictures": numbered(store, 33), "sizes": [16], "formats": ["png"]})

    assert [sheet["title"] for sheet in result["pictures"]] == [
        "Contact sheet: pictures 1 to 30 of 33",
        "Contact sheet: pictures 31 to 33 of 33",
    ]


def test_result_lists_a_hundred_thumbnails_and_the_file_all(store: FileStore) -> None:
    parameters = {"pictures": numbered(store, 26), "sizes": [16, 24], "formats": ["png", "webp"]}

    result = run_with(store, parameters)

    assert len(result["thumbnails"]) == 100
    assert len(json.loads(store.path(result["files"][0]["file"]).read_text())) == 104
    assert len(json.dumps(result)) < 20_000


def test_picture_among_many_that_cannot_be_read_is_told_of(store: FileStore) -> None:
    good = numbered(store, 2)
    cut_off = store.write(portrait(300, 400)[:3000], ".jpg")
    gone = "a" * 32 + ".png"

    result = run_with(store, {"pictures": [good[0], cut_off, gone, good[1]], "sizes": [32]})

    assert [each["picture"] for each in result["thumbnails"]] == [1, 4]
    assert result["summary"] == "2 thumbnails of 2 pictures; 2 pictures could not be used"
    ((second, why), (third, reason)) = result["tables"][0]["rows"]
    assert (second, third) == (2, 3)
    assert "damaged" in why
    assert "expired" in reason


def test_job_fails_where_no_picture_of_many_can_be_read(store: FileStore) -> None:
    cut_off = store.write(portrait(300, 400)[:3000], ".jpg")

    with pytest.raises(PermanentError, match=r"None of the 2 pictures .* damaged"):
        run_with(store, {"pictures": [cut_off, cut_off]})


def test_progress_of_many_pictures_never_goes_back(store: FileStore) -> None:
    told: list[tuple[float, float, str]] = []
    pictures = [*numbered(store, 2), store.write(portrait(300, 400)[:3000], ".jpg")]

    run_with(store, {"pictures": pictures}, report_progress=lambda *args: told.append(args))

    done = [each[0] for each in told]
    assert done == sorted(done)
    assert done[-1] + 1 == told[-1][1]
    assert "picture 3 of 3" in told[-2][2]


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"picture": "a" * 32 + ".jpg", "pictures": ["a" * 32 + ".jpg"]},
        {"pictures": []},
        {"pictures": ["a" * 32 + ".jpg"] * 201},
        {"pictures": ["a" * 32 + ".csv"]},
        {"picture": "a" * 32 + ".jpg", "sizes": []},
        {"picture": "a" * 32 + ".jpg", "sizes": [15]},
        {"picture": "a" * 32 + ".jpg", "sizes": [4097]},
        {"picture": "a" * 32 + ".jpg", "sizes": list(range(16, 25))},
        {"picture": "a" * 32 + ".jpg", "formats": ["bmp"]},
        {"picture": "a" * 32 + ".jpg", "quality": 0},
        {
            "pictures": ["a" * 32 + ".jpg"] * 200,
            "sizes": [20, 30, 40],
            "formats": ["webp", "png", "avif", "jpeg"],
        },
    ],
)
def test_parameters_that_cannot_be_met_are_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        KIND.parse(parameters)


@pytest.mark.parametrize(
    ("parameters", "queue"),
    [
        ({"picture": "a" * 32 + ".jpg"}, "short"),
        ({"picture": "a" * 32 + ".jpg", "sizes": [2000]}, "long"),
        ({"pictures": ["a" * 32 + ".jpg"]}, "long"),
    ],
)
def test_what_takes_long_goes_to_the_long_queue(parameters: dict[str, Any], queue: str) -> None:
    assert KIND.queue_for(KIND.parse(parameters)) is queue
