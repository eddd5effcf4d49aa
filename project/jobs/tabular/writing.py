"""A frame as a CSV file that people open in a spreadsheet."""

import csv
from pathlib import Path

import polars as pl
import polars.selectors as cs

from project.jobs.spreadsheets import FORMULA_STARTS, guard_cell


def write_csv(frame: pl.DataFrame, path: Path) -> None:
    """Write it; texts and names are guarded as `guard_cell` does, numbers stay numbers."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerow(map(guard_cell, frame.columns))
    texts = cs.expand_selector(frame, cs.string(include_categorical=True) | cs.enum())
    guarded = frame.with_columns(_guard(name) for name in texts)
    with path.open("ab") as file:
        guarded.write_csv(file, include_header=False)


def _guard(name: str) -> pl.Expr:
    text = pl.col(name).cast(pl.String)
    is_formula = pl.any_horizontal(text.str.starts_with(start) for start in FORMULA_STARTS)
    return pl.when(is_formula).then(pl.concat_str(pl.lit("'"), text)).otherwise(text).alias(name)
