"""`image.thumbnail`: a picture in several sizes, upright, as WebP and without its metadata."""

import io
from typing import Any

import structlog
from PIL import Image, ImageOps
from pydantic import BaseModel, Field

from project.errors import PermanentError
from project.jobs.definition import Context, job
from project.lane import Lane

SIZES = (64, 256, 640)
"""Longest side of each thumbnail, pixels."""
QUALITY = 82

_log = structlog.get_logger()


class ThumbnailParameters(BaseModel):
    """Which picture."""

    picture: str = Field(
        pattern=r"^[0-9a-f]{32}\.[a-z]{3,4}$", description="Id of an uploaded file"
    )


@job("image.thumbnail", title="Thumbnail", lane=Lane.SHORT, time_limit_seconds=60)
def make_thumbnails(parameters: ThumbnailParameters, context: Context) -> dict[str, Any]:
    """Thumbnails, smallest first: `{"thumbnails": [{"width", "height", "file"}]}`."""
    context.report_progress(0, len(SIZES) + 1, "Reading the picture")
    picture = _read(context.files.path(parameters.picture))
    _log.info("picture_read", width=picture.width, height=picture.height)
    thumbnails = []
    sizes = _sizes_for(picture)
    for number, size in enumerate(sizes, start=1):
        context.report_progress(number, len(sizes) + 1, f"Resizing to {size} pixels")
        thumbnail = _fit(picture, size)
        content = _encode(thumbnail)
        file_id = context.files.write(content, ".webp")
        _log.info(
            "thumbnail_made", width=thumbnail.width, height=thumbnail.height, bytes=len(content)
        )
        thumbnails.append({"width": thumbnail.width, "height": thumbnail.height, "file": file_id})
    return {"thumbnails": thumbnails}


def _read(path: Any) -> Image.Image:
    """The whole picture, turned upright, in RGB with alpha where it has some."""
    try:
        with Image.open(path) as picture:
            picture.draft("RGB", (2 * SIZES[-1], 2 * SIZES[-1]))  # JPEG: decode no more than needed
            upright = ImageOps.exif_transpose(picture)
            if upright.mode.startswith("I"):  # 16-bit grey, which Pillow would cut off at 255
                upright = upright.point(lambda value: value * (1 / 256)).convert("L")
            return upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise PermanentError("The picture is damaged: it could not be read to its end.") from error


def _sizes_for(picture: Image.Image) -> list[int]:
    """The sizes, none of them larger than the picture: pixels cannot be made up."""
    return sorted({min(size, max(picture.size)) for size in SIZES})


def _fit(picture: Image.Image, size: int) -> Image.Image:
    """The picture with `size` as its longest side, and at least a pixel as its other one."""
    scale = size / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def _encode(thumbnail: Image.Image) -> bytes:
    buffer = io.BytesIO()
    thumbnail.save(buffer, "WEBP", quality=QUALITY, method=4)
    return buffer.getvalue()
