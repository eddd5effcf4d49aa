"""Reads a picture: judged by its header, decoded, made smaller early, turned upright, made sRGB."""

import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops, ImageFile

from project.errors import PermanentError
from project.pixels.colour import convert_to_srgb
from project.pixels.profiles import find_profile

MAX_PIXELS = 50_000_000
"""Of one picture; each takes up to 16 bytes while it is decoded."""
FORMATS = {"JPEG": "JPEG", "PNG": "PNG", "GIF": "GIF", "WEBP": "WebP", "AVIF": "AVIF"}
"""Pillow's names and ours."""
DAMAGED = "The picture is damaged: it could not be read to its end."
_NOT_UNDERSTOOD = (
    "The picture is damaged: it is cut off, or what it says of itself is wrong. Send it again, or "
    "save it anew."
)
_NO_PICTURE = (
    "The file is not a picture that can be read: choose a JPEG, PNG, GIF, WebP or AVIF file."
)
_MARKS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")
"""First bytes of JPEG, PNG and GIF files."""
_DEEP, _DEEP_REVERSED = "RGB;16B", "RGB;16L"
"""Pillow's names for three times two bytes, of which the high ones come first or last."""
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What stands a picture of that EXIF orientation upright (Exif 2.32, tag 0x0112)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A picture upright, in RGB or RGBA, maybe smaller than it was; its own size in pixels."""

    picture: Image.Image
    width: int
    height: int
    format: str
    colour: str
    """The name of the colour profile it had; empty where it had none that could be used."""


def read_picture(path: Path, longest: int) -> Reading:
    """The picture, of which nothing longer than `longest` pixels will be made.

    Of an animation it is the first frame. PermanentError where it has too many pixels or cannot be
    read to its end.
    """
    with _open(path) as picture:
        size = picture.size
        profile = find_profile(path, picture.format, picture.info)
        # JPEG's decoder itself can leave pixels out, without which less memory is needed.
        picture.draft(None, (2 * longest, 2 * longest))
        low_bytes = _load_low_bytes(path, picture)
        _load(picture)
        # Not before: of a PNG the library reads the pixels for it, and their errors come only once.
        turn = _TURNS.get(_find_orientation(picture))
        small = _shrink(_simplify(picture, low_bytes), 2 * longest)
        converted, colour = convert_to_srgb(small, profile)
        # A phone's MPO is a JPEG with a second picture behind the first.
        name = FORMATS.get(picture.format or "", "JPEG")
    is_turned = turn is not None and turn.name in {
        *("TRANSPOSE", "ROTATE_270", "TRANSVERSE", "ROTATE_90"),
    }
    width, height = reversed(size) if is_turned else size
    upright = converted if turn is None else converted.transpose(turn)
    return Reading(upright, width, height, name, colour)


def _open(path: Path) -> ImageFile.ImageFile:
    """The picture with its header read, which says that its pixels are not too many."""
    _check_size(*_find_webp_size(path))
    try:
        with warnings.catch_warnings():
            # Of odd metadata, and of sizes: ours is the lower limit.
            warnings.simplefilter("ignore")
            picture = Image.open(path, formats=tuple(FORMATS))
    except Image.DecompressionBombError as error:
        raise PermanentError(_too_large("far too many")) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise PermanentError(_NOT_UNDERSTOOD if _is_picture(path) else _NO_PICTURE) from error
    _check_size(*picture.size)
    return picture


def _is_picture(path: Path) -> bool:
    """Whether it begins as one."""
    with path.open("rb") as file:
        head = file.read(12)
    return head.startswith(_MARKS) or head[8:12] == b"WEBP" or head[4:8] == b"ftyp"


def _find_webp_size(path: Path) -> tuple[int, int]:
    """Of a WebP file with a canvas: Pillow claims memory for it before it tells the size."""
    with path.open("rb") as file:
        head = file.read(30)
    if head[:4] != b"RIFF" or head[8:16] != b"WEBPVP8X" or len(head) < 30:
        return 0, 0
    return tuple(1 + int.from_bytes(head[at : at + 3], "little") for at in (24, 27))  # type: ignore[return-value]


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise PermanentError(_too_large(f"{width} × {height}"))


def _too_large(pixels: str) -> str:
    return (
        f"The picture has {pixels} pixels; at most {MAX_PIXELS:,} in all are taken: "
        "make it smaller."
    )


def _load(picture: Image.Image) -> None:
    try:
        picture.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise PermanentError(DAMAGED) from error


def _find_orientation(picture: Image.Image) -> int:
    """1 where the metadata cannot be read: the pixels may be well all the same."""
    try:
        # XMP's orientation is for programs that edit: viewers heed EXIF's alone, Pillow both.
        for name in ("xmp", "XML:com.adobe.xmp"):
            picture.info.pop(name, None)
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - whatever the library meets in there
        return 1


def _load_low_bytes(path: Path, picture: ImageFile.ImageFile) -> Image.Image | None:
    """Of a PNG of 16 bits a colour, one of which is transparent; Pillow reads the high bytes.

    The same pixels read as if their low byte came last have their low bytes in the result.
    """
    if "transparency" not in picture.info or _find_raw_mode(picture) != _DEEP:
        return None
    with _open(path) as other:
        (tile,) = other.tile
        other.tile = [tile._replace(args=_DEEP_REVERSED)]
        _load(other)
        return other.copy()


def _find_raw_mode(picture: ImageFile.ImageFile) -> object:
    return picture.tile[0].args if picture.format == "PNG" and picture.tile else None


def _simplify(picture: Image.Image, low_bytes: Image.Image | None) -> Image.Image:
    """In a mode that can be averaged: L, LA, RGB, RGBA or CMYK."""
    if low_bytes is not None:
        return _hide_deep_colour(picture, low_bytes)
    if picture.mode.startswith("I"):  # 16-bit grey, which Pillow would cut off at 255
        return _simplify_deep_grey(picture)
    if picture.mode in {"L", "LA", "RGB", "RGBA", "CMYK"} and "transparency" not in picture.info:
        return picture
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    return picture.convert("L" if picture.mode == "1" else "RGB")


def _simplify_deep_grey(picture: Image.Image) -> Image.Image:
    """L, or LA where one of the 65,536 greys is transparent, which must be found before that."""
    grey = picture.point(lambda value: value * (1 / 256)).convert("L")
    hidden = picture.info.get("transparency")
    if not isinstance(hidden, int):
        return grey
    wide = picture.convert("I")
    # L is cut off at 0 and 255: the one is above where a grey is lighter, the other where darker.
    lighter = wide.point(lambda value: value * 1.0 + float(-hidden)).convert("L")
    darker = wide.point(lambda value: value * -1.0 + float(hidden)).convert("L")
    grey.putalpha(ImageChops.add(lighter, darker).point(lambda value: 255 if value else 0))
    return grey


def _hide_deep_colour(picture: Image.Image, low_bytes: Image.Image) -> Image.Image:
    """RGBA, transparent where all six bytes are those of the hidden colour."""
    hidden = picture.info.pop("transparency")
    alpha = Image.new("L", picture.size)
    for half, colour in (
        (picture, [value >> 8 for value in hidden]),
        (low_bytes, [value & 255 for value in hidden]),
    ):
        plain = Image.merge("RGB", half.split())
        differs = ImageChops.difference(plain, Image.new("RGB", picture.size, tuple(colour)))
        for band in differs.split():
            alpha = ImageChops.lighter(alpha, band)
    shown = picture.copy()
    shown.putalpha(alpha.point(lambda value: 255 if value else 0))
    return shown


def _shrink(picture: Image.Image, longest: int) -> Image.Image:
    """By a whole number, to no less than `longest`: what follows takes less time and memory."""
    factor = max(picture.size) // longest
    return picture.reduce(factor) if factor > 1 else picture
