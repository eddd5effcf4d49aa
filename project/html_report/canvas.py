"""PNG pictures in the look of the sheets, by matplotlib, without its global state."""

import io
from dataclasses import dataclass
from typing import Any

from project.html_report.style import LINE, SOFT

_DOTS_PER_INCH = 100
_SHARPNESS = 1.5
"""Pixels for each that a picture is wide: sharp on most screens."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """A picture that is being drawn; sizes in pixels of a plain screen."""

    figure: Any
    width: int
    height: int

    @property
    def size(self) -> tuple[int, int]:
        """Of the file, in pixels."""
        return round(self.width * _SHARPNESS), round(self.height * _SHARPNESS)

    def as_png(self) -> bytes:
        """The file."""
        buffer = io.BytesIO()
        _thicken(self.figure)
        self.figure.savefig(buffer, format="png", dpi=_DOTS_PER_INCH * _SHARPNESS)
        return buffer.getvalue()


def new_canvas(width: int, height: int) -> Canvas:
    """An empty white picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    from project.html_report.scripts import use_all_scripts  # noqa: PLC0415

    use_all_scripts()
    figure = Figure((width / _DOTS_PER_INCH, height / _DOTS_PER_INCH), facecolor="white")
    FigureCanvasAgg(figure)
    return Canvas(figure, width, height)


def _thicken(figure: Any) -> None:
    """Letters of the font that has but a thin weight get a line around them."""
    from matplotlib.patheffects import withStroke  # noqa: PLC0415
    from matplotlib.text import Text  # noqa: PLC0415

    from project.html_report.scripts import THIN_STROKE, is_thin  # noqa: PLC0415

    for text in figure.findobj(Text):
        if is_thin(text.get_text()):
            width = THIN_STROKE * text.get_fontsize()
            stroke = withStroke(linewidth=width, foreground=text.get_color())
            text.set_path_effects([stroke])


def clear_axes(axes: Any) -> None:
    """Nothing but a base line."""
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    axes.set_yticks([])
    axes.tick_params(length=0, labelsize=8.5, labelcolor=SOFT)
