"""Cells that people open in a spreadsheet. Pure."""

from typing import TypeVar

Cell = TypeVar("Cell")

# The wide ones are what a Japanese or Chinese keyboard writes; Excel may take them for the others.
FORMULA_STARTS = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "\0",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)


def guard_cell(value: Cell) -> Cell | str:
    """The value; a text that a spreadsheet would take for a formula gets a quote before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
