"""Checks by its bytes whether an upload is an acceptable picture, before it is stored."""

import warnings
from typing import IO

from PIL import Image, UnidentifiedImageError

from project.errors import InvalidPictureError

SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "GIF": ".gif", "WEBP": ".webp"}
_CONTENT_TYPES = {
    "image/jpeg": "JPEG",
    "image/jpg": "JPEG",
    "image/pjpeg": "JPEG",
    "image/png": "PNG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
}
_ALLOWED = "JPEG, PNG, GIF or WebP"


def check_picture(stream: IO[bytes], declared_type: str, max_pixels: int) -> str:
    """Return the suffix of the picture's real format. Reads only the header and rewinds the stream.

    InvalidPictureError if it is not a picture, has too many pixels, or has another declared type.
    """
    name, width, height = _read_header(stream)
    stream.seek(0)
    declared = _CONTENT_TYPES.get(declared_type.lower())
    if declared_type and declared_type != "application/octet-stream" and declared != name:
        raise InvalidPictureError(
            f"The file is {name}, but was sent as {declared_type[:50]}: correct its type.",
            field="picture",
        )
    if width * height > max_pixels:
        raise InvalidPictureError(
            f"The picture has {width} × {height} pixels; at most {max_pixels:,} in all are "
            "allowed: make it smaller.",
            field="picture",
        )
    return SUFFIXES[name]


def _read_header(stream: IO[bytes]) -> tuple[str, int, int]:
    refusal = InvalidPictureError(
        f"The file is not a picture that can be read: choose a {_ALLOWED} file.", field="picture"
    )
    try:
        with warnings.catch_warnings():
            # Pillow warns or fails by size; the caller checks our own limit.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(stream, formats=tuple(SUFFIXES))
    except Image.DecompressionBombError as error:
        raise InvalidPictureError(
            "The picture has far too many pixels: make it smaller.", field="picture"
        ) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise refusal from error
    if picture.format is None or 0 in picture.size:
        raise refusal
    # MPO is a phone's JPEG with a depth map or a second size after the photograph.
    name = "JPEG" if picture.format == "MPO" else picture.format
    return name, picture.width, picture.height
