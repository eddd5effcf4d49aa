"""Formats figures: tables, rates, spreads."""

from collections.abc import Iterable, Sequence

from bench.report.figures import Value

NONE = "–"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a Markdown table, with a blank line after it."""
    lines = [heads, ["---"] * len(heads), *rows]
    return [*("| " + " | ".join(line) + " |" for line in lines), ""]


def show(value: Value | None, form: str) -> str:
    """Format the median."""
    return NONE if value is None else format(value.median, form)


def show_rate(value: Value | None) -> str:
    """Format the median and, for several rounds, the spread."""
    if value is None:
        return NONE
    return f"{value.median:,.0f}{show_spread(value)}"


def show_spread(value: Value) -> str:
    """Format the largest distance of a round from the median."""
    return f" ± {value.spread:.0%}" if len(value.rounds) > 1 else ""
