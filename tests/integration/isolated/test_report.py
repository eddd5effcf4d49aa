"""`report.build` over many workers: killed on the way, a part run again, all of it cancelled."""

import io
from collections import Counter
from typing import Any

import polars as pl
import pytest
from pypdf import PdfReader

from tests.integration.client import Client
from tests.integration.isolated.system import IsolatedSystem
from tests.tables import orders
from tests.waiting import wait_until

END_SECONDS = 100
ROWS, PARTS = 64_000, 64
MANY_PARTS = 256
"""So many that the last one has not begun when the first ones have ended."""


@pytest.fixture(scope="module")
def system(isolated: IsolatedSystem) -> IsolatedSystem:
    isolated.start_web()
    isolated.start_worker("worker-long")
    return isolated


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    return orders(ROWS)


def start(browser: Client, table: pl.DataFrame, **parameters: Any) -> str:
    file_id = browser.send_file(table.write_csv().encode())
    values = {"table": file_id, "parts": PARTS, "group_by": "city", "value": "price", **parameters}
    return str(browser.submit("report.build", values)["id"])


def parts_of(browser: Client, job_id: str) -> dict[str, dict[str, Any]]:
    jobs = browser.get(f"/api/v1/jobs/{job_id}/tree").json()["jobs"][1:]
    return {job["key"]: job for job in jobs if job["kind"] == "report.part"}


def cancel_last_part(browser: Client, job_id: str) -> str:
    """Cancel the last of many parts before it begins; its id."""

    def find() -> str | None:
        last = parts_of(browser, job_id).get(f"part {MANY_PARTS}")
        return last["id"] if last else None

    part_id = wait_until(find, END_SECONDS)
    answer = browser.post(f"/api/v1/jobs/{part_id}/cancel")
    assert answer.json()["status"] == "cancelled"
    return str(part_id)


def await_finished_parts(browser: Client, job_id: str, least: int) -> None:
    def count() -> int:
        return sum(part["status"] == "succeeded" for part in parts_of(browser, job_id).values())

    wait_until(lambda: count() >= least, END_SECONDS)


def test_report_over_killed_workers_is_one_pdf_with_each_part_once(
    system: IsolatedSystem, browser: Client, table: pl.DataFrame
) -> None:
    job_id = start(browser, table, title="Sixty-four parts")

    for finished in (5, 20, 40):
        await_finished_parts(browser, job_id, finished)
        system.kill_process("worker-long")
        system.start_worker("worker-long")
    job = browser.await_status(job_id, "succeeded", seconds=END_SECONDS)

    parts = parts_of(browser, job_id)
    assert set(parts) == {f"part {number}" for number in range(1, PARTS + 1)}
    assert Counter(part["status"] for part in parts.values()) == {"succeeded": PARTS}
    assert sum(part["result"]["rows"] for part in parts.values()) == ROWS
    assert job["result"]["rows"] == ROWS
    expected = table.group_by("city").agg(pl.len().alias("rows"), pl.col("price").sum())
    told = {row[0]: row[1:3] for row in job["result"]["tables"][0]["rows"]}
    for city, rows, total in expected.rows():
        assert told[city] == [rows, pytest.approx(total, abs=0.01)]
    pdf = PdfReader(io.BytesIO(browser.get(job["result"]["report"]["url"]).content))
    text = " ".join(" ".join(page.extract_text() for page in pdf.pages).split())
    assert "64,000 of 64,000 rows, in 64 of 64 parts" in text
    assert len(pdf.pages) == job["result"]["pages"]


def test_part_that_failed_is_rerun_alone_and_no_other_one_is(
    system: IsolatedSystem, browser: Client, table: pl.DataFrame
) -> None:
    job_id = start(browser, table, parts=MANY_PARTS)
    last = cancel_last_part(browser, job_id)
    failed = browser.await_status(job_id, "failed", seconds=END_SECONDS)
    before = parts_of(browser, job_id)

    alone = browser.post(f"/api/v1/jobs/{last}/rerun").json()["id"]
    browser.await_status(alone, "succeeded", seconds=END_SECONDS)
    again = browser.post(f"/api/v1/jobs/{job_id}/rerun").json()["id"]
    job = browser.await_status(again, "succeeded", seconds=END_SECONDS)

    assert "1 of 256 child jobs did not succeed (part 256: cancelled)" in failed["error"]["message"]
    after = parts_of(browser, again)
    assert {key for key in after if after[key]["id"] != before[key]["id"]} == {"part 256"}
    assert after["part 256"]["id"] == alone
    assert job["result"]["rows"] == ROWS


def test_report_may_leave_a_failed_part_out_and_says_so(
    system: IsolatedSystem, browser: Client, table: pl.DataFrame
) -> None:
    job_id = start(browser, table, parts=MANY_PARTS, on_part_failure="leave_out")
    cancel_last_part(browser, job_id)

    job = browser.await_status(job_id, "succeeded", seconds=END_SECONDS)

    assert "1 parts left out" in job["result"]["summary"]
    assert job["result"]["rows"] < ROWS


def test_cancel_of_a_report_stops_all_of_its_parts(
    system: IsolatedSystem, browser: Client, table: pl.DataFrame
) -> None:
    job_id = start(browser, table, parts=MANY_PARTS)
    await_finished_parts(browser, job_id, 2)

    browser.post(f"/api/v1/jobs/{job_id}/cancel")

    def are_over() -> bool:
        statuses = {part["status"] for part in parts_of(browser, job_id).values()}
        return statuses <= {"succeeded", "cancelled"}

    wait_until(are_over, END_SECONDS)
    statuses = Counter(part["status"] for part in parts_of(browser, job_id).values())
    assert browser.job(job_id)["status"] == "cancelled"
    assert statuses["cancelled"] > 10
