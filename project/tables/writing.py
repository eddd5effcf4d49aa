"""Writes a frame as a CSV file that is safe to open in a spreadsheet."""

import csv
from collections.abc import Collection
from pathlib import Path

import polars as pl
import polars.selectors as cs

from project.tables.spreadsheets import FORMULA_STARTS, guard_cell

_NUMBER = r"^[+-]?[\d.,]+([eE][+-]?\d+)?\s*$"


def write_csv(frame: pl.DataFrame, path: Path, numbers: Collection[str] = ()) -> None:
    """Write the frame. `guard_cell` guards texts and names; numbers stay numbers.

    `numbers` are text columns that contain numbers as they were sent: these stay unguarded.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerow(map(guard_cell, frame.columns))
    texts = cs.expand_selector(frame, cs.string(include_categorical=True) | cs.enum())
    guarded = frame.with_columns(_guard(name, is_number=name in numbers) for name in texts)
    with path.open("ab") as file:
        guarded.write_csv(file, include_header=False)


def _guard(name: str, *, is_number: bool) -> pl.Expr:
    text = pl.col(name).cast(pl.String)
    is_formula = pl.any_horizontal(text.str.starts_with(start) for start in FORMULA_STARTS)
    if is_number:
        is_formula &= ~text.str.contains(_NUMBER)
    return pl.when(is_formula).then(pl.concat_str(pl.lit("'"), text)).otherwise(text).alias(name)
