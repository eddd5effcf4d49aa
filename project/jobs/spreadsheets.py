"""Cells that people open in a spreadsheet. Pure."""

from typing import TypeVar

Cell = TypeVar("Cell")

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def guard_cell(value: Cell) -> Cell | str:
    """The value; a text that a spreadsheet would take for a formula gets a quote before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
