"""Frames as CSV files that people open in a spreadsheet."""

import csv
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from project.tables.writing import write_csv

FORMULAS = [
    *("=1+1", "@SUM(A1)", "+1", "-5", "\t=1", "\r=1", "\n=1", "\0=1"),
    *("\uff1d1+1", "\uff201", "\uff0b1", "\uff0d5"),
]


def written(frame: pl.DataFrame, folder: Path) -> list[list[str]]:
    """The rows of the file, its names first."""
    write_csv(frame, folder / "frame.csv")
    with (folder / "frame.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("kind", [pl.String(), pl.Categorical(), pl.Enum([*FORMULAS, "a=b"])])
def test_text_is_no_formula(kind: pl.DataType, tmp_path: Path) -> None:
    frame = pl.DataFrame({"text": pl.Series([*FORMULAS, "a=b", None], dtype=kind), "n": 1})

    _, *rows = written(frame, tmp_path)

    assert [row[0] for row in rows] == [*(f"'{text}" for text in FORMULAS), "a=b", ""]


def test_name_is_no_formula_although_there_is_one_like_it(tmp_path: Path) -> None:
    names, _ = written(pl.DataFrame({"=a": ["x"], "'=a": ["y"]}), tmp_path)

    assert names == ["'=a", "'=a"]


def test_number_stays_a_number_and_a_date_a_date(tmp_path: Path) -> None:
    frame = pl.DataFrame({"n": [-5], "x": [-0.25], "d": [date(2026, 5, 4)], "b": [True], "e": None})

    assert written(frame, tmp_path)[1] == ["-5", "-0.25", "2026-05-04", "true", ""]


def test_texts_that_are_numbers_stay_as_they_are_written(tmp_path: Path) -> None:
    frame = pl.DataFrame({"n": ["-5,00", "+1.5e3", "=1+1", "-1+cmd"]})

    write_csv(frame, tmp_path / "frame.csv", ["n"])

    lines = (tmp_path / "frame.csv").read_text().splitlines()
    assert lines == ["n", '"-5,00"', "+1.5e3", "'=1+1", "'-1+cmd"]


def test_frame_without_rows_has_its_names(tmp_path: Path) -> None:
    assert written(pl.DataFrame({"a": [], "b": []}), tmp_path) == [["a", "b"]]
