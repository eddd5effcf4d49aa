"""`report.build`: whatever the number of parts, the report says the same."""

import statistics
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pypdf import PdfReader

from project.errors import InvalidInputError, PermanentError
from project.files import FileStore
from project.files.job_files import JobFiles
from project.html_report.scripts import outline
from project.jobs import KINDS, get_kind
from project.jobs.report_build.charts import Periods, Point, find_place, format_number, round_up
from project.jobs.report_build.kind import split
from project.kinds.inline import Inline
from tests.tables import csv_bytes, orders, orders_csv

KIND = get_kind("report.build")


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(str(tmp_path))


def build(store: FileStore, content: bytes, **parameters: Any) -> dict[str, Any]:
    files = JobFiles(store)
    values = {"table": store.write(content, ".csv"), **parameters}
    result: dict[str, Any] = KIND.run(KIND.parse(values), Inline(KINDS).context(files=files))
    return result


def text_of(store: FileStore, result: dict[str, Any]) -> str:
    reader = PdfReader(store.path(result["report"]["file"]))
    assert len(reader.pages) == result["pages"]
    return "\n".join(page.extract_text() for page in reader.pages)


def groups_of(store: FileStore, result: dict[str, Any]) -> pl.DataFrame:
    return pl.read_csv(store.path(result["files"][0]["file"])).sort("name")


@pytest.mark.parametrize(("rows", "parts"), [(10, 3), (64, 64), (5, 8), (1, 1), (1_000_003, 64)])
def test_parts_make_up_all_rows_without_overlap(rows: int, parts: int) -> None:
    found = split(rows, parts)

    assert found[0][0] == 0
    assert [start + count for start, count in found] == [*(start for start, _ in found[1:]), rows]
    assert len(found) <= parts
    assert all(count > 0 for _, count in found)


def test_report_of_many_parts_says_what_the_table_says(store: FileStore) -> None:
    table = orders(5_000)

    result = build(store, orders_csv(5_000), parts=16, group_by="city", value="price")

    found = groups_of(store, result)
    expected = table.group_by("city").agg(
        pl.len().alias("rows"), pl.col("price").sum(), pl.col("price").std(ddof=0).alias("std")
    )
    expected = expected.sort("city")
    assert found["rows"].to_list() == expected["rows"].to_list()
    assert found["sum"].to_list() == pytest.approx(expected["price"].to_list())
    assert found["deviation"].to_list() == pytest.approx(expected["std"].to_list())
    assert result["facts"]["Sum"] == pytest.approx(table["price"].sum())
    assert result["rows"] == 5_000


@pytest.mark.parametrize("parts", [1, 2, 5])
@pytest.mark.parametrize(
    "values",
    [
        [1000000001, 1000000002, 1000000003],
        [1700000000001, 1700000000002, 1700000000003],
        [1e16, 1e16, 1e16 + 2],
        [1e16, 1.0, -1e16, 1e-7],
        [1e300, -1e300, 2e300, 5e299],
        [3e-200, 1e-200, 2e-200],
        [0.1] * 10,
        [7, 7, 8, 8],
        [5],
    ],
)
def test_figures_are_those_of_exact_arithmetic(
    store: FileStore, values: list[float], parts: int
) -> None:
    content = csv_bytes("k,v", *(f"a,{value!r}" for value in values), "b,1e-9")

    found = groups_of(store, build(store, content, value="v", group_by="k", parts=parts)).row(
        0, named=True
    )

    exact = [Fraction(value) for value in values]
    assert found["sum"] == pytest.approx(float(sum(exact)), rel=1e-15)
    assert found["mean"] == pytest.approx(float(sum(exact) / len(exact)), rel=1e-15)
    expected = statistics.pstdev(exact)
    assert found["deviation"] == pytest.approx(expected, rel=1e-9, abs=0)


def test_sum_that_no_number_can_hold_is_told(store: FileStore) -> None:
    content = csv_bytes("k,v", "a,1.7e308", "a,1.7e308")

    for parts in (1, 2):
        with pytest.raises(PermanentError, match="values of the summed column are too large"):
            build(store, content, value="v", parts=parts)


def test_file_that_the_report_names_has_what_it_says(store: FileStore) -> None:
    months = [f"{1990 + n // 12}-{n % 12 + 1:02}" for n in range(240)]
    content = csv_bytes("month,v", *(f"{month}-01,{n}" for n, month in enumerate(months)))

    result = build(store, content, value="v")

    assert "120 more in periods.csv" in text_of(store, result)
    found = pl.read_csv(store.path(result["files"][1]["file"]), infer_schema=False)
    assert result["files"][1]["name"] == "periods.csv"
    assert found["name"].to_list() == months


def test_points_lie_at_their_places_in_time() -> None:
    periods = ["2020-01", "2020-02", "2020-12", "2024-06"]

    assert [find_place(each) - find_place(periods[0]) for each in periods] == [0, 1, 11, 53]
    assert find_place("2020-03-01") - find_place("2020-02-28") == 2


def test_line_is_broken_where_there_is_no_row() -> None:
    chart = Periods(400, 130, [Point(str(at), 1.0, at) for at in (0, 1, 11, 12, 53)])

    runs = chart._split_runs([(float(x), 0.0) for x in (0, 1, 11, 12, 53)])

    assert [[x for x, _ in run] for run in runs] == [[0, 1], [11, 12], [53]]


def test_number_of_parts_changes_nothing(store: FileStore) -> None:
    one = build(store, orders_csv(999), parts=1)
    many = build(store, orders_csv(999), parts=50)

    assert one["tables"] == many["tables"]
    sums = [groups_of(store, result)["sum"].to_list() for result in (one, many)]
    assert sums[0] == pytest.approx(sums[1])


def test_pdf_has_title_figures_tables_and_origin(store: FileStore) -> None:
    result = build(store, orders_csv(2_000), parts=4, title="Orders <b>& more</b>", group_by="city")

    text = text_of(store, result)
    for expected in ("Orders <b>& more</b>", "Sum of price by city", "2,000", "Köln", "2024-01"):
        assert expected in text
    assert "covers 2,000 of 2,000 rows, in 4 of 4 parts. Each row is counted once" in " ".join(
        text.split()
    )


def test_columns_are_chosen_where_none_is_named(store: FileStore) -> None:
    facts = build(store, orders_csv(500))["facts"]

    assert (facts["Summed"], facts["By"]) == ("price", "city")


def test_missing_values_and_groups_are_counted(store: FileStore) -> None:
    content = csv_bytes("who,much", "ada,1.5", "ada,", ",2.5", "bob,-4")

    found = groups_of(store, build(store, content, parts=2, group_by="who", value="much"))

    assert found.select("name", "rows", "missing", "sum").rows() == [
        ("(no value)", 1, 0, 2.5),
        ("ada", 2, 1, 1.5),
        ("bob", 1, 0, -4.0),
    ]


def test_group_named_none_is_no_missing_group(store: FileStore) -> None:
    content = csv_bytes("who,much", "(none),1", "(none),2", ",4", "ada,8")

    found = groups_of(store, build(store, content, parts=2, group_by="who", value="much"))

    assert dict(found.select("name", "rows").rows()) == {"ada": 1, "(no value)": 1, "(none)": 2}


def test_names_in_all_scripts_are_in_the_report(store: FileStore) -> None:
    names = ("北京", "東京都", "서울", "हिन्दी", "ไทย", "Ελλάδα", "Köln")
    rows = [f"{name},{number}" for number in range(4) for name in names]

    result = build(store, csv_bytes("who,v", *rows), group_by="who", title="销售报告")

    text = text_of(store, result)
    assert [name for name in (*names, "销售报告") if name not in text] == []


def test_letters_of_all_scripts_have_shapes_of_their_own() -> None:
    """What a font lacks is a box, and all boxes are alike."""
    shapes = {letter: outline(letter, 10)[0].tobytes() for letter in "北京東서ไहعשაአ"}

    assert len(set(shapes.values())) == len(shapes)


def test_letters_join_and_run_as_their_script_does() -> None:
    joined, alone = outline("بب", 10)[2], outline("ب", 10)[2]
    # The last letter of Hebrew stands at the left, so that the first one is behind it.
    word, last = outline("שו", 10), outline("ו", 10)

    assert joined < 2 * alone - 1
    assert np.allclose(word[0][: len(last[0])], last[0], atol=0.1)


@pytest.mark.parametrize(
    ("measure", "first", "heading"),
    [("sum", "many", "Sum of much by who"), ("mean", "few", "Mean of much by who")],
)
def test_charts_show_the_measure_that_is_wanted(
    store: FileStore, measure: str, first: str, heading: str
) -> None:
    content = csv_bytes("who,much", *["many,1.5"] * 30, *["few,9.5"] * 2, "gone,", "gone,")

    result = build(store, content, group_by="who", value="much", measure=measure)

    assert result["tables"][0]["rows"][0][0] == first
    assert heading in text_of(store, result)


def test_table_without_numbers_counts_rows(store: FileStore) -> None:
    content = csv_bytes("who,where", "ada,x", "bob,x", "cleo,y")

    result = build(store, content, group_by="where")

    assert result["tables"][0]["rows"][0][:2] == ["x", 2]
    assert "Number of rows by where" in text_of(store, result)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"value": "prize"}, "no column 'prize'"),
        ({"value": "city"}, "'city' does not contain numbers"),
        ({"date": "price"}, "'price' does not contain dates"),
        ({"group_by": "x"}, "no column 'x'"),
    ],
)
def test_wrong_column_is_named(store: FileStore, parameters: Any, reason: str) -> None:
    with pytest.raises(PermanentError, match=reason):
        build(store, orders_csv(20), **parameters)


@pytest.mark.parametrize("parameters", [{"parts": 0}, {"parts": 257}, {"title": ""}])
def test_parameters_out_of_range_are_refused(parameters: Any) -> None:
    with pytest.raises(InvalidInputError):
        KIND.parse({"table": "0" * 32 + ".csv", **parameters})


def test_cell_that_a_spreadsheet_would_run_is_text(store: FileStore) -> None:
    content = csv_bytes("who,much", "=cmd|' /C calc'!A0,1.5", "ada,2.5", "ada,1.0")

    result = build(store, content, group_by="who")

    names = groups_of(store, result)["name"].to_list()
    assert "'=cmd|' /C calc'!A0" in names


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (1, 1), (3.9, 4), (179_000, 200_000), (38_000, 40_000), (9, 10)]
)
def test_axis_ends_at_a_round_number(value: float, top: float) -> None:
    assert round_up(value) == pytest.approx(top)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12, "12"),
        (1234, "1,234"),
        (0.12345, "0.123"),
        (1_995_398, "2 M"),
        (-5e4, "-50 k"),
    ],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert format_number(value) == text
