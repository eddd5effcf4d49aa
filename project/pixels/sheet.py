"""Draws contact sheets: pictures in equal cells on white, each above its number."""

from dataclasses import dataclass
from math import ceil, sqrt
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from project.pixels.encoding import find_size, fit, flatten

CELL = 320
"""Side of the square that a picture is fitted into, pixels. All lengths here are pixels."""
MARGIN, GAP, CAPTION, HEADER = 64, 36, 44, 84
MOST_COLUMNS, LEAST_COLUMNS = 5, 2
CAPTION_SIZE, TITLE_SIZE = 22, 26
INK, FAINT, LINE, PANEL = "#27272a", "#71717a", "#e4e4e7", "#f4f4f5"


@dataclass(frozen=True, slots=True)
class Cell:
    """A picture with its number; without a path, a picture that could not be used."""

    number: int
    path: Path | None


def draw_sheet(cells: list[Cell], title: str) -> Image.Image:
    """Draw one page of these cells, row by row."""
    columns = find_columns(len(cells))
    rows = ceil(len(cells) / columns)
    width = 2 * MARGIN + columns * CELL + (columns - 1) * GAP
    height = MARGIN + HEADER + rows * (CELL + CAPTION) + (rows - 1) * GAP + MARGIN
    page = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(page)
    pen.text((MARGIN, MARGIN), title, INK, ImageFont.load_default(TITLE_SIZE), "lt")
    pen.line((MARGIN, MARGIN + 50, width - MARGIN, MARGIN + 50), LINE, 2)
    for place, cell in enumerate(cells):
        row, column = divmod(place, columns)
        left = MARGIN + column * (CELL + GAP)
        top = MARGIN + HEADER + row * (CELL + CAPTION + GAP)
        _draw_cell(page, pen, cell, left, top)
    return page


def find_columns(count: int) -> int:
    """How many columns make the page about square."""
    return min(MOST_COLUMNS, max(LEAST_COLUMNS, ceil(sqrt(count))))


def _draw_cell(
    page: Image.Image, pen: ImageDraw.ImageDraw, cell: Cell, left: int, top: int
) -> None:
    centre = left + CELL // 2
    if cell.path is None:
        pen.rectangle((left, top, left + CELL - 1, top + CELL - 1), PANEL, LINE)
        _write_caption(pen, (centre, top + CELL // 2), "could not be used")
    else:
        _paste(page, pen, cell.path, left, top)
    _write_caption(pen, (centre, top + CELL + CAPTION // 2 + 4), str(cell.number))


def _paste(page: Image.Image, pen: ImageDraw.ImageDraw, path: Path, left: int, top: int) -> None:
    """Draw the picture in the middle of its cell, with a hairline around it."""
    with Image.open(path) as opened:
        width, height = find_size(*opened.size, CELL)
        picture = fit(opened.convert("RGBA"), width, height)
    x, y = left + (CELL - width) // 2, top + (CELL - height) // 2
    page.paste(flatten(picture), (x, y))
    pen.rectangle((x, y, x + width - 1, y + height - 1), outline=LINE)


def _write_caption(pen: ImageDraw.ImageDraw, at: tuple[int, int], text: str) -> None:
    pen.text(at, text, FAINT, ImageFont.load_default(CAPTION_SIZE), "mm")
