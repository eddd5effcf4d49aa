"""`image.thumbnail`: pictures in several sizes and formats, and a contact sheet of many.

Each thumbnail is upright, in sRGB, without metadata, and never larger than its picture. A separate
process (`process`) works on the pixels.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from project.jobs.image_thumbnail.process import PictureProcess
from project.jobs.image_thumbnail.thumbnails import Options, make_all, make_one
from project.kinds.definition import Context, job
from project.kinds.files import PictureFile
from project.kinds.parameters import Parameters

SIZES = (64, 256, 640)
MOST_PICTURES = 200
MOST_THUMBNAILS = 2_000
SHORT_THUMBNAILS = 12
"""A job of one picture with at most this many thumbnails takes a second or two."""
SHORT_SIDE = 1_024


class ThumbnailParameters(Parameters):
    """Which pictures, and which thumbnails to make."""

    picture: PictureFile | None = Field(
        None,
        title="Picture",
        description="One picture; leave it out to choose several",
    )
    pictures: list[PictureFile] = Field(
        [],
        title="Pictures",
        description="Several pictures; a contact sheet shows them in this order",
        max_length=MOST_PICTURES,
    )
    sizes: list[Annotated[int, Field(ge=16, le=4096)]] = Field(
        list(SIZES),
        title="Sizes",
        description="Longest side of each thumbnail in pixels; pictures are never enlarged",
        min_length=1,
        max_length=8,
        examples=[[320, 1280]],
    )
    formats: list[Literal["webp", "avif", "jpeg", "png"]] = Field(
        ["webp"],
        title="Formats",
        description="Formats in which each thumbnail is made",
        min_length=1,
        max_length=4,
        examples=[["avif", "jpeg"]],
    )
    quality: int = Field(
        82,
        title="Quality",
        description="Comparable in all formats; PNG is lossless",
        ge=1,
        le=100,
    )

    @model_validator(mode="after")
    def _check_choice(self) -> Self:
        if (self.picture is None) == (not self.pictures):
            raise PydanticCustomError("choice", "give either `picture` or `pictures`")
        if self.count > MOST_THUMBNAILS:
            raise PydanticCustomError(
                "amount",
                "a job makes at most {most} thumbnails, and these are {count}: "
                "choose fewer pictures, sizes or formats",
                {"count": self.count, "most": MOST_THUMBNAILS},
            )
        return self

    @property
    def count(self) -> int:
        """The most thumbnails that the job can make."""
        return max(1, len(self.pictures)) * len(set(self.sizes)) * len(set(self.formats))


def choose_queue(parameters: ThumbnailParameters) -> Literal["short", "long"]:
    """Many pictures, or many or large thumbnails of one, go to the long queue."""
    is_short = (
        parameters.picture is not None
        and parameters.count <= SHORT_THUMBNAILS
        and max(parameters.sizes) <= SHORT_SIDE
    )
    return "short" if is_short else "long"


@job(
    "image.thumbnail",
    title="Thumbnail",
    queue=choose_queue,
    time_limit_seconds=1800,
    extra="images",
)
def make_thumbnails(parameters: ThumbnailParameters, context: Context) -> dict[str, Any]:
    """Makes small copies of pictures: upright, in sRGB, without metadata.

    `thumbnails` lists them, smallest first: `{"width", "height", "format", "bytes", "file"}`. With
    several pictures, each also has the number of its `picture`, from 1, and the file
    `thumbnails.json` lists them all.
    """
    options = Options(
        sizes=sorted(set(parameters.sizes)),
        formats=list(dict.fromkeys(parameters.formats)),
        quality=parameters.quality,
    )
    with PictureProcess(context.check) as process:
        if parameters.picture is not None:
            return make_one(parameters.picture, options, process, context)
        return make_all(parameters.pictures, options, process, context)
