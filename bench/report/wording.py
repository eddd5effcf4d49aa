"""How figures are written: tables, rates, spreads."""

from collections.abc import Iterable, Sequence

from bench.report.figures import Value

NONE = "–"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Markdown, and a blank line after it."""
    lines = [heads, ["---"] * len(heads), *rows]
    return [*("| " + " | ".join(line) + " |" for line in lines), ""]


def show(value: Value | None, form: str) -> str:
    """The median."""
    return NONE if value is None else format(value.median, form)


def show_rate(value: Value | None) -> str:
    """The median and, of several rounds, the spread."""
    if value is None:
        return NONE
    return f"{value.median:,.0f}{show_spread(value)}"


def show_spread(value: Value) -> str:
    """How far a round was from the median at the most."""
    return f" ± {value.spread:.0%}" if len(value.rounds) > 1 else ""
