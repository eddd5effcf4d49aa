"""A job's own log on the page: closed at first, then live, and never more than text."""

import os
from typing import Any

import pytest
from playwright.sync_api import Locator, expect
from redis import Redis

from project.ledger.job import JobError
from project.ledger.job_log import JobLog
from project.ledger.log_line import LogLine, encode_line
from tests.browser.conftest import NewVisitor
from tests.browser.home import Home
from tests.browser.test_design import DESKTOP, PHONE, faults, scrolls_sideways
from tests.browser.test_hostile_text import MARKUP

KEPT_LINES = 1000

REMEMBERED_STREAMS = """
window.streams = [];
window.EventSource = class extends EventSource {
  constructor(url) { super(url); window.streams.push(this); }
};
"""
LOG_STREAMS = """() => streams
  .filter(({ url }) => url.includes("/log/"))
  .map(({ url, readyState }) => [url.split("/jobs/")[1], readyState === 2 ? "closed" : "open"])"""


@pytest.fixture(scope="session")
def job_log() -> JobLog:
    """The logs of the stack's jobs, to write into as a worker does."""
    return JobLog(Redis.from_url(os.environ["JOBS_REDIS_URL"], decode_responses=True))


def write(job_log: JobLog, job_id: str, number: int, message: str, **changes: Any) -> None:
    """Add a line to the log of a job in its first attempt."""
    values: dict[str, Any] = {
        "attempt": 1,
        "number": number,
        "time": "2026-05-04T12:00:00.123456Z",
        "level": "info",
        "message": message,
    }
    line = LogLine(**values | changes)
    job_log.append(job_id, [(line.place, encode_line(line))], KEPT_LINES)


def button_of(row: Locator) -> Locator:
    return row.get_by_role("button", name="Log of")


def test_log_of_an_ended_job_opens_and_closes(home: Home) -> None:
    row = home.row(home.run_thumbnail())
    expect(row).to_contain_text("Succeeded")
    lines = row.get_by_role("log", name="Log of Thumbnail")
    expect(lines).to_have_count(0)

    button_of(row).click()

    expect(button_of(row)).to_have_attribute("aria-expanded", "true")
    expect(lines.locator(".log__line")).to_have_count(4)
    expect(lines).to_contain_text("picture_read width=")
    expect(lines.locator(".log__level").first).to_have_text("info")

    button_of(row).click()

    expect(lines).to_have_count(0)
    expect(button_of(row)).to_have_attribute("aria-expanded", "false")


def test_job_that_logged_nothing_offers_no_log(home: Home) -> None:
    row = home.row(home.start_quick()[0])

    expect(row).to_contain_text("Succeeded")
    expect(button_of(row)).to_have_count(0)


def test_lines_of_a_running_job_come_live_and_once(home: Home, job_log: JobLog) -> None:
    job_id = home.start("Short")
    row = home.row(job_id)
    button_of(row).click()
    expect(row).to_contain_text("Nothing logged so far.")

    for number in range(1, 4):
        write(job_log, job_id, number, f"line {number}")
        expect(row.locator(".log__message").last).to_have_text(f"line {number}")

    expect(row).not_to_contain_text("Nothing logged")
    expect(row).to_contain_text("Succeeded")
    button_of(row).click()
    button_of(row).click()
    expect(row.locator(".log__message")).to_have_text(["line 1", "line 2", "line 3"])


def test_stream_is_open_only_while_the_log_is(new_visitor: NewVisitor, job_log: JobLog) -> None:
    """And one log at a time: browsers allow a site six connections over HTTP/1.1."""
    visitor = new_visitor()
    visitor.page.context.add_init_script(REMEMBERED_STREAMS)
    visitor.open()
    first, second = visitor.start("Short"), visitor.start("Short")
    write(job_log, first, 1, "line 1")
    button = button_of(visitor.row(first))

    button.click()
    expect(visitor.row(first).locator(".log__line")).to_have_count(1)
    button.click()
    button.click()
    button_of(visitor.row(second)).click()

    expect(button).to_have_attribute("aria-expanded", "false")
    assert visitor.page.evaluate(LOG_STREAMS) == [
        [f"{first}/log/events?newest=200", "closed"],
        [f"{first}/log/events?after=1-1", "closed"],
        [f"{second}/log/events?newest=200", "open"],
    ]


def test_log_is_only_text(home: Home, job_log: JobLog) -> None:
    job_id = home.start("Short")
    row = home.row(job_id)
    error = JobError(MARKUP, MARKUP, "")
    button_of(row).click()

    write(job_log, job_id, 1, MARKUP, level=MARKUP, fields={MARKUP: MARKUP}, error=error)

    expect(row.locator(".log__message")).to_have_text(MARKUP)
    expect(row.locator(".log__lines b, .log__lines img")).to_have_count(0)
    assert not home.page.evaluate("() => 'hacked' in window")


def test_what_is_missing_and_where_an_attempt_begins_is_told(home: Home, job_log: JobLog) -> None:
    job_id = home.start("Short")
    row = home.row(job_id)
    button_of(row).click()

    write(job_log, job_id, 13, "after the gap")
    write(job_log, job_id, 1, "again", attempt=2)

    expect(row.locator(".log__lines > *")).to_contain_text(
        ["… 12 lines are missing here", "after the gap", "Attempt 2", "again"]
    )


def test_link_leads_to_the_log_as_text(home: Home) -> None:
    row = home.row(home.run_thumbnail())
    button_of(row).click()
    expect(row.locator(".log__lines")).to_contain_text("picture_read")

    row.get_by_role("link", name="As text").click()

    expect(home.page.locator("body")).to_contain_text("info    picture_read width=")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["1440 pixels", "390 pixels"])
def test_open_log_has_no_accessibility_faults_and_fits(
    new_visitor: NewVisitor, job_log: JobLog, size: dict[str, Any], scheme: str
) -> None:
    visitor = new_visitor(color_scheme=scheme, **size).open()
    job_id = visitor.start("Short")
    button_of(visitor.row(job_id)).click()
    fill(job_log, job_id)
    expect(visitor.row(job_id).locator(".log__line")).to_have_count(33)

    assert faults(visitor.page) == []
    assert not scrolls_sideways(visitor.page)
    button = button_of(visitor.row(job_id)).bounding_box()
    assert button
    assert button["height"] >= (44 if size is PHONE else 0)


def fill(job_log: JobLog, job_id: str) -> None:
    """Lines of all levels, long and short, and an error."""
    for number in range(1, 31):
        fields = {"page": number, "file": f"report/{number}.pdf"}
        write(job_log, job_id, number, "page_written", fields=fields)
    write(job_log, job_id, 31, "wörd" * 200, level="debug", logger="shop")
    write(job_log, job_id, 32, "A font is missing: another one was taken.", level="warning")
    error = JobError("KeyError", "'x'", "Traceback (most recent call last):\n  …\nKeyError: 'x'\n")
    write(job_log, job_id, 33, "page_failed", level="error", error=error)
