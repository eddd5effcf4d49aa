"""Draws plots with axes, as SVG within the sheet. Pure: numbers in, HTML out."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from project.html_report import figures
from project.html_report.markup import Html, element
from project.html_report.shapes import (
    MARGIN,
    WIDTH,
    Scale,
    drawing,
    line,
    make_scale,
    polyline,
    rect,
    text,
    widen,
)
from project.html_report.style import ACCENT, LINE, PALE, SERIES, SOFT, WARM


class Box(NamedTuple):
    """The five numbers of a box plot; the whiskers end at the last values within the fences."""

    low: float
    first: float
    median: float
    third: float
    high: float


def histogram(
    counts: Sequence[int],
    edges: Sequence[float],
    box: Box | None = None,
    *,
    is_stepwise: bool = False,
) -> Html:
    """Draw a histogram; with `box`, also a box plot under it on the same axis.

    In a stepwise histogram, each bar stands for the whole number in its middle.
    """
    height, top = 110.0, 4.0
    most = max(counts, default=0) or 1
    step = (WIDTH - 2 * MARGIN) / max(len(counts), 1)
    gap = 0.2 * step if is_stepwise else min(1.0, 0.3 * step)
    names = [_name_bar(a, b, is_stepwise) for a, b in pairwise(edges)]
    bars = [
        rect(
            MARGIN + place * step + gap / 2,
            top + height * (1 - count / most),
            step - gap,
            height * count / most,
            ACCENT,
            title=f"{names[place]}: {count:,}",
        )
        for place, count in enumerate(counts)
        if count
    ]
    base = top + height
    parts = [*bars, line(MARGIN, base, WIDTH - MARGIN, base, LINE)]
    if box is not None:
        parts += _draw_box(box, base + 16, make_scale(edges[0], edges[-1]))
    bottom = base + (30 if box is not None else 0) + 14
    inset = 0.5 if is_stepwise else 0.0
    ends = figures.number(edges[0] + inset), figures.number(edges[-1] - inset)
    parts += _ends(*ends, bottom)
    return drawing(bottom + 5, *parts, label=f"Histogram, {sum(counts):,} values")


def _name_bar(low: float, high: float, is_stepwise: bool) -> str:
    if is_stepwise:
        return figures.number((low + high) / 2)
    return f"{figures.number(low)} to {figures.number(high)}"


def sparkline(counts: Sequence[int]) -> Html:
    """Draw a histogram as small as a word."""
    most = max(counts, default=0) or 1
    step = 100 / max(len(counts), 1)
    bars = [
        rect(place * step, 24 - 24 * count / most, max(step - 0.6, 0.4), 24 * count / most, PALE)
        for place, count in enumerate(counts)
        if count
    ]
    return element(
        "svg",
        *bars,
        viewBox="0 0 100 24",
        preserveAspectRatio="none",
        role="img",
        aria_label="distribution",
    )


def columns(counts: Sequence[int], first: str, last: str, labels: Sequence[str]) -> Html:
    """Draw a bar for each step of a series, like months."""
    height, most = 110.0, max(counts, default=0) or 1
    step = (WIDTH - 2 * MARGIN) / max(len(counts), 1)
    gap = 1.5 if step > 4 else 0.2
    bars = [
        rect(
            MARGIN + place * step,
            4 + height * (1 - count / most),
            max(step - gap, 0.4),
            height * count / most,
            ACCENT,
            title=f"{labels[place]}: {count:,}",
        )
        for place, count in enumerate(counts)
    ]
    base = height + 4
    return drawing(
        base + 19,
        *bars,
        line(MARGIN, base, WIDTH - MARGIN, base, LINE),
        *_ends(first, last, base + 14),
        label=f"Rows from {first} to {last}",
    )


def lines(
    series: Sequence[Sequence[float | None]], first: str, last: str, colour: str = ACCENT
) -> Html:
    """Draw a line for each series, over the same positions; None is a gap."""
    values = [value for one in series for value in one if value is not None]
    low, high = widen(min(values, default=0.0), max(values, default=1.0))
    height, top = 110.0, 12.0
    colours = [colour] if len(series) == 1 else SERIES
    parts: list[Html] = [
        text(WIDTH - MARGIN, top - 2, figures.number(max(values, default=0)), "end"),
        line(MARGIN, top, WIDTH - MARGIN, top, LINE),
        line(MARGIN, top + height, WIDTH - MARGIN, top + height, LINE),
    ]
    for number, one in enumerate(series):
        across = make_scale(0, max(len(one) - 1, 1))
        points = [
            (across(place), top + height * (1 - (value - low) / (high - low)))
            for place, value in enumerate(one)
            if value is not None
        ]
        parts.append(polyline(points, colours[number % len(colours)]))
    parts += _ends(first, last, top + height + 14)
    middle = figures.number(min(values, default=0))
    parts.append(text(WIDTH / 2, top + height + 14, f"lowest {middle}", "middle"))
    return drawing(top + height + 19, *parts, label=f"From {first} to {last}")


def scatter(points: Sequence[tuple[float, float]], across: str, up: str, *, is_even: bool) -> Html:
    """Draw points and a line at zero.

    With `is_even`, both axes have the same scale, and the line is where both values are equal.
    """
    low_x, high_x = widen(min(x for x, _ in points), max(x for x, _ in points))
    low_y, high_y = widen(min(y for _, y in points), max(y for _, y in points))
    if is_even:
        low_x = low_y = min(low_x, low_y)
        high_x = high_y = max(high_x, high_y)
    size, left, top = 300.0, 8.0, 18.0
    width = WIDTH - 2 * left

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            left + width * (x - low_x) / (high_x - low_x),
            top + size * (1 - (y - low_y) / (high_y - low_y)),
        )

    start, end = ((low_x, low_x), (high_x, high_x)) if is_even else ((low_x, 0.0), (high_x, 0.0))
    guide = (
        [line(*place(*start), *place(*end), WARM, width=1.5)]
        if is_even or low_y <= 0 <= high_y
        else []
    )
    dots = [
        element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r="2.2", fill=ACCENT, fill_opacity="0.35")
        for x, y in (place(*point) for point in points)
    ]
    bottom = top + size + 16
    return drawing(
        bottom + 18,
        rect(left, top, width, size, "none", stroke=LINE),
        *dots,
        *guide,
        text(left, top - 6, f"↑ {up}, {figures.number(low_y)} to {figures.number(high_y)}"),
        text(left, bottom, figures.number(low_x)),
        text(WIDTH - left, bottom, figures.number(high_x), "end"),
        text(WIDTH / 2, bottom, f"{across} →", "middle"),
        label=f"{up} by {across}",
    )


def curve(
    points: Sequence[tuple[float, float]], across: str, up: str, *, has_diagonal: bool
) -> Html:
    """Draw a curve in the square from 0 to 1."""
    size, left, top = 260.0, 8.0, 18.0
    width = WIDTH - 2 * left
    placed = [(left + width * x, top + size * (1 - y)) for x, y in points]
    diagonal = line(left, top + size, left + width, top, SOFT, width=1, dash="4 4")
    bottom = top + size + 16
    return drawing(
        bottom + 6,
        rect(left, top, width, size, "none", stroke=LINE),
        *([diagonal] if has_diagonal else []),
        polyline(placed, ACCENT, 2.2),
        text(left, top - 6, f"↑ {up}"),
        text(left, bottom, "0"),
        text(WIDTH / 2, bottom, f"{across} →", "middle"),
        text(WIDTH - left, bottom, "1", "end"),
        label=f"{up} by {across}",
    )


def _draw_box(box: Box, y: float, scale: Scale) -> list[Html]:
    low, first, median, third, high = (scale(value) for value in box)
    return [
        line(low, y, high, y, SOFT, width=1.2),
        line(low, y - 4, low, y + 4, SOFT, width=1.2),
        line(high, y - 4, high, y + 4, SOFT, width=1.2),
        rect(first, y - 7, max(third - first, 1), 14, PALE, stroke=ACCENT),
        line(median, y - 7, median, y + 7, ACCENT, width=2.4),
    ]


def _ends(first: str, last: str, y: float) -> list[Html]:
    return [text(MARGIN, y, first), text(WIDTH - MARGIN, y, last, "end")]
