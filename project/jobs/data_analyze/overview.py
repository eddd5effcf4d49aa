"""One row for each column of a table: for the result's table, and for columns.csv."""

import csv
import io
from collections.abc import Sequence
from math import isfinite

from project.html_report.figures import shorten
from project.jobs.data_analyze.profile import Column
from project.kinds.result_view import Fact, Table
from project.tables.spreadsheets import guard_cell

NAMES = ["column", "type", "missing", "missing_share", "different", "most_frequent", "first"]
NAMES += ["last", "mean", "median", "standard_deviation", "minimum", "maximum", "q1", "q5", "q25"]
NAMES += ["q75", "q95", "q99", "skewness", "zeros", "negatives", "outliers", "left_out"]
_SHOWN = ["column", "type", "missing", "different", "mean", "median", "minimum", "maximum"]
_LARGEST_SHOWN = 40


def describe(column: Column) -> dict[str, Fact]:
    """Return the column's facts, by NAMES."""
    facts: dict[str, Fact] = {
        "column": column.name,
        "type": column.role.value,
        "missing": column.missing,
        "missing_share": round(column.missing / column.rows, 6),
        "different": column.distinct,
        "left_out": column.lost,
        "most_frequent": column.texts.top[0][0] if column.texts else None,
    }
    if column.times:
        facts |= {"first": column.times.first.isoformat(), "last": column.times.last.isoformat()}
    if column.numbers:
        numbers = column.numbers
        facts |= {
            "mean": numbers.mean,
            "median": numbers.median,
            "standard_deviation": numbers.deviation,
            "minimum": numbers.minimum,
            "maximum": numbers.maximum,
            "skewness": numbers.skewness if isfinite(numbers.skewness) else None,
            "zeros": numbers.zeros,
            "negatives": numbers.negatives,
            "outliers": numbers.outliers,
            **{f"q{percent}": value for percent, value in numbers.quantiles.items()},
        }
    return facts


def write_csv(columns: Sequence[Column]) -> bytes:
    """Write all facts of all columns."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, NAMES, lineterminator="\n")
    writer.writeheader()
    for column in columns:
        writer.writerow({name: guard_cell(value) for name, value in describe(column).items()})
    return buffer.getvalue().encode()


def make_table(columns: Sequence[Column]) -> Table:
    """Return the main figures of the first _LARGEST_SHOWN columns."""
    rows: list[list[Fact]] = []
    for column in columns[:_LARGEST_SHOWN]:
        described = describe(column)
        rows.append([_round(described.get(name)) for name in _SHOWN])
    return {"title": "Columns", "columns": list(_SHOWN), "rows": rows}


def _round(value: Fact) -> Fact:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    return shorten(value, 60) if isinstance(value, str) else value
