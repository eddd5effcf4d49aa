"""Tables that people send and have analysed, as a client of the API sees it."""

from typing import Any

import polars as pl
import pytest

from tests.integration.client import Client
from tests.tables import DICTIONARY_BOMB, csv_bytes, orders, orders_csv, parquet_bytes

SECONDS = 100


def send(browser: Client, content: bytes) -> str:
    """The id of the file."""
    answer = browser.post("/api/v1/files", data=content)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["file"])


def analyze(browser: Client, content: bytes, **parameters: Any) -> dict[str, Any]:
    """The job, however it ended."""
    values = {"table": send(browser, content), **parameters}
    return browser.await_end(browser.submit("data.analyze", values)["id"], SECONDS)


def test_table_becomes_a_report_pictures_and_a_list_of_columns(browser: Client) -> None:
    job = analyze(browser, orders_csv(3000), title="Orders")

    result = job["result"]
    assert job["status"] == "succeeded"
    assert result["summary"].startswith("3,000 rows, 9 columns")
    page = browser.get(result["report"]["url"])
    assert page.headers["Content-Type"].startswith("text/html")
    assert "sandbox" in page.headers["Content-Security-Policy"]
    assert "“area” is 40 % missing" in page.text
    for picture in result["pictures"]:
        assert browser.get(picture["url"]).content.startswith(b"\x89PNG")
    columns = pl.read_csv(browser.get(result["files"][0]["url"]).content)
    assert columns["column"].to_list() == orders(1).columns


def test_table_of_a_million_rows_is_analysed(browser: Client) -> None:
    rows = orders(1000).write_csv(null_value="NA").encode()
    head, _, body = rows.partition(b"\n")

    job = analyze(browser, head + b"\n" + body * 1000)

    assert job["status"] == "succeeded"
    assert job["result"]["facts"]["Rows"] == 1_000_000
    assert job["result"]["facts"]["Duplicate rows"] == 999_000


GOOD = parquet_bytes(orders(500))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (csv_bytes("a,b", "1,2", '3,"x', "4,y"), "Line 3: a quote opens but is not closed"),
        (csv_bytes("a,b", "1,2") + b"3,\xe9\n", "Line 3 is not UTF-8"),
        (csv_bytes("a,b", "1,2", "3"), "Line 3 has 1 cell but the header has 2"),
        (GOOD[:-100], "The Parquet file is cut off"),
        (GOOD[:-8] + b"\0\0\0\x80PAR1", "footer claims 2,147,483,648 bytes"),
        (DICTIONARY_BOMB, "are too long"),
    ],
)
def test_bad_table_fails_at_once_and_names_the_place(
    browser: Client, content: bytes, sentence: str
) -> None:
    job = analyze(browser, content)

    assert job["status"] == "failed"
    assert sentence in job["error"]["message"]
    assert len(job["attempts"]) == 1


@pytest.mark.parametrize("content", [b"PK\x03\x04" + bytes(60), b"\x1f\x8b\x08" + bytes(60)])
def test_file_that_is_no_table_is_refused_before_there_is_a_job(
    browser: Client, content: bytes
) -> None:
    body = {"kind": "data.analyze", "parameters": {"table": send(browser, content)}}

    answer = browser.post("/api/v1/jobs", json=body)

    assert answer.status_code == 400
    assert answer.json()["field"] == "table"
