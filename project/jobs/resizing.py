"""The pixels of `image.thumbnail`: reads, resizes and encodes pictures with Pillow."""

import io
from pathlib import Path

from PIL import Image, ImageOps

from project.errors import PermanentError

QUALITY = 82


def read_picture(path: Path, longest: int) -> Image.Image:
    """The whole picture, turned upright, in RGB with alpha where it has some.

    A JPEG much larger than what is made of it, `longest` pixels at the most, comes smaller.
    PermanentError where it cannot be read.
    """
    try:
        with Image.open(path) as picture:
            picture.draft("RGB", (2 * longest, 2 * longest))  # JPEG: decode no more than needed
            upright = ImageOps.exif_transpose(picture)
            if upright.mode.startswith("I"):  # 16-bit grey, which Pillow would cut off at 255
                upright = upright.point(lambda value: value * (1 / 256)).convert("L")
            return upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise PermanentError("The picture is damaged: it could not be read to its end.") from error


def fit(picture: Image.Image, size: int) -> Image.Image:
    """The picture with `size` as its longest side, and at least a pixel as its other one."""
    scale = size / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def encode(thumbnail: Image.Image) -> bytes:
    """As WebP, without the picture's metadata."""
    buffer = io.BytesIO()
    thumbnail.save(buffer, "WEBP", quality=QUALITY, method=4)
    return buffer.getvalue()
