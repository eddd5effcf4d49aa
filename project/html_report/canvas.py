"""Draws PNG pictures in the sheets' look with matplotlib, without its global state."""

import io
from dataclasses import dataclass
from typing import Any

from project.html_report.style import LINE, SOFT

_DOTS_PER_INCH = 100
_SHARPNESS = 1.5
"""Pixels of the file for each pixel of the picture: sharp on most screens."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """A picture to draw on; sizes are in pixels of a standard screen."""

    figure: Any
    width: int
    height: int

    @property
    def size(self) -> tuple[int, int]:
        """Size of the file, in pixels."""
        return round(self.width * _SHARPNESS), round(self.height * _SHARPNESS)

    def as_png(self) -> bytes:
        """Return the PNG file."""
        buffer = io.BytesIO()
        _thicken(self.figure)
        self.figure.savefig(buffer, format="png", dpi=_DOTS_PER_INCH * _SHARPNESS)
        return buffer.getvalue()


def new_canvas(width: int, height: int) -> Canvas:
    """Return an empty white picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    from project.html_report.scripts import use_all_scripts  # noqa: PLC0415

    use_all_scripts()
    figure = Figure((width / _DOTS_PER_INCH, height / _DOTS_PER_INCH), facecolor="white")
    FigureCanvasAgg(figure)
    return Canvas(figure, width, height)


def _thicken(figure: Any) -> None:
    """Outline the letters of the font that only has a thin weight."""
    from matplotlib.patheffects import withStroke  # noqa: PLC0415
    from matplotlib.text import Text  # noqa: PLC0415

    from project.html_report.scripts import THIN_STROKE, is_thin  # noqa: PLC0415

    for text in figure.findobj(Text):
        if is_thin(text.get_text()):
            width = THIN_STROKE * text.get_fontsize()
            stroke = withStroke(linewidth=width, foreground=text.get_color())
            text.set_path_effects([stroke])


def clear_axes(axes: Any) -> None:
    """Leave only the base line."""
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    axes.set_yticks([])
    axes.tick_params(length=0, labelsize=8.5, labelcolor=SOFT)
