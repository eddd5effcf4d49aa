"""Reads a picture: checks its header, decodes, shrinks early, converts to sRGB, turns upright."""

import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops, ImageFile

from project.errors import PermanentError
from project.pixels.colour import convert_to_srgb
from project.pixels.profiles import find_profile

MAX_PIXELS = 50_000_000
"""The most pixels of a picture; each needs up to 16 bytes while it is decoded."""
FORMATS = {"JPEG": "JPEG", "PNG": "PNG", "GIF": "GIF", "WEBP": "WebP", "AVIF": "AVIF"}
"""Pillow's names of the formats, and their names for people."""
DAMAGED = "The picture is damaged: it could not be read to its end."
_NOT_UNDERSTOOD = (
    "The picture is damaged: it is cut off, or its header is wrong. Upload it again, or save it "
    "again with another program."
)
_NO_PICTURE = (
    "The file is not a picture that can be read: choose a JPEG, PNG, GIF, WebP or AVIF file."
)
_MARKS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")
"""First bytes of JPEG, PNG and GIF files."""
_DEEP, _DEEP_REVERSED = "RGB;16B", "RGB;16L"
"""Pillow's names for three 16-bit values, with the high byte first or last."""
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
"""How to turn a picture of each EXIF orientation upright (Exif 2.32, tag 0x0112)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An upright picture in RGB or RGBA, maybe shrunk; width and height are the original's."""

    picture: Image.Image
    width: int
    height: int
    format: str
    colour: str
    """The name of its former colour profile; empty if it had no usable one."""


def read_picture(path: Path, longest: int) -> Reading:
    """Read a picture; no copy of it will be longer than `longest` pixels.

    Reads the first frame of an animation. PermanentError if it has too many pixels or cannot be
    read to its end.
    """
    with _open(path) as picture:
        size = picture.size
        profile = find_profile(path, picture.format, picture.info)
        # JPEG's decoder can leave out pixels itself, which saves memory.
        picture.draft(None, (2 * longest, 2 * longest))
        low_bytes = _load_low_bytes(path, picture)
        _load(picture)
        # After `_load`: this call also reads a PNG's pixels, whose errors appear only once.
        turn = _TURNS.get(_find_orientation(picture))
        small = _shrink(_simplify(picture, low_bytes), 2 * longest)
        converted, colour = convert_to_srgb(small, profile)
        # A phone's MPO is a JPEG with a second picture after the first.
        name = FORMATS.get(picture.format or "", "JPEG")
    is_turned = turn is not None and turn.name in {
        *("TRANSPOSE", "ROTATE_270", "TRANSVERSE", "ROTATE_90"),
    }
    width, height = reversed(size) if is_turned else size
    upright = converted if turn is None else converted.transpose(turn)
    return Reading(upright, width, height, name, colour)


def _open(path: Path) -> ImageFile.ImageFile:
    """Read the picture's header and check that it does not have too many pixels."""
    _check_size(*_find_webp_size(path))
    try:
        with warnings.catch_warnings():
            # Warnings of odd metadata and of sizes, for which our own limit is lower.
            warnings.simplefilter("ignore")
            picture = Image.open(path, formats=tuple(FORMATS))
    except Image.DecompressionBombError as error:
        raise PermanentError(_too_large("far too many")) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise PermanentError(_NOT_UNDERSTOOD if _is_picture(path) else _NO_PICTURE) from error
    _check_size(*picture.size)
    return picture


def _is_picture(path: Path) -> bool:
    """Whether the file begins like a picture."""
    with path.open("rb") as file:
        head = file.read(12)
    return head.startswith(_MARKS) or head[8:12] == b"WEBP" or head[4:8] == b"ftyp"


def _find_webp_size(path: Path) -> tuple[int, int]:
    """The canvas size of a WebP file: Pillow allocates memory for it before it reports the size."""
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
        f"The picture has {pixels} pixels; at most {MAX_PIXELS:,} in all are allowed: "
        "make it smaller."
    )


def _load(picture: Image.Image) -> None:
    try:
        picture.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise PermanentError(DAMAGED) from error


def _find_orientation(picture: Image.Image) -> int:
    """The orientation; 1 if the metadata is unreadable, because the pixels may still be fine."""
    try:
        # Viewers use only EXIF's orientation, Pillow also XMP's, which is for editing programs.
        for name in ("xmp", "XML:com.adobe.xmp"):
            picture.info.pop(name, None)
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - damaged metadata raises all kinds of errors
        return 1


def _load_low_bytes(path: Path, picture: ImageFile.ImageFile) -> Image.Image | None:
    """The low bytes of a 16-bit RGB PNG with a transparent colour; Pillow reads the high bytes.

    Reading the same pixels with the byte order reversed returns their low bytes.
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
    """Convert to a mode that can be averaged: L, LA, RGB, RGBA or CMYK."""
    if low_bytes is not None:
        return _hide_deep_colour(picture, low_bytes)
    if picture.mode.startswith("I"):  # 16-bit grey, which Pillow would clip at 255
        return _simplify_deep_grey(picture)
    if picture.mode in {"L", "LA", "RGB", "RGBA", "CMYK"} and "transparency" not in picture.info:
        return picture
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    return picture.convert("L" if picture.mode == "1" else "RGB")


def _simplify_deep_grey(picture: Image.Image) -> Image.Image:
    """Convert to L, or to LA if one of the 65,536 greys is transparent."""
    grey = picture.point(lambda value: value * (1 / 256)).convert("L")
    hidden = picture.info.get("transparency")
    if not isinstance(hidden, int):
        return grey
    wide = picture.convert("I")
    # L is clipped at 0 and 255: one is above 0 where a grey is lighter, the other where darker.
    lighter = wide.point(lambda value: value * 1.0 + float(-hidden)).convert("L")
    darker = wide.point(lambda value: value * -1.0 + float(hidden)).convert("L")
    grey.putalpha(ImageChops.add(lighter, darker).point(lambda value: 255 if value else 0))
    return grey


def _hide_deep_colour(picture: Image.Image, low_bytes: Image.Image) -> Image.Image:
    """Convert to RGBA, transparent where all six bytes equal the hidden colour's."""
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
    """Shrink by a whole factor, to no less than `longest`, to save time and memory later."""
    factor = max(picture.size) // longest
    return picture.reduce(factor) if factor > 1 else picture
