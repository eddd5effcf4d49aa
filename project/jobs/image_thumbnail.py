"""`image.thumbnail`: a picture in several sizes, upright, as WebP and without its metadata."""

from typing import Any

import structlog
from pydantic import BaseModel, Field

from project.jobs.definition import Context, job
from project.jobs.file_fields import PictureFile
from project.lane import Lane

SIZES = (64, 256, 640)
"""Longest side of each thumbnail, pixels."""

_log = structlog.get_logger()


class ThumbnailParameters(BaseModel):
    """Which picture."""

    picture: PictureFile = Field(description="Id of an uploaded file")


@job("image.thumbnail", title="Thumbnail", lane=Lane.SHORT, time_limit_seconds=60)
def make_thumbnails(parameters: ThumbnailParameters, context: Context) -> dict[str, Any]:
    """Thumbnails, smallest first: `{"thumbnails": [{"width", "height", "file"}]}`."""
    # Pillow takes 1 MiB and 30 ms: only where thumbnails are made.
    from project.jobs.resizing import encode, fit, read_picture  # noqa: PLC0415

    context.report_progress(0, len(SIZES) + 1, "Reading the picture")
    picture = read_picture(context.files.path(parameters.picture), SIZES[-1])
    _log.info("picture_read", width=picture.width, height=picture.height)
    thumbnails = []
    sizes = _sizes_for(max(picture.size))
    for number, size in enumerate(sizes, start=1):
        context.report_progress(number, len(sizes) + 1, f"Resizing to {size} pixels")
        thumbnail = fit(picture, size)
        content = encode(thumbnail)
        file_id = context.files.write(content, ".webp")
        _log.info(
            "thumbnail_made", width=thumbnail.width, height=thumbnail.height, bytes=len(content)
        )
        thumbnails.append({"width": thumbnail.width, "height": thumbnail.height, "file": file_id})
    return {"thumbnails": thumbnails}


def _sizes_for(longest_side: int) -> list[int]:
    """The sizes, none of them larger than the picture: pixels cannot be made up."""
    return sorted({min(size, longest_side) for size in SIZES})
