"""Formats numbers, dates and texts for people. Pure."""

import math
from collections.abc import Sequence
from datetime import date, datetime

NOTHING = "–"
_LARGEST_PLAIN = 1e15


def number(value: float | None, digits: int = 4) -> str:
    """Format `1234567` as 1,234,567, `0.0012345` as 0.001234 (`digits` significant digits)."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if value == 0:
        return "0"
    size = abs(value)
    if size >= _LARGEST_PLAIN or size < 1e-4:
        return f"{value:.{digits - 1}e}"
    if float(value).is_integer() or size >= 10 ** (digits - 1):
        return f"{value:,.0f}".replace("-", "−")
    places = max(0, digits - 1 - math.floor(math.log10(size)))
    return f"{value:,.{places}f}".rstrip("0").rstrip(".").replace("-", "−")


def count(value: int) -> str:
    """Format with commas between thousands."""
    return f"{value:,}"


def counted(value: int, noun: str) -> str:
    """Return `1 row`, `2 rows`."""
    return f"{value:,} {noun}" if value == 1 else f"{value:,} {noun}s"


def share(part: float, whole: float) -> str:
    """Format as per cent; never 0 % unless the part is 0, never 100 % unless it is all."""
    if not whole:
        return NOTHING
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.1f} %".replace(".0 %", " %")


def coefficient(value: float) -> str:
    """Format a value from −1.00 to 1.00, never as −0.00."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def score(value: float | None) -> str:
    """Format a score; a small one with three decimal places."""
    if value is None or abs(value) >= 10:
        return number(value)
    return NOTHING if math.isnan(value) else f"{round(value, 3) + 0.0:.3f}".replace("-", "−")


def moment(value: date | datetime | None) -> str:
    """Format as 2026-05-04, with hours and minutes if it has a time."""
    if value is None:
        return NOTHING
    if isinstance(value, datetime) and (value.hour or value.minute or value.second):
        return f"{value:%Y-%m-%d %H:%M}"
    return f"{value:%Y-%m-%d}"


def shorten(text: object, length: int = 60) -> str:
    """Cut the text to `length` characters in one line."""
    line = " ".join(str(text)[: 4 * length].split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def enumerate_names(names: Sequence[str], most: int = 5) -> str:
    """Return `a, b and c`, or `a, b and 7 more`."""
    short = [shorten(name, 70) for name in names]
    if len(short) > most:
        return f"{', '.join(short[: most - 1])} and {len(short) - most + 1} more"
    return " and ".join(filter(None, (", ".join(short[:-1]), *short[-1:])))
