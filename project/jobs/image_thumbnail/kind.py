"""`image.thumbnail`: pictures in several sizes and formats, and a contact sheet of many.

Each thumbnail is upright, in sRGB, without metadata, and never larger than its picture. The pixels
are worked on in a process of its own (`picture_process`).
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from project.jobs.image_thumbnail.process import PictureProcess
from project.jobs.image_thumbnail.thumbnails import Order, make_all, make_one
from project.kinds.definition import Context, job
from project.kinds.files import PictureFile
from project.kinds.parameters import Parameters

SIZES = (64, 256, 640)
MOST_PICTURES = 200
MOST_THUMBNAILS = 2_000
SHORT_THUMBNAILS = 12
"""A job of one picture and no more thumbnails than that takes a second or two."""
SHORT_SIDE = 1_024


class ThumbnailParameters(Parameters):
    """Which pictures, and what is made of them."""

    picture: PictureFile | None = Field(
        None,
        title="Picture",
        description="One picture; or else choose several",
    )
    pictures: list[PictureFile] = Field(
        [],
        title="Pictures",
        description="Several pictures: they get a contact sheet, too, in this order",
        max_length=MOST_PICTURES,
    )
    sizes: list[Annotated[int, Field(ge=16, le=4096)]] = Field(
        list(SIZES),
        title="Sizes",
        description="Longest side of each thumbnail in pixels; none is larger than its picture",
        min_length=1,
        max_length=8,
        examples=[[320, 1280]],
    )
    formats: list[Literal["webp", "avif", "jpeg", "png"]] = Field(
        ["webp"],
        title="Formats",
        description="Each thumbnail is made in all of these",
        min_length=1,
        max_length=4,
        examples=[["avif", "jpeg"]],
    )
    quality: int = Field(
        82,
        title="Quality",
        description="Alike in all formats; PNG has no loss",
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
                "these are {count} thumbnails, and one job makes at most {most}: "
                "choose fewer pictures, sizes or formats",
                {"count": self.count, "most": MOST_THUMBNAILS},
            )
        return self

    @property
    def count(self) -> int:
        """How many thumbnails are made at the most."""
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
    """Small copies of a picture or of many: upright, in sRGB, without metadata.

    `thumbnails` lists them, smallest first: `{"width", "height", "format", "bytes", "file"}`. Of
    many pictures each has the number of its `picture`, from 1; the file `thumbnails.json` has all.
    """
    order = Order(
        sizes=sorted(set(parameters.sizes)),
        formats=list(dict.fromkeys(parameters.formats)),
        quality=parameters.quality,
    )
    with PictureProcess(context.check) as process:
        if parameters.picture is not None:
            return make_one(parameters.picture, order, process, context)
        return make_all(parameters.pictures, order, process, context)
