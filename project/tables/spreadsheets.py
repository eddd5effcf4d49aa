"""Makes cells safe to open in a spreadsheet. Pure."""

from typing import TypeVar

Cell = TypeVar("Cell")

# Japanese and Chinese keyboards write the wide forms; Excel may treat them like the others.
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
    """Return the value, with a quote before a text that a spreadsheet would run as a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
