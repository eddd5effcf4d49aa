"""`project.pixels`: colours stay what they were, and no picture takes more than it may."""

import io
import json
import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageDraw

from project.errors import PermanentError
from project.pixels.__main__ import NEEDS_TOO_MUCH_MEMORY, Desk
from project.pixels.encoding import find_size, fit, write_picture
from project.pixels.profiles import Colours, make_profile
from project.pixels.reading import DAMAGED, Reading, read_picture
from project.pixels.sheet import CELL, Cell, draw_sheet
from tests.builders import a_picture, encoded, png, png_chunk
from tests.colour_profiles import ADOBE_RGB, DISPLAY_P3, Primaries, odd_inks

MEBIBYTE = 1024**2
COLOUR = (200, 100, 50)
FORMATS = ["JPEG", "PNG", "GIF", "WEBP", "AVIF"]


def reading_of(folder: Path, content: bytes, longest: int = 640) -> Reading:
    path = folder / "picture"
    path.write_bytes(content)
    return read_picture(path, longest)


def middle_of(picture: Image.Image) -> tuple[int, ...]:
    pixel = picture.getpixel((picture.width // 2, picture.height // 2))
    assert isinstance(pixel, tuple)
    return pixel


@pytest.mark.parametrize("space", [DISPLAY_P3, ADOBE_RGB])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_colour_of_a_wide_space_is_the_same_colour_in_srgb(
    tmp_path: Path, space: Primaries, kind: str
) -> None:
    options: dict[str, Any] = {"quality": 100} if kind != "PNG" else {}
    picture = encoded(
        Image.new("RGB", (64, 64), COLOUR), kind, icc_profile=space.profile(), **options
    )

    reading = reading_of(tmp_path, picture)

    assert middle_of(reading.picture) == pytest.approx(space.as_srgb(COLOUR), abs=4)
    assert reading.colour == space.name


def test_transparency_outlives_the_change_of_colours(tmp_path: Path) -> None:
    half = Image.new("RGBA", (64, 64), (*COLOUR, 128))

    reading = reading_of(tmp_path, encoded(half, "PNG", icc_profile=DISPLAY_P3.profile()))

    expected = (*DISPLAY_P3.as_srgb(COLOUR), 128)
    assert middle_of(reading.picture) == pytest.approx(expected, abs=2)


def test_profile_of_three_colours_is_used_for_a_palette(tmp_path: Path) -> None:
    palette = Image.new("RGB", (64, 64), COLOUR).convert("P", palette=Image.Palette.ADAPTIVE)

    reading = reading_of(tmp_path, encoded(palette, "PNG", icc_profile=DISPLAY_P3.profile()))

    assert middle_of(reading.picture) == pytest.approx(DISPLAY_P3.as_srgb(COLOUR), abs=2)


def test_profile_says_what_inks_mean(tmp_path: Path) -> None:
    first_ink = Image.new("CMYK", (64, 64), (255, 0, 0, 0))

    reading = reading_of(tmp_path, encoded(first_ink, "JPEG", quality=100, icc_profile=odd_inks()))

    red, green, blue = middle_of(reading.picture)
    assert red > 240
    assert max(green, blue) < 30


def test_inks_without_a_profile_are_the_usual_ones(tmp_path: Path) -> None:
    """A JPEG stores them inverted, as Adobe's programs do, and says so in a marker."""
    cyan = encoded(Image.new("CMYK", (64, 64), (255, 0, 0, 0)), "JPEG", quality=100)
    assert b"Adobe" in cyan

    assert middle_of(reading_of(tmp_path, cyan).picture) == pytest.approx((0, 255, 255), abs=3)


@pytest.mark.parametrize(
    "profile",
    [b"", b"no profile", DISPLAY_P3.profile()[:200], odd_inks(), bytes(4000)],
    ids=["empty", "text", "cut off", "of inks", "zeros"],
)
def test_profile_that_is_of_no_use_is_left_aside(tmp_path: Path, profile: bytes) -> None:
    picture = encoded(Image.new("RGB", (64, 64), COLOUR), "PNG", icc_profile=profile)

    reading = reading_of(tmp_path, picture)

    assert middle_of(reading.picture) == COLOUR
    assert reading.colour == ""


def test_name_of_a_profile_is_a_short_line(tmp_path: Path) -> None:
    space = Primaries("Odd\nname\x07" + "x" * 200, DISPLAY_P3.rows, 2.2)

    colour = reading_of(
        tmp_path, encoded(Image.new("RGB", (9, 9)), "PNG", icc_profile=space.profile())
    ).colour

    assert colour.isprintable()
    assert len(colour) <= 60


@pytest.mark.parametrize("orientation", range(1, 9))
def test_picture_of_every_orientation_stands_upright(tmp_path: Path, orientation: int) -> None:
    upright = Image.new("RGB", (80, 60), "white")
    ImageDraw.Draw(upright).rectangle((0, 0, 39, 29), "red")
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = _turn_back(upright, orientation)

    reading = reading_of(tmp_path, encoded(stored, "PNG", exif=exif))

    assert (reading.width, reading.height) == (80, 60)
    assert reading.picture.getpixel((10, 10)) == (255, 0, 0)
    assert reading.picture.getpixel((70, 50)) == (255, 255, 255)
    assert reading.picture.getpixel((70, 10)) == (255, 255, 255)


def _turn_back(upright: Image.Image, orientation: int) -> Image.Image:
    """As a camera stores it: turned by so many quarters against the clock, then maybe mirrored."""
    quarters, is_mirrored = {
        1: (0, False),
        2: (0, True),
        3: (2, False),
        4: (2, True),
        5: (3, True),
        6: (1, False),
        7: (1, True),
        8: (3, False),
    }[orientation]
    turned = upright.rotate(90 * quarters, expand=True)
    return turned.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if is_mirrored else turned


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_orientation_of_xmp_turns_nothing(tmp_path: Path, kind: str) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>'
    picture = Image.new("RGB", (80, 60))
    if kind == "PNG":
        text = b"XML:com.adobe.xmp\0\0\0\0\0" + xmp
        content = _insert(encoded(picture, "PNG"), png_chunk(b"iTXt", text))
    else:
        content = encoded(picture, kind, xmp=xmp)
    assert b"tiff:Orientation" in content

    assert reading_of(tmp_path, content).width == 80


def _insert(content: bytes, chunk: bytes) -> bytes:
    """The PNG with that chunk behind its header."""
    return content[:33] + chunk + content[33:]


@pytest.mark.parametrize("hidden", [0, 1, 40_000, 65_535])
def test_deep_grey_that_is_transparent_stays_so_and_no_other_grey(
    tmp_path: Path, hidden: int
) -> None:
    """40,001 is the same of 8 bits as 40,000 is."""
    greys = (0, 1, 40_000, 40_001, 65_534, 65_535)
    pixels = Image.frombytes("I;16", (6, 1), struct.pack("<6H", *greys))
    content = _insert(encoded(pixels, "PNG"), png_chunk(b"tRNS", struct.pack(">H", hidden)))

    picture = reading_of(tmp_path, content).picture

    alpha = [picture.getpixel((at, 0)) for at in range(6)]
    expected = [(grey // 256,) * 3 + (0 if grey == hidden else 255,) for grey in greys]
    assert alpha == expected


def test_deep_colour_that_is_transparent_stays_so_and_no_other_one(tmp_path: Path) -> None:
    """The second one differs in its last bit alone, the third one in its first."""
    hidden, colours = (0x8000, 0x1000, 0x2000), [(0x8000, 0x1000, 0x2001), (0, 0x1000, 0x2000)]
    pixels = struct.pack(">9H", *hidden, *colours[0], *colours[1])
    content = a_png(3, 16, pixels, png_chunk(b"tRNS", struct.pack(">3H", *hidden)))

    picture = reading_of(tmp_path, content).picture

    assert [picture.getpixel((at, 0)) for at in range(3)] == [
        (128, 16, 32, 0),
        (128, 16, 32, 255),
        (0, 16, 32, 255),
    ]


def a_png(width: int, bits: int, pixels: bytes, *chunks: bytes) -> bytes:
    """One row of RGB."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, bits, 2, 0, 0, 0))
    data = png_chunk(b"IDAT", zlib.compress(b"\0" + pixels))
    parts = (b"\x89PNG\r\n\x1a\n", header, *chunks, data, png_chunk(b"IEND", b""))
    return b"".join(parts)


def _gamma(value: int) -> bytes:
    return png_chunk(b"gAMA", struct.pack(">I", value))


def _numbers(primaries: int, curve: int) -> bytes:
    return png_chunk(b"cICP", bytes([primaries, curve, 0, 1]))


_WIDE = png_chunk(
    b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
)
_AS_SRGB = png_chunk(b"sRGB", b"\0")


@pytest.mark.parametrize(
    ("chunks", "shown", "name"),
    [
        ([_gamma(100_000)], [(229, 168, 122), (96, 133, 160)], "Gamma 1"),
        ([_gamma(50_000)], [(206, 109, 55), (31, 67, 99)], "Gamma 2"),
        ([_gamma(45_455)], [(200, 100, 50), (30, 60, 90)], ""),
        ([_gamma(100_000), _AS_SRGB], [(200, 100, 50), (30, 60, 90)], ""),
        ([_WIDE], [(200, 100, 50), (30, 60, 90)], ""),
        ([_gamma(45_455), _WIDE], [(216, 93, 24), (6, 58, 92)], "Gamma 2.2"),
        ([_numbers(12, 13)], [(215, 93, 31), (17, 61, 93)], "Display P3"),
        ([_numbers(12, 13), _gamma(100_000)], [(215, 93, 31), (17, 61, 93)], "Display P3"),
        ([_numbers(9, 13)], [(241, 76, 29), (0, 62, 93)], "BT.2020"),
        ([_numbers(1, 8)], [(229, 168, 122), (96, 133, 160)], "BT.709"),
        ([_numbers(5, 6)], [(200, 91, 40), (15, 49, 81)], "BT.601 (625 lines)"),
        ([_numbers(1, 13)], [(200, 100, 50), (30, 60, 90)], ""),
        ([_numbers(2, 2)], [(200, 100, 50), (30, 60, 90)], ""),
        ([_gamma(100_000), png_chunk(b"cHRM", bytes(32))], [(200, 100, 50), (30, 60, 90)], ""),
    ],
)
@pytest.mark.parametrize("bits", [8, 16])
def test_colours_of_png_are_those_that_chromium_shows(
    tmp_path: Path, chunks: list[bytes], shown: list[tuple[int, int, int]], name: str, bits: int
) -> None:
    values = bytes([200, 100, 50, 30, 60, 90])
    pixels = bytes(byte for value in values for byte in [value] * (bits // 8))

    reading = reading_of(tmp_path, a_png(2, bits, pixels, *chunks))

    found = [reading.picture.getpixel((at, 0)) for at in range(2)]
    assert found == [pytest.approx(colour, abs=1) for colour in shown]
    assert reading.colour == name


def test_primaries_that_are_none_change_nothing() -> None:
    assert make_profile(Colours("nothing", [0.3] * 8, 1.0)) is None


def test_numbers_of_avif_name_its_colours(tmp_path: Path) -> None:
    content = bytearray(encoded(Image.new("RGB", (16, 16), (200, 100, 50)), "AVIF", quality=100))
    place = content.index(b"colrnclx") + 8
    content[place : place + 4] = struct.pack(">HH", 12, 13)

    reading = reading_of(tmp_path, bytes(content))

    assert middle_of(reading.picture) == pytest.approx((215, 93, 31), abs=4)
    assert reading.colour == "Display P3"


def test_metadata_that_cannot_be_read_turns_nothing(tmp_path: Path) -> None:
    picture = encoded(Image.new("RGB", (80, 60)), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")

    assert reading_of(tmp_path, picture).width == 80


def test_large_picture_is_made_smaller_before_all_else(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, a_picture("PNG", (4000, 2000)), longest=300)

    assert (reading.width, reading.height) == (4000, 2000)
    assert 600 <= reading.picture.width < 1000


@pytest.mark.parametrize("kind", ["webp", "avif", "jpeg", "png"])
def test_nothing_but_pixels_is_written(tmp_path: Path, kind: str) -> None:
    picture = Image.new("RGB", (50, 50))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture.info = dict.fromkeys(("exif", "xmp", "comment"), b"SECRET")
    picture.info |= {"icc_profile": profile, "Comment": "SECRET", "dpi": (72, 72)}

    write_picture(picture, tmp_path / "file", kind, 80)

    written = (tmp_path / "file").read_bytes()
    assert b"SECRET" not in written
    assert profile not in written
    with Image.open(tmp_path / "file") as found:
        assert not {"exif", "xmp", "icc_profile", "comment"} & found.info.keys()


@pytest.mark.parametrize(
    ("size", "longest", "expected"),
    [
        ((800, 600), 400, (400, 300)),
        ((800, 600), 4000, (800, 600)),
        ((5000, 1), 64, (64, 1)),
        ((3, 1000), 500, (2, 500)),
    ],
)
def test_size_keeps_the_shape(
    size: tuple[int, int], longest: int, expected: tuple[int, int]
) -> None:
    assert find_size(*size, longest) == expected


# ── What is too much ───────────────────────────────────────────────────────────────────────────


def claims_of_pixels() -> dict[str, bytes]:
    """Files whose headers claim more pixels than are taken, and that hold next to none."""
    jpeg = bytearray(a_picture("JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 60_000, 60_000)
    gif = bytearray(a_picture("GIF"))
    gif[6:10] = struct.pack("<HH", 60_000, 60_000)
    canvas = (16_383).to_bytes(3, "little")
    webp = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + canvas * 2
    avif = bytearray(a_picture("AVIF"))
    extent = avif.index(b"ispe")
    avif[extent + 8 : extent + 16] = struct.pack(">II", 9_000, 9_000)
    return {
        "JPEG": bytes(jpeg),
        "GIF": bytes(gif),
        "PNG": png(10_001, 5_000),
        "PNG beyond all measure": png(200_000, 200_000),
        "WebP": b"RIFF" + struct.pack("<I", len(webp)) + webp,
        "AVIF": bytes(avif),
    }


@pytest.mark.parametrize("name", claims_of_pixels())
def test_claim_of_too_many_pixels_is_refused_by_the_header(tmp_path: Path, name: str) -> None:
    with pytest.raises(PermanentError, match=r"pixels; at most 50,000,000 in all are allowed"):
        reading_of(tmp_path, claims_of_pixels()[name])


def test_picture_within_a_frame_that_is_larger_than_its_screen_is_judged_by_the_frame(
    tmp_path: Path,
) -> None:
    gif = bytearray(a_picture("GIF"))
    gif[6:10] = struct.pack("<HH", 10, 10)
    frame = gif.index(b",", 13 + 3 * 2 ** ((gif[10] & 7) + 1))
    gif[frame + 5 : frame + 9] = struct.pack("<HH", 60_000, 60_000)

    with pytest.raises(PermanentError, match="pixels"):
        reading_of(tmp_path, bytes(gif))


@pytest.mark.parametrize("name", [b"iCCP", b"zTXt"])
def test_text_that_grows_when_it_is_unpacked_costs_little(tmp_path: Path, name: bytes) -> None:
    """Pillow takes a mebibyte of it; the process takes what is left to take."""
    bomb = png_chunk(name, b"x\0\0" + zlib.compress(bytes(200 * MEBIBYTE)))
    picture = a_picture("PNG", (64, 64))
    header_end = 8 + 25
    path = tmp_path / "picture.png"
    path.write_bytes(picture[:header_end] + bomb + picture[header_end:])

    answer, peak_bytes = asked({"do": "read", "path": str(path), "longest": 64})

    assert "done" in answer or "picture" in answer["refused"]
    assert peak_bytes < 100 * MEBIBYTE


def test_animation_of_thousands_of_frames_costs_its_first_one(tmp_path: Path) -> None:
    frames = [Image.new("P", (300, 300), number % 255) for number in range(2_000)]
    path = tmp_path / "animation.gif"
    path.write_bytes(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))

    answer, peak_bytes = asked({"do": "read", "path": str(path), "longest": 64})

    assert answer["done"]["width"] == 300
    assert peak_bytes < 100 * MEBIBYTE


def test_size_that_is_a_lie_ends_at_the_limit_of_memory(tmp_path: Path) -> None:
    """Its box says 64 × 64, and what is coded has 16 million pixels."""
    content = bytearray(a_picture("AVIF", (4_000, 4_000)))
    extent = content.index(b"ispe")
    content[extent + 8 : extent + 16] = struct.pack(">II", 64, 64)
    path = tmp_path / "picture.avif"
    path.write_bytes(content)

    answer, _ = asked({"do": "read", "path": str(path), "longest": 64}, limit_bytes=50 * MEBIBYTE)

    assert "refused" in answer


def test_picture_beyond_the_limit_of_memory_is_refused_and_the_next_one_is_read(
    tmp_path: Path,
) -> None:
    large, small = tmp_path / "large.png", tmp_path / "small.png"
    large.write_bytes(a_picture("PNG", (7_000, 7_000)))
    small.write_bytes(a_picture("PNG"))
    requests = [{"do": "read", "path": str(path), "longest": 64} for path in (large, small)]

    first, second = serve(requests, limit_bytes=150 * MEBIBYTE)[0]

    assert first == {"refused": NEEDS_TOO_MUCH_MEMORY}
    assert second["done"]["width"] == 40


def asked(request: dict[str, Any], limit_bytes: int = 2048 * MEBIBYTE) -> tuple[Any, int]:
    """The answer of a fresh process, and the most memory that it has had."""
    (answer,), peak_bytes = serve([request], limit_bytes)
    return answer, peak_bytes


def serve(requests: list[dict[str, Any]], limit_bytes: int) -> tuple[list[Any], int]:
    code = (
        "import sys\n"
        "from project.pixels.__main__ import limit_memory, serve\n"
        f"limit_memory({limit_bytes})\n"
        "serve(sys.stdin, sys.stdout)\n"
        "(peak,) = (line for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "print(peak.split()[1])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        input="".join(f"{json.dumps(request)}\n" for request in requests),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    *answers, peak_kibibytes = done.stdout.splitlines()
    return [json.loads(line) for line in answers], int(peak_kibibytes) * 1024


@pytest.mark.parametrize("kind", FORMATS)
def test_picture_that_was_cut_off_is_damaged(tmp_path: Path, kind: str) -> None:
    noise = Image.frombytes("RGB", (90, 90), random.Random(1).randbytes(90 * 90 * 3))  # noqa: S311
    picture = encoded(noise, kind)

    with pytest.raises(PermanentError, match="The picture is damaged"):
        reading_of(tmp_path, picture[: len(picture) * 2 // 3])


def test_png_whose_pixels_are_nonsense_is_damaged_and_not_black(tmp_path: Path) -> None:
    content = bytearray(a_picture("PNG", (90, 90)))
    at = content.index(b"IDAT") + 4
    content[at : at + 20] = bytes(20)

    with pytest.raises(PermanentError, match="The picture is damaged"):
        reading_of(tmp_path, bytes(content))


@pytest.mark.parametrize("content", [b"GIF89a", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBPVP8 "])
def test_picture_of_which_there_is_only_the_beginning_is_damaged(
    tmp_path: Path, content: bytes
) -> None:
    with pytest.raises(PermanentError, match="The picture is damaged: it is cut off"):
        reading_of(tmp_path, content)


@pytest.mark.parametrize("content", [b"", b"text", b"%PDF-1.7", b"\x00" * 1000])
def test_file_that_is_no_picture_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(PermanentError, match="choose a JPEG, PNG, GIF, WebP or AVIF file"):
        reading_of(tmp_path, content)


@pytest.mark.parametrize("kind", FORMATS)
def test_damaged_picture_is_read_or_refused_but_never_an_unforeseen_answer(
    tmp_path: Path, kind: str
) -> None:
    chance = random.Random(kind)  # noqa: S311 - the same damage at every run
    noise = Image.frombytes("L", (60, 45), chance.randbytes(60 * 45)).convert("RGB")
    picture = encoded(noise, kind, **({} if kind == "GIF" else {"icc_profile": odd_inks()}))
    path, desk = tmp_path / "picture", Desk()
    for _ in range(60):
        damaged = bytearray(picture)
        for _ in range(chance.randint(1, 6)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged)

        answer = desk.answer({"do": "read", "path": str(path), "longest": 64})

        assert "done" in answer or "picture" in answer["refused"]


def test_library_that_stumbles_over_a_picture_makes_it_a_damaged_one() -> None:
    assert Desk().answer({"do": "read", "path": "/nowhere", "longest": 64}) == {"refused": DAMAGED}


# ── Contact sheets ─────────────────────────────────────────────────────────────────────────────


def test_cells_are_equal_and_pictures_in_their_middle_on_white(tmp_path: Path) -> None:
    shapes = {"wide": (320, 100), "tall": (100, 320)}
    for name, size in shapes.items():
        (tmp_path / name).write_bytes(a_picture("PNG", size))

    page = draw_sheet([Cell(1, tmp_path / "wide"), Cell(2, tmp_path / "tall")], "Two")

    assert page.getpixel((2, 2)) == (255, 255, 255)
    red = fit(page, *page.size).split()[1].point(lambda green: 255 if green < 10 else 0)
    boxes = [
        red.crop((left, 0, left + page.width // 2, page.height)).getbbox()
        for left in (0, page.width // 2)
    ]
    (wide, tall) = [box for box in boxes if box]
    assert (wide[2] - wide[0], tall[3] - tall[1]) == pytest.approx((CELL, CELL), abs=4)
    assert (wide[1] + wide[3]) / 2 == pytest.approx((tall[1] + tall[3]) / 2, abs=2)


def test_small_picture_stays_small_in_its_cell(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(a_picture("PNG", (10, 10)))

    page = draw_sheet([Cell(1, tmp_path / "small"), Cell(2, None)], "Two")

    red = sum(1 for pixel in io.BytesIO(page.tobytes()).read()[1::3] if pixel == 0)
    assert red <= 10 * 10
