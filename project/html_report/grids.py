"""Plots of values in rows and columns: correlations and a confusion matrix. Pure."""

import math
from collections.abc import Sequence

from project.html_report import figures
from project.html_report.markup import Html, element
from project.html_report.shapes import rect, text
from project.html_report.style import ACCENT, GROUND, INK, WARM


def heat_map(names: Sequence[str], values: Sequence[Sequence[float | None]]) -> Html:
    """Draw correlations from -1 (warm) to 1 (cool), each pair once."""
    cell, left, top = 34.0, 120.0, 8.0
    parts: list[Html] = []
    for down, name in enumerate(names):
        middle = top + cell * (down + 0.5) + 4
        parts.append(text(left - 8, middle, figures.shorten(name, 17), "end", title=name))
        for across in range(down + 1):
            parts += _heat_cell(left + cell * across, top + cell * down, cell, values[down][across])
    for across, name in enumerate(names):
        x, y = left + cell * (across + 0.5), top + cell * len(names) + 12
        parts.append(
            text(x, y, figures.shorten(name, 17), "end", turn=f"rotate(-40 {x:.0f} {y:.0f})")
        )
    width, height = left + cell * len(names) + 8, top + cell * len(names) + 92
    drawn = element(
        "svg",
        *parts,
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        role="img",
        aria_label="Correlations",
        style=f"max-width:{width * 1.3:.0f}px;min-width:{min(width * 0.8, 900):.0f}px",
    )
    return element("div", drawn, class_="scroll bare", tabindex="0", role="group")


def matrix(names: Sequence[str], counts: Sequence[Sequence[int]]) -> Html:
    """Draw a confusion matrix: a row for each true class, a column for each predicted class."""
    cell, left, top = max(30.0, min(64.0, 330 / len(names))), 110.0, 44.0
    parts = [
        text(left + cell * len(names) / 2, 12, "predicted →", "middle"),
        text(4, top - 8, "true ↓"),
    ]
    for down, row in enumerate(counts):
        whole = sum(row) or 1
        y = top + cell * down
        parts.append(
            text(
                left - 8,
                y + cell / 2 + 4,
                figures.shorten(names[down], 15),
                "end",
                title=names[down],
            )
        )
        parts.append(
            text(
                left + cell * (down + 0.5),
                top - 8,
                figures.shorten(names[down], max(3, int(cell / 6.5))),
                "middle",
                title=names[down],
            )
        )
        for across, count in enumerate(row):
            share = count / whole
            fill = mix("#f4f5f3", ACCENT if across == down else WARM, share)
            parts.append(
                rect(
                    left + cell * across + 1,
                    y + 1,
                    cell - 2,
                    cell - 2,
                    fill if count else GROUND,
                    title=f"{names[down]} predicted as {names[across]}: {count:,}",
                )
            )
            parts.append(
                text(
                    left + cell * (across + 0.5),
                    y + cell / 2 + 4,
                    _short_count(count),
                    "middle",
                    "#fff" if share > 0.55 else INK,
                )
            )
    width, height = left + cell * len(names) + 6, top + cell * len(names) + 6
    drawn = element(
        "svg",
        *parts,
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        role="img",
        aria_label="Confusion matrix",
        style=f"max-width:{width * 1.25:.0f}px",
    )
    return element("div", drawn, class_="scroll bare", tabindex="0", role="group")


def mix(light: str, dark: str, share: float) -> str:
    """Mix two colours to `#rrggbb`; a share of 0 is the first colour."""
    pairs = zip(_channels(light), _channels(dark), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def colour_of(correlation: float) -> str:
    """Return a warm colour below zero, a cool one above."""
    return mix("#f4f5f3", ACCENT if correlation > 0 else WARM, min(1.0, abs(correlation)))


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _heat_cell(x: float, y: float, cell: float, value: float | None) -> list[Html]:
    if value is None or math.isnan(value):
        return [rect(x + 1, y + 1, cell - 2, cell - 2, GROUND)]
    ink = "#fff" if abs(value) > 0.55 else INK
    written = figures.coefficient(value).replace("0.", ".")
    return [
        rect(x + 1, y + 1, cell - 2, cell - 2, colour_of(value)),
        text(x + cell / 2, y + cell / 2 + 4, written, "middle", ink),
    ]


def _short_count(count: int) -> str:
    if count < 10_000:
        return f"{count:,}"
    return f"{count / 1000:.0f}k" if count < 1_000_000 else f"{count / 1e6:.1f}M"
