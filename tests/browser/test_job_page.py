"""The page of one job: its state, what came of it, its parts, attempts and log."""

import json
import re
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from project.ledger.job import Job, JobError
from tests.browser.conftest import NewVisitor, Stack
from tests.browser.home import Home
from tests.browser.results import a_rich_result
from tests.browser.test_design import DESKTOP, PHONE, faults, scrolls_sideways
from tests.browser.test_hostile_text import MARKUP
from tests.browser.worker import Worker

TIME = "2026-05-04T12:00:00.000000Z"


@pytest.fixture(scope="session")
def worker() -> Worker:
    """Writes jobs into the stack's ledger."""
    return Worker()


@pytest.fixture
def visitor(new_visitor: NewVisitor) -> Home:
    """Somebody who has no page open yet."""
    return new_visitor()


def open_job(visitor: Home, job_id: str) -> Page:
    """The page of that job, once it knows its state."""
    visitor.visit(f"/jobs/{job_id}")
    expect(visitor.page.locator("#state")).to_be_visible()
    return visitor.page


def test_running_job_is_followed_to_its_end(visitor: Home, worker: Worker) -> None:
    """On one page that is never loaded again."""
    job = worker.run()
    page = open_job(visitor, job.id)
    visitor.expect_connection("live")
    visitor.mark(page.locator("body"))

    worker.report(job, 1, 4, "Reading")
    expect(page.locator("#state")).to_contain_text("Reading · 25 %")
    expect(page.locator("#state")).to_contain_text("Running")
    expect(page.get_by_role("button", name="Rerun Sleep")).to_be_hidden()
    worker.end(job, {"summary": "All read."})

    expect(page.locator("#state")).to_contain_text("Succeeded")
    expect(page.locator("#result")).to_contain_text("All read.")
    expect(page.locator("#announcements")).to_contain_text("Sleep succeeded.")
    expect(page).to_have_title("Sleep: succeeded – Jobs")
    expect(visitor.connection).to_be_hidden()
    assert visitor.is_marked(page.locator("body"))


def test_job_is_followed_where_nothing_can_be_pushed(visitor: Home, worker: Worker) -> None:
    visitor.page.route("**/events", lambda route: route.abort())
    job = worker.run()
    page = open_job(visitor, job.id)
    visitor.expect_connection("polling")

    worker.end(job, None)

    expect(page.locator("#state")).to_contain_text("Succeeded")


def test_result_is_shown_as_what_it_is(visitor: Home, worker: Worker) -> None:
    """Facts, pictures, a report, a table, a file, each by its role."""
    page = open_job(visitor, worker.succeed(a_rich_result(worker)).id)
    result = page.locator("#result")

    expect(result.locator(".result__summary")).to_have_text(
        "1,204 rows in two regions; North sold most."
    )
    expect(result.locator(".facts")).to_contain_text("Rows1,204")
    expect(result.locator(".facts")).to_contain_text("SortedYes")
    picture = result.get_by_role("img", name="Grace Hopper")
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    report = page.frame_locator('iframe[title="Sales.html"]')
    expect(report.get_by_role("heading", name="Sales in spring")).to_be_visible()
    expect(result.get_by_role("table").get_by_role("row")).to_have_count(3)
    expect(result.get_by_role("cell", name="Two days are missing")).to_be_visible()
    expect(result.get_by_role("link", name="Download regions.csv")).to_contain_text("25 B")


def test_picture_opens_in_full_size(visitor: Home, worker: Worker) -> None:
    page = open_job(visitor, worker.succeed(a_rich_result(worker)).id)

    with page.context.expect_page() as opened:
        page.locator(".gallery a").first.click()

    expect(opened.value.locator("img")).to_be_visible()
    assert re.search(r"/api/v1/files/\w+\.jpg$", opened.value.url)


@pytest.mark.parametrize(
    ("link", "name"),
    [("Download Sales.html", "Sales.html"), ("Download regions.csv", "regions.csv")],
)
def test_file_is_saved_under_its_name(visitor: Home, worker: Worker, link: str, name: str) -> None:
    page = open_job(visitor, worker.succeed(a_rich_result(worker)).id)

    with page.expect_download() as download:
        page.get_by_role("link", name=link).click()

    assert download.value.suggested_filename == name


def test_scripts_of_a_report_never_run(chromium: Browser, stack: Stack, worker: Worker) -> None:
    """Neither the frame nor the file's own policy lets them, which the browser's console tells."""
    script = b"<!doctype html><title>x</title><p>Words<script>document.body.append('ran')</script>"
    report = {**worker.keep(script, ".html"), "name": "x.html"}
    job = worker.succeed({"summary": "x", "report": report})
    context = chromium.new_context(base_url=stack.public_url)
    page = context.new_page()

    with page.expect_console_message(lambda said: "Blocked script execution" in said.text):
        page.goto(f"/jobs/{job.id}")

    expect(page.frame_locator("iframe").locator("body")).to_have_text("Words")
    page.goto(f"/api/v1/files/{report['file']}")
    expect(page.locator("body")).to_have_text("Words")
    context.close()


def test_pdf_report_is_shown_or_at_least_linked(visitor: Home, worker: Worker) -> None:
    page = open_job(visitor, worker.succeed(a_rich_result(worker, ".pdf")).id)

    expect(page.get_by_role("link", name="Open in a new tab")).to_be_visible()
    shows_pdf = page.evaluate("() => navigator.pdfViewerEnabled")
    frame = page.locator('iframe[title="Sales.pdf"]')
    expect(frame).to_have_count(1 if shows_pdf else 0)
    assert not shows_pdf or frame.get_attribute("sandbox") is None


def test_any_other_result_is_shown_as_json(visitor: Home, worker: Worker) -> None:
    page = open_job(visitor, worker.succeed({"rows": [1, 2], "name": "x"}).id)

    text = page.get_by_role("group", name="Result as JSON").inner_text()

    assert json.loads(text) == {"rows": [1, 2], "name": "x"}


def test_malformed_parts_of_a_result_break_nothing(visitor: Home, worker: Worker) -> None:
    """Links lead to our files only, and what is no table is not shown as one."""
    result = {
        "summary": "Still here.",
        "facts": [1],
        "pictures": [None, 1, {"file": "x", "url": "javascript:alert(1)"}],
        "report": {"url": "https://example.org/x.html", "name": "x"},
        "tables": [
            "x",
            {"columns": 1, "rows": []},
            {"title": None, "columns": ["a", "b"], "rows": [[1], 2]},
        ],
        "files": {"a": 1},
    }
    page = open_job(visitor, worker.succeed(result).id)

    expect(page.locator("#result")).to_contain_text("Still here.")
    expect(page.locator("#result a, #result iframe, #result img")).to_have_count(0)
    expect(page.locator("#result").get_by_role("row")).to_have_count(2)


def test_every_word_of_a_result_is_only_text(visitor: Home, worker: Worker) -> None:
    file = worker.keep(b"x", ".txt")
    result = {
        "summary": MARKUP,
        "facts": {MARKUP: MARKUP},
        "tables": [{"title": MARKUP, "columns": [MARKUP], "rows": [[MARKUP]]}],
        "files": [{**file, "name": MARKUP}],
        MARKUP: MARKUP,
    }
    page = open_job(visitor, worker.succeed(result).id)

    expect(page.locator(".result__summary")).to_have_text(MARKUP)
    expect(page.locator("main b, main [onerror]")).to_have_count(0)
    assert not page.evaluate("() => 'hacked' in window")


def test_failed_job_says_why_and_can_be_run_again(home: Home, worker: Worker) -> None:
    """As a new job, whose page follows and leads back."""
    error = JobError("ValueError", "The table has no column 'price'.")
    job = worker.fail(error)
    page = open_job(home, job.id)
    expect(page.locator("#state")).to_contain_text("The table has no column 'price'.")
    expect(page.get_by_role("region", name="Attempts")).to_contain_text("ValueError")

    page.get_by_role("button", name="Rerun Sleep").click()

    expect(page.locator("#state")).to_contain_text("Succeeded")
    assert page.url.rpartition("/")[2] != job.id
    page.get_by_role("link", name=job.id[:8]).click()
    expect(page).to_have_url(re.compile(job.id))


def test_job_of_a_kind_that_is_not_offered_has_no_button_to_run_it_again(
    home: Home, worker: Worker
) -> None:
    job = worker.fail(JobError("OSError", "The disk is away."), kind="files.sweep")
    page = open_job(home, job.id)

    expect(page.locator("#state")).to_contain_text("The disk is away.")
    expect(page.get_by_role("button", name="Rerun")).to_be_hidden()


def test_report_whose_part_failed_says_what_running_it_again_does(home: Home) -> None:
    """And does it: what was wrong with the table is told at once, once more."""
    table = home.page.request.post("/api/v1/files", data=b"city,price\nBerlin,1\nBonn,2\n")
    parameters = {"table": table.json()["file"], "value": "prize", "parts": 2}
    job = home.page.request.post(
        "/api/v1/jobs", data={"kind": "report.build", "parameters": parameters}
    ).json()
    page = open_job(home, job["id"])
    expect(page.locator("#state")).to_contain_text(
        "The table has no column 'prize'", timeout=60_000
    )
    expect(page.locator("#state")).to_contain_text("run only these")
    expect(page.locator("#parts-hint")).to_contain_text(
        "only the child jobs that have not succeeded"
    )
    expect(page.get_by_role("region", name="Attempts")).not_to_contain_text("prize")

    page.get_by_role("button", name=f"Rerun Report, job {job['id'][:8]}").first.click()

    expect(page).not_to_have_url(re.compile(job["id"]))
    expect(page.locator("#state")).to_contain_text(
        "The table has no column 'prize'", timeout=60_000
    )


def test_running_job_is_cancelled_from_its_page(home: Home) -> None:
    page = open_job(home, home.start("Short"))
    expect(page.locator("#state")).to_contain_text("Running")

    page.get_by_role("button", name="Cancel Sleep").click()

    expect(page.locator("#state")).to_contain_text("Cancelled")
    expect(page.get_by_role("button", name="Cancel Sleep")).to_be_hidden()
    expect(page.get_by_role("button", name="Rerun Sleep")).to_be_visible()


def test_row_leads_to_the_jobs_page_and_that_to_its_json(home: Home) -> None:
    (job_id,) = home.start_quick()
    home.row(job_id).get_by_role("link", name="Sleep, job").click()
    expect(home.page.get_by_role("heading", level=1)).to_have_text("Sleep")

    home.page.get_by_role("link", name="JSON", exact=True).click()

    expect(home.page.locator("body")).to_contain_text(job_id)
    assert home.page.url.endswith(f"/api/v1/jobs/{job_id}")


def test_log_is_open_on_the_jobs_page(home: Home) -> None:
    row = home.row(home.run_thumbnail())
    expect(row).to_contain_text("Succeeded")

    row.get_by_role("link", name="Thumbnail, job").click()

    expect(home.page.get_by_role("log", name="Log of Thumbnail")).to_contain_text("picture_read")
    expect(home.page.locator(".gallery img").first).to_be_visible()


def test_unknown_job_has_no_page(visitor: Home) -> None:
    answer = visitor.page.request.get("/jobs/nothing", headers={"Accept": "text/html"})
    visitor.visit("/jobs/nothing")

    assert answer.status == 404
    expect(visitor.page.get_by_role("heading", name="Not Found")).to_be_visible()


def test_job_that_is_forgotten_while_it_is_looked_at_says_so(visitor: Home, worker: Worker) -> None:
    visitor.page.route("**/events", lambda route: route.abort())
    job = worker.run()
    page = open_job(visitor, job.id)

    visitor.refuse(f"**/api/v1/jobs/{job.id}", 410, {"detail": "Its record has expired."})

    expect(page.locator("#gone")).to_have_text("Its record has expired.")
    expect(page.locator("#buttons button").first).to_be_hidden()


# ── Parts ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Family:
    """A job of the real ledger that waits for its parts, and these."""

    worker: Worker
    root: Job
    running: Job
    failed: Job

    def add_part(self, parent: Job, **changes: Any) -> Job:
        """One more part, which runs."""
        return add_part(self.worker, self.root, parent, **changes)


def add_part(worker: Worker, root: Job, parent: Job, **changes: Any) -> Job:
    return worker.run(parent_id=parent.id, root_id=root.id, **changes)


@pytest.fixture
def family(worker: Worker) -> Family:
    """A job of a hostile kind with three parts: one succeeded, one failed, one of that one runs."""
    root = worker.run(kind=MARKUP)
    good = add_part(worker, root, root, key="part 1")
    worker.end(good, None)
    parent = add_part(worker, root, root, key=MARKUP)
    running = add_part(worker, root, parent, key="part 3")
    worker.report(running, 1, 2, "Reading")
    failed = worker.end_badly(parent, JobError("ValueError", "No such column."))
    worker.wait(root, running)
    return Family(worker, root, running, failed)


def test_parts_are_a_tree_with_what_became_of_each(visitor: Home, family: Family) -> None:
    page = open_job(visitor, family.root.id)
    parts = page.get_by_role("region", name="Child jobs")
    node = parts.locator("li li li")

    expect(parts).to_contain_text("2 of 3 finished · 1 failed · 1 running")
    expect(parts.get_by_role("progressbar")).to_have_attribute("value", "2")
    expect(node).to_contain_text("Running")
    expect(node).to_contain_text("50 %")
    expect(parts.locator("[aria-current]")).to_contain_text(MARKUP)
    expect(parts.get_by_text(MARKUP)).to_have_count(2)
    expect(node.get_by_role("link")).to_have_attribute("href", f"/jobs/{family.running.id}")
    expect(node.get_by_role("button", name="Cancel Sleep")).to_be_visible()
    again = parts.get_by_role("button", name=f"Rerun Sleep, job {family.failed.id[:8]}")
    expect(again).to_be_visible()
    expect(parts.get_by_role("button", name="Rerun").filter(visible=True)).to_have_count(1)
    assert not page.evaluate("() => 'hacked' in window")


def test_waiting_job_says_what_it_waits_for(visitor: Home, family: Family) -> None:
    page = open_job(visitor, family.root.id)

    expect(page.locator("#state")).to_contain_text("Waiting")
    expect(page.locator("#state")).to_contain_text("Adding up · 50 %")
    expect(page.locator("#attempts")).to_contain_text("Waited for its child jobs")


def test_tree_follows_its_parts_and_grows(visitor: Home, family: Family) -> None:
    page = open_job(visitor, family.root.id)
    node = page.locator("#parts li li li")
    visitor.mark(node)

    family.add_part(family.failed, key="part 4")
    family.worker.end(family.running, None)

    expect(node.first).to_contain_text("Succeeded")
    expect(node).to_have_count(2)
    assert visitor.is_marked(node.first)


def test_part_leads_to_what_it_is_a_part_of(visitor: Home, family: Family) -> None:
    page = open_job(visitor, family.running.id)

    page.get_by_role("link", name=family.root.id[:8]).click()

    expect(page.get_by_role("heading", level=1)).to_have_text(MARKUP)


def test_job_without_parts_shows_no_tree(visitor: Home, worker: Worker) -> None:
    page = open_job(visitor, worker.succeed(None).id)

    expect(page.locator("#parts-section")).to_be_hidden()


# ── In the list ───────────────────────────────────────────────────────────────────────────────────


def find_owner(visitor: Home) -> str:
    """The id of the visitor's browser."""
    return {one["name"]: one["value"] for one in visitor.page.context.cookies()}["browser"]


def test_list_shows_the_summary_and_small_pictures(home: Home, worker: Worker) -> None:
    owner = find_owner(home)
    job = worker.succeed(a_rich_result(worker), owner=owner)
    row = home.row(job.id)

    expect(row.get_by_role("link", name="1,204 rows")).to_have_attribute("href", f"/jobs/{job.id}")
    expect(row.locator(".outcome__pictures img")).to_have_count(2)


def test_list_shows_only_what_no_other_job_has_handed_in(home: Home, worker: Worker) -> None:
    owner = find_owner(home)
    parent = worker.succeed(None, owner=owner)
    child = worker.succeed(None, owner=owner, parent_id=parent.id, root_id=parent.id)
    last = worker.succeed(None, owner=owner)

    expect(home.row(last.id)).to_be_visible()

    expect(home.row(parent.id)).to_be_visible()
    expect(home.row(child.id)).to_have_count(0)


def test_scheduled_job_says_when_it_runs_and_then_that_it_waits(home: Home) -> None:
    texts = home.page.evaluate(
        """async () => {
          const { createRow } = await import("/static/js/row.js");
          const at = (seconds) => new Date(Date.now() + seconds * 1000).toISOString();
          return [3600, -90].map((seconds) => {
            const job = { id: "1", title: "Report", queue: "long", kind: "x", version: 1,
              submitted_at: at(-7200), run_at: at(seconds), status: "scheduled", attempt: 0,
              attempts: [] };
            const row = createRow(job);
            row.update({ ...job, run_at: at(3600) });
            job.run_at = at(seconds);
            row.update(job);
            row.tick();
            return row.element.textContent;
          });
        }"""
    )

    assert "Scheduled for" in texts[0]
    assert "waiting" not in texts[0]
    assert "Due, waits for a worker of the long queue" in texts[1]
    assert "1 min" in texts[1]


def test_waiting_job_shows_how_many_of_its_parts_have_ended(home: Home) -> None:
    text = home.page.evaluate(
        """async (time) => {
          const { createRow } = await import("/static/js/row.js");
          const attempts = [1, 2].map((number) => (
            { number, outcome: number === 1 ? "suspended" : "running", started_at: time }));
          const job = { id: "1", title: "Report", queue: "long", kind: "x", version: 1, attempt: 2,
            submitted_at: time, started_at: time, status: "waiting", attempts,
            progress: { done: 3, total: 4, step: "" } };
          const row = createRow(job);
          row.update(job);
          return row.element.textContent;
        }""",
        TIME,
    )

    assert "Waiting" in text
    assert "Attempt" not in text
    assert "Waits for its child jobs · 75 %" in text


# ── For everyone ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["1440 pixels", "390 pixels"])
def test_page_of_a_job_has_no_accessibility_faults_and_fits(
    new_visitor: NewVisitor, worker: Worker, size: dict[str, Any], scheme: str
) -> None:
    visitor = new_visitor(color_scheme=scheme, **size)
    page = open_job(visitor, worker.succeed(a_rich_result(worker)).id)
    page.get_by_text("As JSON").click()

    assert faults(page) == []
    assert not scrolls_sideways(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_of_a_job_with_parts_has_no_accessibility_faults_and_fits(
    new_visitor: NewVisitor, family: Family, scheme: str
) -> None:
    page = open_job(new_visitor(color_scheme=scheme, **PHONE), family.root.id)
    expect(page.get_by_role("region", name="Child jobs")).to_be_visible()

    assert faults(page) == []
    assert not scrolls_sideways(page)
