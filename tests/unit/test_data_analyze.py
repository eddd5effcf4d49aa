"""`data.analyze`, called as a plain function on real tables."""

import csv
import io
import random
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from PIL import Image

from project.errors import CancelledError, InvalidInputError, NotFoundError, PermanentError
from project.files import FileStore
from project.files.job_files import open_files
from project.html_report import figures, grids, plots
from project.html_report.markup import element
from project.jobs import get_kind
from project.jobs.data_analyze.profile import Role
from project.jobs.data_analyze.profiling import profile_column, profile_table
from project.kinds.context import Context
from tests.tables import csv_bytes, orders, orders_csv, parquet_bytes

KIND = get_kind("data.analyze")
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(str(tmp_path))


def analyze(store: FileStore, content: bytes, suffix: str = ".csv", **parameters: Any) -> Any:
    """The result."""
    values = {"table": store.write(content, suffix), **parameters}
    with open_files(store) as files:
        return KIND.run(KIND.parse(values), Context(files=files))


def findings(result: Any) -> str:
    return "\n".join(finding["text"] for finding in result["findings"])


class Elements(HTMLParser):
    """Names and attributes of all elements of a page, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def read_report(store: FileStore, result: Any) -> Elements:
    return Elements(store.path(result["report"]["file"]).read_text())


def nothing(_step: str) -> None:
    """Nobody watches."""


# ── The result ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_table_is_described_alike_in_both_formats(store: FileStore, suffix: str) -> None:
    frame = orders(400)
    content = orders_csv(400) if suffix == ".csv" else parquet_bytes(frame)

    result = analyze(store, content, suffix)

    assert result["facts"]["Rows"] == 400
    assert result["facts"]["Missing cells"] == 160
    types = {row[0]: row[1] for row in result["tables"][0]["rows"]}
    assert types == {
        "order_id": "identifier",
        "ordered_on": "date",
        "city": "category",
        "price": "number",
        "tax": "number",
        "area": "number",
        "rating": "whole number",
        "is_large": "truth value",
        "country": "constant",
    }


def test_what_stands_out_is_told(store: FileStore) -> None:
    rows = orders_csv(300).decode().splitlines()

    result = analyze(store, csv_bytes(*rows, *rows[1:4]))

    assert "“area” is 40.3 % missing" in findings(result)
    assert "“price” and “tax” have a correlation of 1.00" in findings(result)
    assert "“country” has the same value in each row" in findings(result)
    assert "3 rows (1 %) repeat an earlier row" in findings(result)


def test_column_that_is_nearly_a_number_is_told(store: FileStore) -> None:
    result = analyze(store, csv_bytes("a,b", *(f"{n},{n % 7}" for n in range(1, 60)), "sold,3"))

    assert "“a” is a number except for 1 value, such as “sold”" in findings(result)


def test_figures_of_a_column_are_those_of_polars(store: FileStore) -> None:
    prices = orders(500)["price"]

    result = analyze(store, orders_csv(500))

    text = store.path(result["files"][0]["file"]).read_text()
    row = next(row for row in csv.DictReader(io.StringIO(text)) if row["column"] == "price")
    assert float(row["mean"]) == pytest.approx(prices.mean())
    assert float(row["standard_deviation"]) == pytest.approx(prices.std())
    assert float(row["q75"]) == pytest.approx(prices.quantile(0.75, "linear"))
    assert int(row["different"]) == prices.n_unique()


def test_pictures_are_as_large_as_the_result_says(store: FileStore) -> None:
    result = analyze(store, orders_csv(200))

    assert [picture["title"] for picture in result["pictures"]] == ["Distributions", "Correlations"]
    for picture in result["pictures"]:
        with Image.open(store.path(picture["file"])) as opened:
            assert opened.size == (picture["width"], picture["height"])


def test_letters_of_thin_fonts_are_made_blacker_in_pictures(store: FileStore) -> None:
    words = [f"{city},{n},{n}" for n in range(40) for city in ("北京", "$a$b")]

    result = analyze(store, csv_bytes("城市,k,मान", *words))

    picture = result["pictures"][0]
    with Image.open(store.path(picture["file"])) as opened:
        assert opened.size == (picture["width"], picture["height"])


def test_report_holds_no_script_and_loads_nothing(store: FileStore) -> None:
    names = [f'"{HOSTILE}"', '"=1+1"', "b"]
    cells = ['"<img src=x onerror=alert(1)>"', '"=cmd"', "1"]
    content = csv_bytes(",".join(names), *([",".join(cells)] * 5), "x,y,2")

    result = analyze(store, content, title=f"A {HOSTILE}")

    page = read_report(store, result)
    assert not {"script", "img", "iframe", "link", "object", "form"} & set(page.names)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "src"]
    assert all(value.startswith("#") for name, value in page.attributes if name == "href")
    assert HOSTILE in page.text


def test_links_within_the_report_lead_somewhere(store: FileStore) -> None:
    page = read_report(store, analyze(store, orders_csv(100)))

    targets = {f"#{value}" for name, value in page.attributes if name == "id"}
    assert {value for name, value in page.attributes if name == "href"} <= targets


def test_texts_that_are_formulas_are_defused_in_the_csv(store: FileStore) -> None:
    result = analyze(store, csv_bytes('"=HYPERLINK(1)",b', "=1+1,1", "=1+1,2"))

    text = store.path(result["files"][0]["file"]).read_text()
    row = next(csv.DictReader(io.StringIO(text)))
    assert row["column"] == "'=HYPERLINK(1)"
    assert row["most_frequent"] == "'=1+1"


@pytest.mark.parametrize(
    "content",
    [
        csv_bytes("a", "1"),
        csv_bytes("a,b", "1,", "2,"),
        csv_bytes("a,b", "5,5", "5,5", "5,5"),
        csv_bytes("on,b", "2026-05-04,1"),
        csv_bytes(
            "at,b", "2026-05-04T12:00:00,1", "1950-01-01T00:00:00,2", "2026-01-01T10:00:00,3"
        ),
        csv_bytes("a,b", "1e300,1", "-1e300,2", "0,3"),
        csv_bytes("a,b", "NA,NA", "NA,NA"),
    ],
)
def test_odd_tables_have_reports(store: FileStore, content: bytes) -> None:
    result = analyze(store, content)

    assert "Columns" in read_report(store, result).text


def test_wide_table_has_a_report_and_a_small_result(store: FileStore) -> None:
    names = [f"measure number {number}" for number in range(200)]
    rows = [[(row * column) % 17 for column in range(200)] for row in range(1, 40)]

    result = analyze(store, csv_bytes(",".join(names), *(",".join(map(str, row)) for row in rows)))

    assert len(repr(result)) < 10_000
    assert read_report(store, result).text.count("measure number 199") >= 1


# ── What it knows about columns ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("values", "role"),
    [
        ([f"key-{n}" for n in range(30)], Role.ID),
        ([f"a sentence of its own, number {n}" for n in range(300)], Role.TEXT),
        (["a", "b"] * 20, Role.CATEGORY),
        ([True, False], Role.TRUTH),
        (list(range(1, 31)), Role.ID),
        (list(range(1990, 2021)), Role.WHOLE),
        ([n * n for n in range(2, 40)], Role.WHOLE),
        ([f"land {n % 60}" for n in range(240)], Role.CATEGORY),
        ([n * n % 97 for n in range(90)], Role.WHOLE),
        ([n / 3 for n in range(30)], Role.NUMBER),
        ([7, 7, 7], Role.CONSTANT),
        ([None, None], Role.EMPTY),
    ],
)
def test_role_of_a_column(values: list[Any], role: Role) -> None:
    assert profile_column(pl.Series("x", values)).role is role


@pytest.mark.parametrize("name", ["order_id", "orderId", "No", "id", "Customer ID"])
def test_whole_numbers_that_are_named_so_are_identifiers(name: str) -> None:
    numbers = [n * 7 % 101 + 500 for n in range(101)]

    assert profile_column(pl.Series(name, numbers)).role is Role.ID
    assert profile_column(pl.Series("grid", numbers)).role is Role.WHOLE


def test_type_that_a_person_names_has_the_last_word(store: FileStore) -> None:
    lines = [f"{n},{n % 7}" for n in range(1, 60)]
    named = {"a": "number", "b": "category"}

    result = analyze(store, csv_bytes("a,b", *lines), column_types=named)

    assert [row[1] for row in result["tables"][0]["rows"]] == ["whole number", "category"]


def test_value_that_is_left_out_is_not_missing(store: FileStore) -> None:
    days = [f"{date(2020, 1, 1) + timedelta(days=n)},{n % 9}" for n in range(300)]

    result = analyze(store, csv_bytes("day,n", *days, "TBD,1", ",2"))

    assert result["tables"][0]["rows"][0][:4] == ["day", "date", 1, 300]
    assert "“day” is a date except for 1 value, such as “TBD”. It is left out" in findings(result)


def test_months_whose_day_and_month_can_be_exchanged_are_months_and_told(store: FileStore) -> None:
    months = [f"{n % 12 + 1}/1/{2021 + n // 12},{n}" for n in range(36)]

    result = analyze(store, csv_bytes("month,sales", *months))

    described = pl.read_csv(store.path(result["files"][0]["file"]))
    assert described["last"][0] == "2023-12-01"
    assert "“month” fits both day/month and month/day" in findings(result)


def test_outliers_are_counted_and_the_farthest_are_named_with_their_rows() -> None:
    column = profile_column(pl.Series("x", [*[float(n % 10) for n in range(200)], 500.0, -300.0]))

    assert column.numbers is not None
    assert column.numbers.outliers == 2
    assert column.numbers.outlier_examples == [(201, 500.0), (202, -300.0)]
    assert sum(column.numbers.counts) + column.numbers.beyond == 202


def test_histogram_of_few_whole_numbers_has_a_bar_for_each() -> None:
    column = profile_column(pl.Series("x", [1, 2, 2, 4]))

    assert column.numbers is not None
    assert column.numbers.is_stepwise
    assert list(column.numbers.counts) == [1, 2, 0, 1]


def test_correlations_use_the_rows_in_which_both_are_there() -> None:
    frame = pl.DataFrame(
        {
            "x": [1.0, 2.0, 3.0, 4.0, None, 6.0],
            "double": [2.0, 4.0, 6.0, 8.0, 100.0, None],
            "square": [1.0, 4.0, 9.0, 16.0, 25.0, 36.0],
        }
    )
    found = profile_table(frame, nothing).correlations

    pearson = {(a, b): value for a, b, value, _ in found.pairs()}
    assert pearson["x", "double"] == pytest.approx(1.0)
    expected = frame.drop_nulls().select(pl.corr("x", "square")).item()
    assert pearson["x", "square"] == pytest.approx(expected, abs=0.02)


def test_ranks_are_those_of_the_rows_in_which_both_are_there() -> None:
    """Where x has gaps in its upper half, y's ranks among all rows would leave holes."""
    x = [float(n) for n in range(1000)]
    gappy = [None if n > 500 and n % 10 else n**3 for n in x]
    other = [None if n < 500 and n % 7 else -n for n in x]
    frame = pl.DataFrame({"x": x, "gappy": gappy, "other": other})

    found = profile_table(frame, nothing).correlations

    ranks = {(a, b): rank for a, b, _, rank in found.pairs()}
    assert ranks["x", "gappy"] == pytest.approx(1.0)
    assert ranks["x", "other"] == pytest.approx(-1.0)
    assert ranks["gappy", "other"] == pytest.approx(-1.0)


def test_columns_that_are_never_there_together_have_no_correlation() -> None:
    frame = pl.DataFrame({"a": [1, 2, 3, None, None, None], "b": [None, None, None, 1, 2, 3]})

    assert profile_table(frame, nothing).correlations.pairs() == []


def test_sample_of_many_rows_is_drawn_at_random_and_the_same_each_time() -> None:
    """Two sensors in turn: every second row would be of one of them."""
    generator = random.Random(1)  # noqa: S311 - the same each time
    level = [generator.gauss(0, 1) for _ in range(200_000)]
    x = [value if n % 2 else noise for n, value in enumerate(level) for noise in (-value, value)]
    y = [value for value in level for _ in (0, 1)]
    frame = pl.DataFrame({"x": x, "y": y})

    found = [profile_table(frame, nothing).correlations for _ in range(2)]

    assert found[0] == found[1]
    assert found[0].rows_used == 200_000
    expected = frame.select(pl.corr("x", "y")).item()
    assert found[0].pearson[0][1] == pytest.approx(expected, abs=0.01)


def test_relations_of_categories_are_those_of_the_definitions() -> None:
    chance = random.Random(3)  # noqa: S311 - the same each time
    frame = pl.DataFrame(
        [
            {
                "land": land,
                "city": f"{land} {chance.randrange(3)}",
                "coin": chance.random() < 0.5,
                "price": "abc".index(land) * 10.0 + chance.random(),
            }
            for land in (chance.choice("abc") for _ in range(900))
        ]
    )

    found = {
        (each.first, each.second): each.value for each in profile_table(frame, nothing).associations
    }

    assert found["land", "city"] == pytest.approx(1.0)
    assert found["land", "coin"] < 0.1
    means = frame.group_by("land").agg(pl.col("price").mean().alias("mean"))
    of_land = frame.join(means, on="land")["mean"]
    expected = (of_land.var(ddof=0) / frame["price"].var(ddof=0)) ** 0.5  # type: ignore[operator]
    assert found["land", "price"] == pytest.approx(expected)


def test_columns_missing_together_are_found() -> None:
    frame = pl.DataFrame({"a": [None, None, 1, 1], "b": [None, None, 2, None], "c": [1, 2, 3, 4]})

    assert profile_table(frame, nothing).missing_patterns == [(("b", "a"), 2), (("b",), 1)]


def test_rows_are_counted_by_the_month_gaps_included() -> None:
    dates = ["2024-01-05", "2024-01-20", "2024-04-01", "2026-01-01"]
    frame = pl.DataFrame({"on": dates, "value": [1.0, 3.0, 5.0, 7.0]}).with_columns(
        pl.col("on").str.to_date()
    )
    months = profile_table(frame, nothing).months

    assert months is not None
    assert (months.step, months.labels[0], months.labels[-1]) == ("month", "2024-01", "2026-01")
    assert list(months.counts[:4]) == [2, 0, 0, 1]
    assert list(months.means["value"][:2]) == [2.0, None]


# ── What goes wrong ────────────────────────────────────────────────────────────────────────────


def test_failed_job_leaves_nothing_behind(store: FileStore) -> None:
    table = store.write(csv_bytes("a,b", "1,2", '3,"x'), ".csv")

    with pytest.raises(PermanentError, match="Line 3"), open_files(store) as files:
        KIND.run(KIND.parse({"table": table}), Context(files=files))

    kept = [path.name for path in Path(store.url).rglob("*") if path.is_file()]
    assert kept == [table]
    assert not files._folder or not files._folder.exists()


def test_cancel_stops_it_wherever_it_is(store: FileStore) -> None:
    table = store.write(orders_csv(300), ".csv")
    steps: list[str] = []

    def stop(after: int) -> Any:
        def report(done: float, total: float, step: str = "") -> None:
            steps.append(step)
            if len(steps) > after:
                raise CancelledError("stop")

        return report

    for after in (0, 4, 12):
        steps.clear()
        with pytest.raises(CancelledError), open_files(store) as files:
            KIND.run(
                KIND.parse({"table": table}), Context(files=files, report_progress=stop(after))
            )


def test_progress_goes_up_and_tells_each_step(store: FileStore) -> None:
    told: list[tuple[float, str]] = []
    table = store.write(orders_csv(300), ".csv")

    def report(done: float, total: float, step: str = "") -> None:
        told.append((done / total, step))

    with open_files(store) as files:
        KIND.run(KIND.parse({"table": table}), Context(files=files, report_progress=report))

    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] <= 1
    assert {"Correlations", "Writing the report", "Drawing the distributions"} <= {
        s for _, s in told
    }


def test_table_that_has_expired_is_not_found(store: FileStore) -> None:
    with pytest.raises(NotFoundError), open_files(store) as files:
        KIND.run(KIND.parse({"table": "a" * 32 + ".csv"}), Context(files=files))


@pytest.mark.parametrize(
    "parameters",
    [
        {"table": "a" * 32 + ".png"},
        {"table": "../x.csv"},
        {"table": "a" * 32 + ".csv", "title": "x" * 200},
        {"table": "a" * 32 + ".csv", "delimiter": "x"},
        {"table": "a" * 32 + ".csv", "colour": "red"},
    ],
)
def test_wrong_parameters_are_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        KIND.parse(parameters)


# ── The sheet ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567, "1,234,567"),
        (0.0012346, "0.001235"),
        (-3.14159, "−3.142"),
        (0, "0"),
        (1e20, "1.000e+20"),
        (float("nan"), "–"),
        (None, "–"),
    ],
)
def test_numbers_are_written_to_be_read(value: float | None, text: str) -> None:
    assert figures.number(value) == text


@pytest.mark.parametrize(
    ("part", "text"), [(0, "0 %"), (1, "< 0.1 %"), (9999, "> 99.9 %"), (430, "4.3 %")]
)
def test_share_never_says_none_of_something(part: int, text: str) -> None:
    assert figures.share(part, 10_000) == text


def test_element_escapes_what_is_no_html() -> None:
    inner = element("b", "a < b", title='"x"')

    written = element("p", inner, " & c\x07")

    assert written == '<p><b title="&quot;x&quot;">a &lt; b</b> &amp; c\ufffd</p>'


def test_plots_are_drawn_of_any_values() -> None:
    assert plots.scatter([(1, 1)], "x", "y", is_even=True).count("<circle") == 1
    assert "polyline" in plots.lines([[None, 1.0, None, 2.0]], "a", "b")
    assert grids.heat_map(["a"], [[None]]).count("<rect") == 1
    assert grids.matrix(["a", "b"], [[5, 1], [0, 20_000]]).count("<rect") == 4
