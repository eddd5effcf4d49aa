"""SVG shapes for plots: lines, rectangles, text, and a scale. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from project.html_report.markup import Html, element
from project.html_report.style import SOFT

WIDTH = 440
"""A drawing is about as wide as a card, so its text is as large as the text around it."""
MARGIN = 2
TEXT_SIZE = 11


def drawing(height: float, *parts: Html, label: str) -> Html:
    return element("svg", *parts, viewBox=f"0 0 {WIDTH} {height:.0f}", role="img", aria_label=label)


def rect(
    x: float,
    y: float,
    width: float,
    height: float,
    fill: str,
    *,
    stroke: str | None = None,
    title: str = "",
) -> Html:
    return element(
        "rect",
        *([element("title", title)] if title else []),
        x=f"{x:.2f}",
        y=f"{y:.2f}",
        width=f"{width:.2f}",
        height=f"{height:.2f}",
        fill=fill,
        stroke=stroke,
        rx="1.5" if width > 4 else None,
    )


def line(
    x1: float,
    y1: float,
    x2: float,
    y2: float,
    colour: str,
    *,
    width: float = 1,
    dash: str | None = None,
) -> Html:
    return element(
        "line",
        x1=f"{x1:.1f}",
        y1=f"{y1:.1f}",
        x2=f"{x2:.1f}",
        y2=f"{y2:.1f}",
        stroke=colour,
        stroke_width=width,
        stroke_dasharray=dash,
    )


def polyline(points: Sequence[tuple[float, float]], colour: str, width: float = 1.8) -> Html:
    return element(
        "polyline",
        points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points),
        fill="none",
        stroke=colour,
        stroke_width=width,
        stroke_linejoin="round",
    )


def text(
    x: float,
    y: float,
    content: str,
    anchor: str = "start",
    colour: str = SOFT,
    *,
    turn: str | None = None,
    title: str = "",
) -> Html:
    return element(
        "text",
        *([element("title", title)] if title else []),
        content,
        x=f"{x:.1f}",
        y=f"{y:.1f}",
        text_anchor=anchor,
        fill=colour,
        font_size=TEXT_SIZE,
        transform=turn,
    )


def make_scale(low: float, high: float) -> "Scale":
    return Scale(low, (high - low) or 1.0)


class Scale(NamedTuple):
    low: float
    extent: float

    def __call__(self, value: float) -> float:
        share = max(0.0, min(1.0, (value - self.low) / self.extent))
        return MARGIN + share * (WIDTH - 2 * MARGIN)


def widen(low: float, high: float) -> tuple[float, float]:
    """Add room around the values, and some if all are equal."""
    room = (high - low) * 0.04 or abs(high) * 0.1 or 1.0
    return low - room, high + room
