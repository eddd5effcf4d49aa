"""Draws a table's distributions and correlations with matplotlib."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from project.html_report.canvas import Canvas, clear_axes, new_canvas
from project.html_report.figures import coefficient, moment, number, share, shorten
from project.html_report.grids import colour_of
from project.html_report.style import ACCENT, GROUND, INK, SOFT
from project.jobs.data_analyze.profile import Column, Correlations, NumberFacts, Profile, Role

MAX_PANELS = 12
_ACROSS = 3
_BARS = 5


def draw_distributions(profile: Profile) -> Canvas:
    """Draw a small plot of each column, at most MAX_PANELS."""
    shown = [each for each in profile.columns if each.role is not Role.EMPTY]
    # Identifiers, constants and texts say least: they come last.
    shown.sort(key=lambda each: each.role in {Role.ID, Role.CONSTANT, Role.TEXT})
    shown = shown[:MAX_PANELS]
    down = max(1, -(-len(shown) // _ACROSS))
    canvas = new_canvas(1200, 230 * down + 40)
    if len(shown) < len(profile.columns):
        names = f"{len(shown)} of {len(profile.columns)} columns"
        canvas.figure.text(0.03, 12 / canvas.height, names, color=SOFT, fontsize=9)
    for place, column in enumerate(shown):
        axes = canvas.figure.add_subplot(down, _ACROSS, place + 1)
        _draw_panel(axes, column)
    canvas.figure.subplots_adjust(
        left=0.03,
        right=0.97,
        top=1 - 50 / canvas.height,
        bottom=40 / canvas.height,
        hspace=0.75,
        wspace=0.16,
    )
    return canvas


def _draw_panel(axes: Any, column: Column) -> None:
    clear_axes(axes)
    gap = f"   {share(column.missing, column.rows)} missing" if column.missing else ""
    axes.set_title(shorten(column.name, 28), loc="left", color=INK, fontsize=11, weight="bold")
    axes.set_title(f"{column.role}{gap}", loc="right", color=SOFT, fontsize=8.5)
    if column.numbers:
        _draw_histogram(axes, column.numbers)
    elif column.times:
        axes.bar(range(len(column.times.counts)), column.times.counts, width=0.9, color=ACCENT)
        axes.margins(x=0)
        axes.set_xticks([0, max(1, len(column.times.counts) - 1)])
        axes.set_xticklabels([moment(column.times.first), moment(column.times.last)])
    elif column.texts:
        _draw_bars(axes, column.texts.top[:_BARS], column.present)
    _align_ends(axes)


def _draw_histogram(axes: Any, facts: NumberFacts) -> None:
    places = [(a + b) / 2 for a, b in pairwise(facts.edges)]
    width = (facts.edges[1] - facts.edges[0]) * (0.8 if facts.is_stepwise else 0.94)
    axes.bar(places, facts.counts, width=width, color=ACCENT)
    ends = (places[0], places[-1]) if facts.is_stepwise else (facts.edges[0], facts.edges[-1])
    axes.set_xlim(facts.edges[0], facts.edges[-1])
    axes.set_xticks(ends, [number(end) for end in ends])


def _draw_bars(axes: Any, top: Sequence[tuple[str, int]], whole: int) -> None:
    places = range(len(top), 0, -1)
    lengths = [times for _, times in top]
    axes.barh(list(places), lengths, height=0.62, color=ACCENT)
    most = top[0][1]
    for place, (value, times) in zip(places, top, strict=True):
        axes.text(
            -0.02 * most,
            place,
            shorten(value, 16),
            ha="right",
            va="center",
            fontsize=8.5,
            color=INK,
        )
        axes.text(
            times + 0.02 * most,
            place,
            share(times, whole),
            ha="left",
            va="center",
            fontsize=8,
            color=SOFT,
        )
    axes.set_xlim(-0.75 * most, most * 1.2)
    axes.set_ylim(len(top) - _BARS + 0.4, len(top) + 0.6)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)


def _align_ends(axes: Any) -> None:
    """Keep the labels of both ends within the panel."""
    labels = axes.get_xticklabels()
    if len(labels) == 2:
        labels[0].set_ha("left")
        labels[1].set_ha("right")


def draw_correlations(found: Correlations) -> Canvas:
    """Draw the heat map, with the coefficients if there is room."""
    size = len(found.names)
    cell = max(26, min(64, 900 // size))
    left = 190
    canvas = new_canvas(left + cell * size + 40, cell * size + 190)
    axes = canvas.figure.add_axes(
        (
            left / canvas.width,
            130 / canvas.height,
            cell * size / canvas.width,
            cell * size / canvas.height,
        )
    )
    for down in range(size):
        for across in range(size):
            _draw_cell(axes, (across, down), found.pearson[down][across], cell)
    axes.set_xlim(0, size)
    axes.set_ylim(size, 0)
    names = [shorten(name, 22) for name in found.names]
    below = [shorten(name, 16) for name in found.names]
    axes.set_xticks([place + 0.5 for place in range(size)], below, rotation=40, ha="right")
    axes.set_yticks([place + 0.5 for place in range(size)], names)
    axes.tick_params(length=0, labelsize=9.5, labelcolor=INK)
    for spine in axes.spines.values():
        spine.set_visible(False)
    canvas.figure.text(
        20 / canvas.width,
        1 - 34 / canvas.height,
        "Correlations (Pearson)",
        color=INK,
        fontsize=13,
        weight="bold",
    )
    return canvas


def _draw_cell(axes: Any, place: tuple[int, int], value: float | None, cell: int) -> None:
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    fill = GROUND if value is None else colour_of(value)
    x, y = place
    axes.add_patch(Rectangle((x + 0.03, y + 0.03), 0.94, 0.94, facecolor=fill, linewidth=0))
    if value is not None and cell >= 34:
        ink = "white" if abs(value) > 0.55 else INK
        written = coefficient(value)
        axes.text(x + 0.5, y + 0.5, written, ha="center", va="center", fontsize=8.5, color=ink)
