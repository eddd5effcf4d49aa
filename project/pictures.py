"""Is an upload a picture that can be taken? Judged by its bytes, before anything is stored."""

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
    """The suffix for the picture's real format. Only its header is read; the stream is rewound.

    InvalidPictureError where it is no picture, too large in pixels, or not what it says it is.
    """
    name, width, height = _read_header(stream)
    stream.seek(0)
    declared = _CONTENT_TYPES.get(declared_type.lower())
    if declared_type and declared_type != "application/octet-stream" and declared != name:
        raise InvalidPictureError(
            f"The file is {name}, but was sent as {declared_type[:50]}: send it as what it is.",
            field="picture",
        )
    if width * height > max_pixels:
        raise InvalidPictureError(
            f"The picture has {width} × {height} pixels; at most {max_pixels:,} in all are taken: "
            "make it smaller.",
            field="picture",
        )
    return SUFFIXES[name]


def _read_header(stream: IO[bytes]) -> tuple[str, int, int]:
    refusal = InvalidPictureError(
        f"The file is not a picture that can be read: choose a {_ALLOWED} file.", field="picture"
    )
    try:
        with warnings.catch_warnings():
            # Pillow's own limit is a warning or an error by size; ours is checked by the caller.
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
    # A phone's JPEG with a depth map or a second size behind the photograph, which comes first.
    name = "JPEG" if picture.format == "MPO" else picture.format
    return name, picture.width, picture.height
