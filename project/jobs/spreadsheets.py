"""Cells that people open in a spreadsheet. Pure."""

from typing import TypeVar

Cell = TypeVar("Cell")

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def guard_cell(value: Cell) -> Cell | str:
    """The value; a text that a spreadsheet would take for a formula gets a quote before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
