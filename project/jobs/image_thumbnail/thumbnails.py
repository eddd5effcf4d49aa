"""The steps of `image.thumbnail`: read pictures, make thumbnails and contact sheets, report."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypedDict, cast

import orjson
import structlog

from project.errors import NotFoundError, PermanentError
from project.jobs.image_thumbnail.process import PictureProcess
from project.kinds.definition import Context
from project.kinds.result_view import SHOWN_ROWS, FileLink, Picture, Table, show

CELL = 320
"""Longest side of a picture in a contact sheet, pixels."""
CELLS_PER_PAGE = 30
_SUFFIXES = {"webp": ".webp", "avif": ".avif", "jpeg": ".jpg", "png": ".png"}
_NAMES = {"webp": "WebP", "avif": "AVIF", "jpeg": "JPEG", "png": "PNG"}

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Options:
    """Which thumbnails to make of each picture; sizes in pixels, smallest first."""

    sizes: Sequence[int]
    formats: Sequence[str]
    quality: int

    @property
    def count(self) -> int:
        """How many thumbnails one picture gets."""
        return len(self.sizes) * len(self.formats)


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A finished thumbnail; sizes in pixels."""

    width: int
    height: int
    format: str
    bytes: int
    file: str

    def as_picture(self) -> Picture:
        """The thumbnail as the gallery shows it."""
        title = f"{self.width} × {self.height}, {_NAMES[self.format]}, {format_bytes(self.bytes)}"
        return Picture(file=self.file, title=title, width=self.width, height=self.height)


class Source(TypedDict):
    """A picture that was read: its upright size, its format and its profile's name."""

    width: int
    height: int
    format: str
    colour: str


class Studio:
    """Makes a job's thumbnails and contact sheets, and reports progress."""

    def __init__(
        self, context: Context, process: PictureProcess, options: Options, total: int
    ) -> None:
        self.options = options
        self.done = 0
        self._context = context
        self._process = process
        self._total = total
        self._folder = context.files.folder

    def read(self, file_id: str, longest: int, name: str = "the picture") -> Source:
        """Read a picture; no thumbnail of it will be longer than `longest` pixels."""
        self._begin(f"Reading {name}")
        path = self._context.files.path(file_id)
        found = self._process.ask("read", path=str(path), longest=longest)
        _log.info("picture_read", width=found["width"], height=found["height"])
        return cast(Source, found)

    def make(self, source: Source, name: str = "") -> Iterator[Thumbnail]:
        """Make the picture's thumbnails; none is larger than the picture itself."""
        longest = max(source["width"], source["height"])
        for size in sorted({min(size, longest) for size in self.options.sizes}):
            for kind in self.options.formats:
                self._begin(f"Resizing{name} to {size} pixels, {_NAMES[kind]}")
                yield self._make(size, kind)

    def make_cell(self, number: int) -> None:
        """Make the picture's copy for the contact sheet."""
        path = self._cell_path(number)
        self._process.ask("make", path=path, size=CELL, kind="png", quality=100)

    def draw_sheets(self, count: int, absent: Collection[int]) -> Iterator[Picture]:
        """Draw the pages of the contact sheet."""
        starts = range(1, count + 1, CELLS_PER_PAGE)
        for page, first in enumerate(starts, start=1):
            self._begin(f"Drawing the contact sheet, page {page} of {len(starts)}")
            numbers = range(first, min(first + CELLS_PER_PAGE, count + 1))
            yield self._draw_sheet(numbers, count, absent)

    def _make(self, size: int, kind: str) -> Thumbnail:
        path = self._folder / f"thumbnail{_SUFFIXES[kind]}"
        done = self._process.ask(
            "make", path=str(path), size=size, kind=kind, quality=self.options.quality
        )
        _log.info("thumbnail_made", width=done["width"], height=done["height"], bytes=done["bytes"])
        return Thumbnail(**done, format=kind, file=self._context.files.add(path))

    def _draw_sheet(self, numbers: range, count: int, absent: Collection[int]) -> Picture:
        title = f"Pictures {numbers[0]} to {numbers[-1]} of {count}"
        cells = [
            (number, None if number in absent else self._cell_path(number)) for number in numbers
        ]
        path = self._folder / "sheet.webp"
        done = self._process.ask("sheet", path=str(path), cells=cells, title=title)
        width, height = done["width"], done["height"]
        _log.info("contact_sheet_made", width=width, height=height, bytes=done["bytes"])
        return Picture(
            file=self._context.files.add(path),
            title=f"Contact sheet: {title[0].lower()}{title[1:]}",
            width=width,
            height=height,
        )

    def _cell_path(self, number: int) -> str:
        return str(self._folder / f"cell-{number}.png")

    def _begin(self, step: str) -> None:
        self._context.report_progress(self.done, self._total, step)
        self.done += 1


def make_one(
    file_id: str, options: Options, process: PictureProcess, context: Context
) -> dict[str, Any]:
    """The result for one picture."""
    studio = Studio(context, process, options, options.count + 1)
    source = studio.read(file_id, max(options.sizes))
    made = list(studio.make(source))
    size = f"{source['width']:,} × {source['height']:,}"
    colour = f"{source['colour']}, converted to sRGB" if source["colour"] else "sRGB"
    return show(
        f"{_count(len(made), 'thumbnail')} of a picture of {size} pixels",
        facts={"Picture": f"{size} pixels, {source['format']}", "Colours": colour},
        pictures=[thumbnail.as_picture() for thumbnail in made],
        thumbnails=[asdict(thumbnail) for thumbnail in made],
    )


def make_all(
    file_ids: Sequence[str], options: Options, process: PictureProcess, context: Context
) -> dict[str, Any]:
    """The result for many pictures; it reports unreadable pictures and contains the others."""
    count, steps = len(file_ids), options.count + 1
    studio = Studio(context, process, options, count * steps + -(-count // CELLS_PER_PAGE))
    made: list[dict[str, Any]] = []
    refused: dict[int, str] = {}
    for number, file_id in enumerate(file_ids, start=1):
        studio.done = (number - 1) * steps
        try:
            thumbnails = _make_numbered(studio, file_id, number, count)
        except (PermanentError, NotFoundError) as error:
            refused[number] = str(error)
            _log.warning("picture_refused", number=number, reason=str(error))
        else:
            made += [{"picture": number, **asdict(thumbnail)} for thumbnail in thumbnails]
    if len(refused) == count:
        raise PermanentError(f"None of the {count} pictures can be used. 1: {refused[1]}")
    studio.done = count * steps
    sheets = list(studio.draw_sheets(count, refused))
    return _summarize(count, made, refused, sheets, context)


def _make_numbered(studio: Studio, file_id: str, number: int, count: int) -> list[Thumbnail]:
    name = f"picture {number} of {count}"
    source = studio.read(file_id, max(*studio.options.sizes, CELL), name)
    thumbnails = list(studio.make(source, f" {name}"))
    studio.make_cell(number)
    return thumbnails


def format_bytes(count: int) -> str:
    """The size for people, as in "41 KB"."""
    if count < 1_000:
        return f"{count} bytes"
    return f"{count / 1_000:.0f} KB" if count < 999_500 else f"{count / 1_000_000:.1f} MB"


def _summarize(
    count: int,
    made: list[dict[str, Any]],
    refused: dict[int, str],
    sheets: list[Picture],
    context: Context,
) -> dict[str, Any]:
    lacking = f"; {_count(len(refused), 'picture')} could not be used" if refused else ""
    content = orjson.dumps(made, option=orjson.OPT_INDENT_2)
    listed = FileLink(
        file=context.files.write(content, ".json"), name="thumbnails.json", bytes=len(content)
    )
    reasons = Table(
        title="Pictures that could not be used",
        columns=["Picture", "Why"],
        rows=[[number, reason] for number, reason in refused.items()],
    )
    return show(
        f"{_count(len(made), 'thumbnail')} of {_count(count - len(refused), 'picture')}{lacking}",
        facts={"Pictures": count, "Thumbnails": len(made), "Could not be used": len(refused)},
        pictures=sheets,
        tables=[reasons] if refused else [],
        files=[listed],
        thumbnails=made[:SHOWN_ROWS],
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
