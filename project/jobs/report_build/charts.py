"""Charts of a PDF: bars, a line over time, a histogram. Vectors, in points (1/72 inch)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.platypus import Flowable

from project.jobs.report_build.texts import draw_text

INK, QUIET, HAIR = HexColor("#1c2430"), HexColor("#5b6675"), HexColor("#dfe4ea")
MAIN, SOFT = HexColor("#2f6db5"), HexColor("#cfe0f3")
LABEL_POINTS = 7.5


@dataclass(frozen=True, slots=True)
class Point:
    """A bar, a day or a month of a chart."""

    name: str
    value: float
    place: float = 0
    """Position in time, in days or months."""


class Chart(Flowable):  # type: ignore[misc]  # reportlab has no types
    """A chart with a width and a height."""

    def __init__(self, width: float, height: float) -> None:
        super().__init__()
        self.width, self.height = width, height

    def wrap(self, *_: float) -> tuple[float, float]:
        """Return the chart's size."""
        return self.width, self.height

    def draw_label(
        self, x: float, y: float, text: str, *, at: str = "left", most: float = 0
    ) -> None:
        """Draw a label; see `draw_text`."""
        draw_text(self.canv, (x, y), text, size=LABEL_POINTS, at=at, most=most)

    def draw_hair(self, x1: float, y1: float, x2: float, y2: float) -> None:
        """Draw a thin line."""
        self.canv.setStrokeColor(HAIR)
        self.canv.setLineWidth(0.6)
        self.canv.line(x1, y1, x2, y2)


class Bars(Chart):
    """Horizontal bars, each with its name and value; negative bars go to the left."""

    ROW = 16.0

    def __init__(self, width: float, points: Sequence[Point]) -> None:
        super().__init__(width, self.ROW * len(points) + 2)
        self._points = points

    def draw(self) -> None:
        """Draw names on the left, and values at the ends of the bars."""
        left, right = 118.0, self.width - 62
        low = min(0.0, *(point.value for point in self._points))
        high = max(0.0, *(point.value for point in self._points))
        scale = (right - left) / ((high - low) or 1)
        zero = left - low * scale
        for number, point in enumerate(self._points):
            y = self.height - self.ROW * (number + 1) + 4
            end = zero + point.value * scale
            self.canv.setFillColor(MAIN)
            self.canv.roundRect(min(zero, end), y - 1.5, max(0.6, abs(end - zero)), 9, 1.5, 0, 1)
            self.canv.setFillColor(INK)
            self.draw_label(left - 6, y, shorten(point.name, 24), at="right", most=left - 6)
            self.canv.setFillColor(QUIET)
            self.draw_label(max(zero, end) + 5, y, format_number(point.value))
        self.draw_hair(zero, 0, zero, self.height)


class Periods(Chart):
    """A line over days or months, each at its position in time, with the area under it.

    The line is dashed over days or months without rows; points next to them are dots.
    """

    def __init__(self, width: float, height: float, points: Sequence[Point]) -> None:
        super().__init__(width, height)
        self._points = points

    def draw(self) -> None:
        """Draw the grid lines first, then the area and the line."""
        left, right, bottom, top = 48.0, self.width - 8, 18.0, self.height - 8
        low = min(0.0, *(point.value for point in self._points))
        high = round_up(max(0.0, *(point.value for point in self._points)))
        draw_grid(self, (left, right, bottom, top), low, high)
        first, last = self._points[0].place, self._points[-1].place
        places = [
            (
                left + (point.place - first) / ((last - first) or 1) * (right - left),
                bottom + (point.value - low) / (high - low) * (top - bottom),
            )
            for point in self._points
        ]
        self._draw_line(places, bottom + (0 - low) / (high - low) * (top - bottom))
        self._name_periods(places)

    def _draw_line(self, places: Sequence[tuple[float, float]], zero: float) -> None:
        runs = self._split_runs(places)
        self.canv.setFillColor(SOFT)
        for run in runs:
            area = self.canv.beginPath()
            area.moveTo(run[0][0], zero)
            for x, y in run:
                area.lineTo(x, y)
            area.lineTo(run[-1][0], zero)
            area.close()
            self.canv.drawPath(area, stroke=0, fill=1)
        self.canv.setStrokeColor(MAIN)
        self.canv.setFillColor(MAIN)
        self.canv.setLineWidth(1.4)
        self.canv.setLineJoin(1)
        for run in runs:
            self._join(run)
            if len(runs) > 1:
                for x, y in (run[0], run[-1]):
                    self.canv.circle(x, y, 1.8, stroke=0, fill=1)
        self.canv.setDash(2, 3)
        for before, behind in pairwise(runs):
            self._join([before[-1], behind[0]])
        self.canv.setDash()

    def _join(self, places: Sequence[tuple[float, float]]) -> None:
        line = self.canv.beginPath()
        line.moveTo(*places[0])
        for x, y in places[1:]:
            line.lineTo(x, y)
        self.canv.drawPath(line, stroke=1, fill=0)

    def _split_runs(self, places: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
        """Split the points into runs of days or months without a gap."""
        runs = [[places[0]]]
        for (before, behind), place in zip(pairwise(self._points), places[1:], strict=True):
            if behind.place - before.place > 1:
                runs.append([])
            runs[-1].append(place)
        return runs

    def _name_periods(self, places: Sequence[tuple[float, float]]) -> None:
        """Draw as many names as fit side by side."""
        self.canv.setFillColor(QUIET)
        free = -math.inf
        for (x, _), point in zip(places, self._points, strict=True):
            if x >= free:
                self.draw_label(x, 5, point.name, at="middle")
                free = x + self.width / 9


class Histogram(Chart):
    """A histogram: the number of values in each bin. All bins have the same width."""

    def __init__(
        self, width: float, height: float, counts: Sequence[int], bounds: tuple[float, float]
    ) -> None:
        super().__init__(width, height)
        self._counts = counts
        self._bounds = bounds

    def draw(self) -> None:
        """Draw grid lines, bars that nearly touch each other, and bounds below."""
        left, right, bottom, top = 48.0, self.width - 8, 18.0, self.height - 8
        highest = round_up(max(self._counts))
        draw_grid(self, (left, right, bottom, top), 0, highest)
        width = (right - left) / len(self._counts)
        self.canv.setFillColor(MAIN)
        for number, count in enumerate(self._counts):
            height = count / highest * (top - bottom)
            self.canv.rect(left + width * number + 0.5, bottom, width - 1, height, 0, 1)
        self.canv.setFillColor(QUIET)
        low, high = self._bounds
        for share, at in ((0, "left"), (0.5, "middle"), (1, "right")):
            place = left + (right - left) * share
            self.draw_label(place, 5, format_number(low + (high - low) * share), at=at)


def draw_grid(
    chart: Any, frame: tuple[float, float, float, float], low: float, high: float
) -> None:
    """Draw horizontal grid lines, with their values on the left."""
    left, right, bottom, top = frame
    chart.canv.setFillColor(QUIET)
    for number in range(5):
        y = bottom + (top - bottom) * number / 4
        chart.draw_hair(left, y, right, y)
        chart.draw_label(
            left - 5, y - 2.5, format_number(low + (high - low) * number / 4), at="right"
        )


def find_place(period: str) -> int:
    """Return the number of a day, like 2024-03-01, or of a month, like 2024-03."""
    year, month, *day = map(int, period.split("-"))
    return date(year, month, day[0]).toordinal() if day else 12 * year + month


def round_up(value: float) -> float:
    """Round up to four times 1, 2, 2.5 or 5 times a power of ten."""
    if value <= 0:
        return 1.0
    size: float = 10.0 ** math.floor(math.log10(value / 4))
    return 4 * next(size * step for step in (1, 2, 2.5, 5, 10) if size * step * 4 >= value * 0.9999)


def format_number(value: float) -> str:
    """Write a number short: 1,234,567 as 1.23 M, 0.12345 as 0.123."""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            divisor = 1e3 if unit == "k" else size
            return f"{value / divisor:.3g} {unit}"
    if value == round(value) and abs(value) < 1e4:
        return f"{value:,.0f}"
    return f"{value:,.2f}" if abs(value) >= 100 else f"{value:.3g}"


def shorten(text: str, most: int) -> str:
    """Return the text, cut to `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
