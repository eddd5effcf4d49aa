"""A kind whose parameters have every form that the page makes a field for.

A stack of its own loads it with `JOBS_EXTRA_KINDS=tests.browser.kinds`; the tests need only its
parameters' model.
"""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import AnyHttpUrl, BaseModel, EmailStr, Field

from project.kinds.definition import Context, job
from project.kinds.files import AnyFile, PictureFile, TableFile
from project.kinds.result_view import show

Format = Literal["JPEG", "PNG", "WebP"]
Weekday = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]


class Size(BaseModel):
    """A box."""

    width: int = Field(ge=1, le=4000, description="Pixels")
    height: int = Field(300, ge=1, le=4000, description="Pixels")


class Watermark(BaseModel):
    """Text over the picture."""

    text: str = Field(max_length=40)
    opacity: float = Field(0.5, ge=0, le=1, multiple_of=0.1)


class EverythingParameters(BaseModel):
    """One field of each form."""

    name: str = Field(min_length=2, max_length=40, examples=["Spring catalogue"])
    text: str = Field(max_length=5000, description="As long as you like")
    recipient: EmailStr
    source: AnyHttpUrl = Field(examples=["https://example.org/feed"])
    copies: int = Field(ge=1, le=9)
    scale: float = Field(gt=0, le=10)
    format: Format
    weekday: Weekday
    due_on: date
    starts_at: datetime
    picture: PictureFile
    attachments: list[AnyFile] = Field(max_length=5)
    sizes: list[int] = Field(min_length=1, max_length=4)
    addresses: list[str] = Field(description="Where to look")
    formats: list[Format] = Field(min_length=1)
    boxes: list[Size]
    box: Size
    is_public: bool = Field(False, description="Anybody may see it")
    note: str | None = None
    priority: int | None = Field(None, ge=1, le=5)
    is_checked: bool | None = None
    table: TableFile | None = None
    watermark: Watermark | None = None
    labels: dict[str, Any] = Field({}, description="Anything for your programs")
    quality: int = Field(80, ge=1, le=100)
    tone: Literal["calm", "loud"] = "calm"


@job("browser.everything", title="Everything", queue="short", time_limit_seconds=60)
def take_everything(parameters: EverythingParameters, context: Context) -> dict[str, Any]:
    """Take one parameter of each form, and tell what has come."""
    context.report_progress(1, 2, "Looking at it")
    return show(f"{parameters.name} came whole.", taken=parameters.model_dump(mode="json"))


KINDS = [take_everything]
