"""Draws PDF text in any script: DejaVu's letters as text, others as outlines that can be copied."""

from typing import Any
from xml.sax.saxutils import escape

from matplotlib.path import Path as Outline
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, Paragraph

from project.html_report.scripts import THIN_STROKE, find_folder, is_simple, is_thin, outline

FONT, BOLD, COPIED = "Sans", "Sans-Bold", "Copied"
"""COPIED has a blank for every letter, so that text copied from the PDF is right."""
_INVISIBLE = 3
"""PDF's text rendering mode (ISO 32000-2, 9.3.6)."""


class _AllLetters(dict[int, int]):
    """The glyph of each letter in a font, or a blank if the font lacks the letter."""

    def __contains__(self, letter: object) -> bool:
        return True

    def __missing__(self, letter: int) -> int:
        return self[ord(" ")]


def register_fonts() -> None:
    """Register DejaVu from matplotlib, because PDF's own fonts have only Western letters."""
    if FONT in pdfmetrics.getRegisteredFontNames():
        return
    folder = find_folder("matplotlib") / "mpl-data" / "fonts" / "ttf"
    pdfmetrics.registerFont(TTFont(BOLD, str(folder / "DejaVuSans-Bold.ttf")))
    copied = TTFont(COPIED, str(folder / "DejaVuSans.ttf"))
    copied.face.charToGlyph = _AllLetters(copied.face.charToGlyph)
    pdfmetrics.registerFont(copied)
    pdfmetrics.registerFont(TTFont(FONT, str(folder / "DejaVuSans.ttf")))


def draw_text(
    canvas: Any,
    place: tuple[float, float],
    text: str,
    *,
    size: float,
    at: str = "left",
    font: str = FONT,
    most: float = 0,
) -> None:
    """Draw on the base line, in the fill colour; `place` is the text's left, right end or middle.

    Text in outlines is narrowed if it is wider than `most`.
    """
    if is_simple(text):
        draw = {
            "left": canvas.drawString,
            "right": canvas.drawRightString,
            "middle": canvas.drawCentredString,
        }[at]
        canvas.setFont(font, size)
        draw(*place, text)
        return
    vertices, codes, width = outline(text, size, is_bold=font == BOLD)
    narrower = min(1.0, most / width) if most and width else 1.0
    shift = {"left": 0.0, "right": 1.0, "middle": 0.5}[at] * width * narrower
    canvas.saveState()
    canvas.translate(place[0] - shift, place[1])
    canvas.scale(narrower, 1)
    canvas.setStrokeColor(canvas._fillColorObj)  # noqa: SLF001 - reportlab has no public name
    canvas.setLineWidth(THIN_STROKE * size)
    canvas.drawPath(_make_path(canvas, vertices, codes), stroke=int(is_thin(text)), fill=1)
    letters = canvas.beginText(0, 0)
    letters.setFont(COPIED, size)
    letters.setTextRenderMode(_INVISIBLE)
    letters.textOut(text)
    letters.setTextRenderMode(0)
    canvas.drawText(letters)
    canvas.restoreState()


def _make_path(canvas: Any, vertices: Any, codes: Any) -> Any:
    """Convert matplotlib's path to a PDF path, which has no quadratic curves."""
    path = canvas.beginPath()
    last: Any = (0.0, 0.0)
    for points, code in Outline(vertices, codes).iter_segments(curves=True, simplify=False):
        match code:
            case Outline.MOVETO:
                path.moveTo(*points)
            case Outline.LINETO:
                path.lineTo(*points)
            case Outline.CURVE3:
                path.curveTo(*_raise(last, points))
            case Outline.CURVE4:
                path.curveTo(*points)
            case Outline.CLOSEPOLY:
                path.close()
        last = points[-2:]
    return path


def _raise(start: Any, points: Any) -> list[float]:
    """Convert a quadratic curve to a cubic one."""
    (x0, y0), (x1, y1, x2, y2) = start, points
    first = x0 + 2 / 3 * (x1 - x0), y0 + 2 / 3 * (y1 - y0)
    second = x2 + 2 / 3 * (x1 - x2), y2 + 2 / 3 * (y1 - y2)
    return [float(number) for number in (*first, *second, x2, y2)]


class Line(Flowable):  # type: ignore[misc]  # reportlab has no types
    """One line of text in any script, narrowed to fit."""

    def __init__(self, text: str, style: ParagraphStyle) -> None:
        super().__init__()
        self._text = text
        self._style = style

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """Return the whole width, and the style's height."""
        self.width, self.height = width, self._style.leading
        return self.width, self.height

    def draw(self) -> None:
        """Draw on the base line of a paragraph's first line."""
        style = self._style
        self.canv.setFillColor(style.textColor)
        place = (0.0, self.height - style.fontSize)
        draw_text(
            self.canv, place, self._text, size=style.fontSize, font=style.fontName, most=self.width
        )


def make_paragraph(text: str, style: ParagraphStyle) -> Flowable:
    """Return a paragraph of plain text, or a single line if the text is drawn as outlines."""
    return Paragraph(escape(text), style) if is_simple(text) else Line(text, style)


def make_cell(text: str, style: ParagraphStyle) -> str | Flowable:
    """Return the text as a table cell: as it is, if the table can draw it itself."""
    return text if is_simple(text) else Line(text, style)
