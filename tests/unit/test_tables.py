"""Tables that people send: good ones are read as what they are, bad ones name the place."""

import errno
import random
import threading
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.exceptions import PolarsError

from project.errors import CancelledError, PermanentError, TemporaryError
from project.tables import limits
from project.tables.collecting import collect
from project.tables.opening import Table, open_table, reading
from project.tables.parameters import CsvFormat, TableParameters
from project.tables.parquet_footer import check_parquet
from project.tables.thrift import ThriftError, ThriftReader
from tests.tables import DICTIONARY_BOMB, csv_bytes, orders, parquet_bytes


@pytest.fixture
def open_bytes(tmp_path: Path) -> Any:
    """Opens a table of these bytes."""

    def open_(content: bytes, check: Any = None, **form: Any) -> Table:
        folder = tmp_path / "scratch"
        folder.mkdir(exist_ok=True)
        (tmp_path / "sent").write_bytes(content)
        more = {"check": check} if check else {}
        return open_table(tmp_path / "sent", folder, CsvFormat(**form), **more)

    return open_


def values(table: Table, column: str) -> list[Any]:
    return table.load()[column].to_list()


# ── Good tables ────────────────────────────────────────────────────────────────────────────────


def test_columns_are_read_as_what_they_hold(open_bytes: Any) -> None:
    table = open_bytes(
        csv_bytes(
            "whole,number,truth,day,moment,code,text",
            "1,1.5,yes,2026-05-04,2026-05-04T12:30:00Z,007,x",
            "-2,2,No,2026-05-05,2026-05-04 12:30:00,123,1",
        )
    )

    assert table.columns == ("whole", "number", "truth", "day", "moment", "code", "text")
    assert table.row_count == 2
    assert values(table, "whole") == [1, -2]
    assert values(table, "number") == [1.5, 2.0]
    assert values(table, "truth") == [True, False]
    assert values(table, "day") == [date(2026, 5, 4), date(2026, 5, 5)]
    assert values(table, "code") == ["007", "123"]
    assert values(table, "text") == ["x", "1"]


@pytest.mark.parametrize(
    "written",
    ["2026-05-04T12:30:00", "2026-05-04 12:30", "04.05.2026 12:30:00", "2026-05-04T14:30:00+02:00"],
)
def test_moment_is_read_in_utc(open_bytes: Any, written: str) -> None:
    assert values(open_bytes(csv_bytes("at,x", f"{written},1")), "at") == [
        datetime(2026, 5, 4, 12, 30)
    ]


@pytest.mark.parametrize(
    "written",
    [
        *("04.05.2026", "2026/05/04", "04/05/2026", "2026-5-4", "2026.05.04", "04-05-2026"),
        *("4 May 2026", "May 4 2026"),
    ],
)
def test_day_is_read_in_the_common_forms(open_bytes: Any, written: str) -> None:
    assert values(open_bytes(csv_bytes("on,x", f"{written},1")), "on") == [date(2026, 5, 4)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_found(open_bytes: Any, delimiter: str) -> None:
    lines = (delimiter.join(cells) for cells in (("a", "b"), ("1", '"x,;|"'), ("2", "y")))

    assert values(open_bytes(csv_bytes(*lines)), "b") == ["x,;|", "y"]


@pytest.mark.parametrize(
    "content",
    [
        csv_bytes("sep=;", "name;n", "ada;1"),
        csv_bytes("sep=;", "name;n", "ada;1", encoding="utf-8-sig", end="\r\n"),
        csv_bytes("sep=;", "name;n", "ada;1", encoding="utf-16"),
        csv_bytes('"SEP=;"', "name;n", "ada;1"),
        csv_bytes("sep=\t", "name\tn", "ada\t1"),
        csv_bytes("sep=^", "name^n", "ada^1"),
    ],
)
def test_first_line_that_names_the_delimiter_is_no_row(open_bytes: Any, content: bytes) -> None:
    table = open_bytes(content)

    assert table.load().to_dicts() == [{"name": "ada", "n": 1}]
    assert table.row_count == 1


def test_lines_are_counted_with_the_one_that_names_the_delimiter(open_bytes: Any) -> None:
    with pytest.raises(PermanentError, match="Line 3 has 1 cell but the header has 2"):
        open_bytes(csv_bytes("sep=;", "a;b", "1"))


def test_blank_cell_behind_each_row_is_left_out_and_told(open_bytes: Any) -> None:
    table = open_bytes(csv_bytes("a,b", "1,2,", "3,4, "))

    assert table.load().rows() == [(1, 2), (3, 4)]
    assert "ends with a blank cell" in table.notes[0]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (("1,2,", "3,4"), "Line 3 has 2 cells but the row before has 3"),
        (("1,2", "3,4,"), "Line 3 has 3 cells, the last one blank, but the header has 2"),
    ],
)
def test_blank_cell_behind_some_rows_is_a_fault(
    open_bytes: Any, rows: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(PermanentError, match=sentence):
        open_bytes(csv_bytes("a,b", *rows))


def test_decimal_comma_is_taken_when_told(open_bytes: Any) -> None:
    table = open_bytes(csv_bytes("a;b", "1.234,5;1", "2,25;2"), decimal_comma=True)

    assert values(table, "a") == [1234.5, 2.25]


def test_table_without_header_gets_names(open_bytes: Any) -> None:
    table = open_bytes(csv_bytes("1,2", "3,4"), has_header=False)

    assert table.columns == ("column 1", "column 2")
    assert values(table, "column 2") == [2, 4]


def test_names_are_made_unique_and_none_is_empty(open_bytes: Any) -> None:
    assert open_bytes(csv_bytes("a,a,,a b ", "1,2,3,4")).columns == (
        *("a", "a (2)"),
        *("column 3", "a b"),
    )


@pytest.mark.parametrize(
    "content",
    [
        csv_bytes("Köln,b", "1,x"),
        csv_bytes("Köln,b", "1,x", encoding="utf-8-sig"),
        csv_bytes("Köln,b", "1,x", encoding="utf-16"),
        csv_bytes("Köln,b", "1,x", end="\r\n"),
        csv_bytes("Köln,b", "", "1,x", "", ""),
        b'\xef\xbb\xbf"K\xc3\xb6ln",b\n1,x',
    ],
)
def test_table_is_the_same_in_each_encoding_and_with_blank_lines(
    open_bytes: Any, content: bytes
) -> None:
    table = open_bytes(content)

    assert table.columns == ("Köln", "b")
    assert table.load().rows() == [(1, "x")]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("windows-1252", "Größe – 5 €"), ("windows-1251", "Москва"), ("shift_jis", "東京都")],
)
def test_named_encoding_is_read(open_bytes: Any, encoding: str, text: str) -> None:
    content = csv_bytes("a,b", f"{text},1", encoding=encoding)

    assert values(open_bytes(content, encoding=encoding), "a") == [text]
    with pytest.raises(PermanentError, match="Line 2 is not UTF-8"):
        open_bytes(content)


def test_encoding_that_is_another_one_says_so(open_bytes: Any) -> None:
    with pytest.raises(
        PermanentError, match=r"is not valid EUC-KR somewhere .*: save it as UTF-8, or set"
    ):
        open_bytes(b"a,b\n\xff\xff,1\n", encoding="euc-kr")


def test_quotes_and_line_ends_within_cells_are_kept(open_bytes: Any) -> None:
    table = open_bytes(csv_bytes("a,b", '1,"x\ny ""z"", w"', '2,5" pipe', "3,last"))

    assert values(table, "b") == ['x\ny "z", w', '5" pipe', "last"]


def test_missing_values_are_missing(open_bytes: Any) -> None:
    table = open_bytes(csv_bytes("a,b", "1,", 'NA,""', "3, "), missing_values=("NA",))

    assert values(table, "a") == [1, None, 3]
    assert values(table, "b") == [None, None, None]


def test_missing_values_are_missing_with_blanks_around_them(open_bytes: Any) -> None:
    lines = ("x, y, job", "1, 1.5, cook", "2, NA, ?", '3,"N/A ", cook', "4, 2,\t-")

    table = open_bytes(csv_bytes(*lines))

    assert values(table, "y") == [1.5, None, None, 2.0]
    assert values(table, "job") == ["cook", None, "cook", None]


def test_column_that_is_a_number_but_for_few_is_told_with_an_example(open_bytes: Any) -> None:
    lines = [f"{number},{number * 5}" for number in range(1, 40)]

    table = open_bytes(csv_bytes("a,b", *lines, "sold out,3"))

    assert [(each.column, each.count, each.example) for each in table.strays] == [
        ("a", 1, "sold out")
    ]
    assert values(table, "a") == [*range(1, 40), None]
    assert table.lost == {"a": 1}


def test_type_is_judged_by_all_rows(open_bytes: Any) -> None:
    numbers = [f"{number},1" for number in range(1, 10_000)]
    words = [f"word {number},1" for number in range(1, 5_000)]

    assert values(open_bytes(csv_bytes("a,b", *numbers, *words)), "a")[-1] == "word 4999"


def test_words_among_codes_make_no_numbers_of_these(open_bytes: Any) -> None:
    codes = [f"{number:04},1" for number in range(1, 3_000)]

    table = open_bytes(csv_bytes("a,b", *codes, "sold out,3"))

    assert values(table, "a")[0] == "0001"
    assert not table.strays


# ── What is guessed, and what a person says ────────────────────────────────────────────────────


def test_dates_are_dates_where_numbers_have_a_decimal_comma(open_bytes: Any) -> None:
    table = open_bytes(
        csv_bytes("Datum;Umsatz", "31.01.2020;0,5", "29.02.2020;1.010,5"), decimal_comma=True
    )

    assert values(table, "Datum") == [date(2020, 1, 31), date(2020, 2, 29)]
    assert values(table, "Umsatz") == [0.5, 1010.5]
    assert not table.guesses


@pytest.mark.parametrize(
    ("other", "first"), [("13/1/2021", date(2021, 2, 1)), ("1/13/2021", date(2021, 1, 2))]
)
def test_dates_in_doubt_are_read_as_the_other_dates_of_the_table(
    open_bytes: Any, other: str, first: date
) -> None:
    table = open_bytes(csv_bytes("a,b", f"1/2/2021,{other}", f"1/3/2021,{other}"))

    assert values(table, "a")[0] == first
    assert [guess.column for guess in table.guesses] == ["a"]
    assert "like the table’s other dates" in table.guesses[0].sentence


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("date_day_first", date(2021, 2, 1)),
        ("date_month_first", date(2021, 1, 2)),
        ("text", "1/2/2021"),
    ],
)
@pytest.mark.parametrize("as_parquet", [False, True])
def test_named_type_is_no_guess(
    open_bytes: Any, named: str, expected: Any, *, as_parquet: bool
) -> None:
    texts = pl.DataFrame({"a": ["1/2/2021", "1/3/2021"], "b": ["1", "2"]})
    content = parquet_bytes(texts) if as_parquet else texts.write_csv().encode()

    table = open_bytes(content, types={"a": named})

    assert values(table, "a")[0] == expected
    assert table.types["a"] == named
    assert not table.guesses


@pytest.mark.parametrize(
    ("decimal_comma", "numbers"), [(False, ("0,5", "1.250,75")), (True, ("0.5", "1250.75"))]
)
def test_other_decimal_sign_is_a_guess(
    open_bytes: Any, numbers: tuple[str, str], *, decimal_comma: bool
) -> None:
    rows = [f"{number};1" for number in numbers]

    table = open_bytes(csv_bytes("a;b", *rows), decimal_comma=decimal_comma)

    assert values(table, "a") == [0.5, 1250.75]
    assert "with a decimal" in table.guesses[0].sentence
    assert [guess.column for guess in table.guesses] == ["a"]


def test_comma_that_may_part_thousands_is_not_guessed_about(open_bytes: Any) -> None:
    content = csv_bytes("a;b", "1,234;1", "5,678;2")

    table = open_bytes(content)
    named = open_bytes(content, types={"a": "number_comma"})

    assert values(table, "a") == ["1,234", "5,678"]
    assert "1,234 may be a number" in table.guesses[0].sentence
    assert values(named, "a") == [1.234, 5.678]


@pytest.mark.parametrize(
    ("types", "sentence"),
    [
        ({"c": "number"}, 'A type is set for column "c"'),
        ({"a": "date"}, "“a” is set to date, but contains no date, only values such as “x”"),
    ],
)
def test_type_that_cannot_be_says_why(open_bytes: Any, types: Any, sentence: str) -> None:
    with pytest.raises(PermanentError, match=sentence):
        open_bytes(csv_bytes("a,b", "x,1", "y,2"), types=types)


def test_named_type_of_typed_column_must_be_like_it(open_bytes: Any) -> None:
    content = parquet_bytes(pl.DataFrame({"a": [1, 2]}))

    assert values(open_bytes(content, types={"a": "category"}), "a") == ["1", "2"]
    with pytest.raises(PermanentError, match='"a" cannot be read as date'):
        open_bytes(content, types={"a": "date"})


def test_original_columns_are_as_they_came(open_bytes: Any) -> None:
    table = open_bytes(csv_bytes("a,b,c", " 01/02/2020 ,yes,1.50"))

    assert table.original.collect().row(0) == (" 01/02/2020 ", "yes", "1.50")


def test_parquet_columns_become_plain_types_and_others_are_left_out(open_bytes: Any) -> None:
    frame = orders(500).with_columns(
        pl.lit([1, 2]).alias("list"),
        pl.col("city").cast(pl.Categorical),
        pl.col("price").cast(pl.Decimal(10, 2)).alias("exact"),
        pl.lit(float("nan")).alias("nothing"),
    )

    table = open_bytes(parquet_bytes(frame))

    assert table.row_count == 500
    assert "list" not in table.columns
    assert "list" in table.notes[0]
    assert values(table, "city") == frame["city"].cast(pl.String).to_list()
    assert values(table, "exact") == frame["price"].to_list()
    assert values(table, "nothing") == [None] * 500


def test_whole_numbers_beyond_63_bits_and_short_times_are_kept(open_bytes: Any) -> None:
    big = [2**63, 2**63 + 1, None]
    frame = pl.DataFrame(
        {
            "hash": pl.Series(big, dtype=pl.UInt64),
            "small": pl.Series([1, 2**63 - 1, None], dtype=pl.UInt64),
            "vast": pl.Series([2**100, -(2**100), None], dtype=pl.Int128),
            **{unit: pl.Series([1, -5, None]).cast(pl.Duration(unit)) for unit in ("ms", "us")},
        }
    )

    table = open_bytes(parquet_bytes(frame))

    assert values(table, "hash") == big
    assert values(table, "vast") == [2**100, -(2**100), None]
    assert table.load()["small"].dtype == pl.Int64
    assert values(table, "ms") == [0.001, -0.005, None]
    assert values(table, "us") == pytest.approx([1e-6, -5e-6, None])
    assert table.notes == ()


@pytest.mark.parametrize(
    ("content", "example"),
    [
        (csv_bytes("d,n", "0000-01-01,1", "2020-01-01,2"), "0000-01-01"),
        (csv_bytes("d,n", "+20000-01-01 10:00,1", "2020-01-01 10:00,2"), "+20000-01-01"),
        (
            parquet_bytes(pl.DataFrame({"d": pl.Series([3298139, 18262]).cast(pl.Date)})),
            "+10999-12-31",
        ),
        (
            parquet_bytes(pl.DataFrame({"d": pl.Series([2**62, 5]).cast(pl.Datetime("ms"))})),
            "4,611,686,018,427,387,904 ms",
        ),
    ],
)
def test_dates_beyond_the_calendar_are_missing_and_told(
    open_bytes: Any, content: bytes, example: str
) -> None:
    table = open_bytes(content)

    first, second = values(table, "d")
    assert first is None
    assert second is not None
    assert (
        f'1 of the values of column "d" lie outside the years 1 to 9999, such as {example}'
        in (table.notes[0])
    )


def test_infinite_values_are_missing_and_told(open_bytes: Any) -> None:
    table = open_bytes(parquet_bytes(pl.DataFrame({"a": [1.0, float("inf"), float("nan")]})))

    assert values(table, "a") == [1.0, None, None]
    assert table.notes[0].startswith('1 of the values of column "a" are infinite')


@pytest.mark.parametrize("as_parquet", [True, False])
def test_range_and_batches_give_the_rows_in_their_order(open_bytes: Any, as_parquet: bool) -> None:
    frame = orders(3000)
    table = open_bytes(parquet_bytes(frame) if as_parquet else frame.write_csv().encode())

    assert table.rows(2990, 50)["order_id"].to_list() == list(range(2991, 3001))
    batches = list(table.batches(700))
    assert max(batch.height for batch in batches) <= 700
    assert pl.concat(batches)["order_id"].to_list() == list(range(1, 3001))


# ── Bad tables ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (csv_bytes("a,b", "1,2", "3"), r"Line 3 has 1 cell but the header has 2"),
        (csv_bytes("a,b", "1,2", "3,4,5"), r"Line 3 has 3 cells but the header has 2"),
        (csv_bytes("a,b", "1,2", '3,"x', "4,y"), r"Line 3: a quote opens but is not closed, to"),
        (
            csv_bytes("a,b", "1,2", '3,"x', '4,"y"'),
            r"Line 3: a quote is not closed properly.* in line 4",
        ),
        (
            csv_bytes("a,b", "1,2", '3,"x"y'),
            r"Line 3: a quote is not closed properly.* in the same line",
        ),
        (csv_bytes("a,b") + b"1,\xe9\n", r"Line 2 is not UTF-8: byte 3 of it is 0xE9"),
        (csv_bytes("a,b") + b"1,\0\n", r"Line 2 contains a zero byte"),
        (csv_bytes("a,b", "1,2", end="\r"), r"carriage return"),
        (csv_bytes("a,b"), r"no rows"),
        (b"\n\n", r"no rows"),
        (b"\xef\xbb\xbf\n <!DOCTYPE html><html>\n</html>\n", r"is an HTML page"),
        (csv_bytes("<HTML>", "a,b", "1,2"), r"is an HTML page"),
        (csv_bytes(",".join("a" * 501), ",".join("1" * 501)), r"501 columns. .* at most 500"),
        (csv_bytes("x" * 300 + ",b", "1,2"), r"name of column 1 has 300 characters"),
        (b"\xff\xfea\x00,\x00b\x00\n\x00\x00\xd8\x00\xd8", r"The file is not valid UTF-16-LE"),
        (b"a,b\n1," + b"x" * (limits.MAX_LINE_BYTES + 5), r"Line 2 is longer than 10,000,000"),
    ],
)
def test_bad_csv_is_an_error_that_names_the_line(
    open_bytes: Any, content: bytes, sentence: str
) -> None:
    with pytest.raises(PermanentError, match=sentence):
        open_bytes(content)


def test_quote_that_swallows_the_rest_is_found_before_all_is_in_memory(open_bytes: Any) -> None:
    content = csv_bytes("a,b", '1,"x') + csv_bytes("2," + "y" * 97) * 110_000

    with pytest.raises(PermanentError, match=r"Line 2: a quote opens but is not closed"):
        open_bytes(content)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        PolarsError("underlying IO error: No space left on device (os error 28)"),
    ],
)
def test_full_disk_is_no_fault_of_the_table(error: Exception) -> None:
    with pytest.raises(TemporaryError, match="worker's disk is full"), reading("CSV"):
        raise error


def test_too_many_rows_are_refused(open_bytes: Any) -> None:
    with pytest.raises(PermanentError, match="more than 2,000,000 rows"):
        open_bytes(csv_bytes("a,b") + csv_bytes("1,2") * (limits.MAX_ROWS + 20_001))


def test_reading_stops_when_the_job_is_cancelled(open_bytes: Any) -> None:
    def cancelled(*_: Any) -> None:
        raise CancelledError("stop")

    with pytest.raises(CancelledError):
        open_bytes(csv_bytes("a,b") + csv_bytes("1,2") * 50_000, check=cancelled)


def test_work_of_polars_is_given_up_when_the_job_is_cancelled(open_bytes: Any) -> None:
    table = open_bytes(orders(2000).write_csv().encode())
    calls = []

    def cancelled() -> None:
        calls.append(1)
        raise CancelledError("stop")

    def wait_first(frame: pl.DataFrame) -> pl.DataFrame:
        deadline.wait(10)
        return frame

    deadline = threading.Event()
    with pytest.raises(CancelledError):
        collect(table.frame.map_batches(wait_first), cancelled)
    deadline.set()

    assert calls == [1]


def _with_footer_length(content: bytes, length: int) -> bytes:
    return content[:-8] + length.to_bytes(4, "little") + content[-4:]


GOOD = parquet_bytes(orders(1000))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (GOOD[: len(GOOD) // 2], r"cut off at byte [\d,]+"),
        (b"PAR1PAR1", r"cut off"),
        (_with_footer_length(GOOD, 2**31), r"footer claims 2,147,483,648 bytes"),
        (_with_footer_length(GOOD, 20), r"metadata cannot be read"),
        (GOOD[:8] + b"\xff" * 40 + GOOD[48:], r"damaged"),
        (parquet_bytes(pl.DataFrame({"a": [[1]]})), r"no columns with plain values"),
        (parquet_bytes(orders(10).head(0)), r"no rows"),
    ],
)
def test_bad_parquet_is_an_error_that_says_what_is_wrong(
    open_bytes: Any, content: bytes, sentence: str
) -> None:
    with pytest.raises(PermanentError, match=sentence):
        open_bytes(content).load()


def test_parquet_that_unpacks_to_too_much_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """5 MB of digits that take a tenth of that in the file, under a limit of 1 MB."""
    texts = pl.DataFrame({"a": [f"{number:01000}" for number in range(5000)]})
    (tmp_path / "bomb").write_bytes(parquet_bytes(texts, compression="zstd"))
    assert (tmp_path / "bomb").stat().st_size < 500_000

    with pytest.raises(PermanentError, match=r"The table claims [\d,]+ decompressed bytes"):
        check_parquet(tmp_path / "bomb", lambda _: None, max_bytes=1_000_000)


def test_page_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    """The footer's sizes are small; the head of a page claims two gigabytes."""
    plain = parquet_bytes(pl.DataFrame({"a": range(1000)}), compression="uncompressed")
    head = ThriftReader(plain[4:])
    page = head.read_struct()
    claim = b"\x15\x00\x15\xfe\xff\xff\xff\x0f\x15\x00"  # type 0, 2³¹ - 1 bytes, packed in 0
    forged = plain[:4] + claim + plain[4 + len(claim) :]
    (tmp_path / "forged").write_bytes(forged)

    assert page[2] < 10_000
    with pytest.raises(PermanentError):
        check_parquet(tmp_path / "forged", lambda _: None)


@pytest.mark.parametrize(
    "content", [DICTIONARY_BOMB, parquet_bytes(pl.DataFrame({"a": ["x" * 10_000_001]}))]
)
def test_texts_that_are_too_long_are_refused(open_bytes: Any, content: bytes) -> None:
    with pytest.raises(PermanentError, match=r'texts of column "a" are too long'):
        open_bytes(content)


def test_parquet_with_random_damage_is_an_error_or_a_table(open_bytes: Any) -> None:
    chance = random.Random(1)  # noqa: S311 - the same each time
    outcomes = {"table": 0, "error": 0}
    for _ in range(60):
        content = bytearray(GOOD)
        for _ in range(chance.randint(1, 4)):
            content[chance.randrange(4, len(content))] = chance.randrange(256)
        try:
            open_bytes(bytes(content)).load()
            outcomes["table"] += 1
        except PermanentError:
            outcomes["error"] += 1

    assert min(outcomes.values()) > 0


@pytest.mark.parametrize(
    "content", [b"", b"\x15", b"\x1f", b"\x19\xfc\xff\xff\xff\xff\x0f", b"\x18\xff\x7f"]
)
def test_metadata_that_ends_or_claims_too_much_is_no_message(content: bytes) -> None:
    with pytest.raises(ThriftError):
        ThriftReader(content).read_struct()


def test_metadata_nested_without_end_is_no_message() -> None:
    with pytest.raises(ThriftError, match="deep"):
        ThriftReader(b"\x1c" * 5000).read_struct()


def test_parameters_become_a_format() -> None:
    parameters = TableParameters(table="a" * 32 + ".csv", delimiter="tab", missing_values=["x"])

    assert parameters.format == CsvFormat("\t", True, False, ("x",))
