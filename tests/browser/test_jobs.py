"""Jobs on the page: one row each, which changes as the job does."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewVisitor
from tests.browser.home import Home, a_damaged_photograph
from tests.waiting import wait_until


def test_short_job_runs_to_its_end_in_one_row_that_is_updated_in_place(home: Home) -> None:
    """The row that appears when the button is pressed is the row that says how it ended."""
    row = home.row(home.start("Short"))
    expect(row).to_be_visible()
    home.mark(row)

    bar = row.get_by_role("progressbar", name="Progress of Sleep")
    expect(bar).to_have_attribute("max", "10")
    expect(bar).to_have_attribute("value", "3")
    expect(row).to_contain_text("Sleeping · 30 %")
    expect(row.get_by_role("cell").nth(2)).to_have_text(re.compile(r"^[34] s"))

    expect(row).to_contain_text("Succeeded")
    expect(row).to_contain_text("Result true")
    expect(row.get_by_role("cell").nth(2)).to_have_text(re.compile(r"^1\d(\.\d)? s"))
    expect(row.get_by_role("cell").nth(3)).to_have_text("short")
    expect(row.get_by_role("cell").nth(4)).to_contain_text("short@")
    expect(bar).to_have_count(0)
    expect(home.rows).to_have_count(1)
    assert home.is_marked(row)


@pytest.mark.parametrize(("length", "queue"), [("Short", "short"), ("Medium", "long")])
def test_a_button_starts_a_job_on_the_queue_that_it_names(
    home: Home, length: str, queue: str
) -> None:
    """What the button says is what happens."""
    button = home.page.get_by_role("button", name=re.compile(f"^{length}"))
    expect(button).to_contain_text(f"{queue} queue")

    row = home.row(home.start(length))

    expect(row.get_by_role("cell").nth(3)).to_have_text(queue)


def test_nothing_links_to_a_trace_where_nothing_shows_one(home: Home) -> None:
    """`JOBS_TRACE_LINK` is not set here."""
    (job_id,) = home.start_quick(1)

    expect(home.row(job_id).get_by_role("link", name=job_id[:8])).to_be_visible()
    expect(home.row(job_id).get_by_role("link", name="Trace")).to_have_count(0)


def test_reload_keeps_the_jobs_of_this_browser_newest_first(home: Home) -> None:
    """Jobs belong to the browser, not to the open page."""
    first, second = home.start_quick(2)
    for job_id in (first, second):
        expect(home.row(job_id)).to_contain_text("Succeeded")

    home.reload()

    expect(home.rows).to_have_count(2)
    expect(home.rows.nth(0)).to_have_attribute("id", f"job-{second}")
    expect(home.rows.nth(1)).to_have_attribute("id", f"job-{first}")
    expect(home.rows.nth(0)).to_contain_text("Succeeded")


def test_another_browser_does_not_see_them(home: Home, new_visitor: NewVisitor) -> None:
    """Each browser has its own jobs, and a sentence on what to do while it has none."""
    (job_id,) = home.start_quick()
    expect(home.row(job_id)).to_be_visible()

    stranger = new_visitor().open()

    expect(stranger.page.locator("#jobs-empty")).to_contain_text("Start a Short one")
    expect(stranger.rows).to_have_count(0)


def test_a_job_started_by_a_program_appears_without_reload(home: Home) -> None:
    """The page hears of every job of its browser, wherever it was started."""
    (job_id,) = home.start_quick()

    expect(home.row(job_id)).to_contain_text("Succeeded")


def test_late_news_never_replaces_newer(home: Home) -> None:
    """Pushed and polled news may cross; the version says which is newer."""
    kept = home.page.evaluate(
        """async () => {
          const { createStore } = await import("/static/js/store.js");
          const store = createStore(() => {});
          const job = { id: "1", submitted_at: "2026-01-01T00:00:00.000000Z" };
          store.putJob({ ...job, status: "succeeded", version: 4 });
          const took = store.putJob({ ...job, status: "running", version: 3 });
          const signup = { id: "2", created_at: job.submitted_at };
          store.putSignup({ ...signup, confirmed_at: "2026-01-01T00:01:00.000000Z" });
          store.putSignup({ ...signup, confirmed_at: null });
          return [took, store.getJob("1").status, store.listSignups()[0].confirmed_at !== null];
        }"""
    )

    assert kept == [False, "succeeded", True]


def test_elapsed_time_does_not_trust_this_machines_clock(new_visitor: NewVisitor) -> None:
    """A clock that is a year ahead changes nothing: time is counted from the server's."""
    visitor = new_visitor()
    visitor.page.clock.set_fixed_time("2040-01-01T00:00:00Z")
    visitor.open()

    times = visitor.row(visitor.start("Medium")).get_by_role("cell").nth(2)

    # Running or, in a busy queue, still waiting: seconds, and they tick.
    expect(times).to_have_text(re.compile(r"^[2-9] s"))
    expect(times).to_have_text(re.compile(r"^([4-9]|1\d) s"))


def test_at_most_50_rows_are_shown_and_the_page_says_so(home: Home) -> None:
    """The list stays readable, and honest about what it leaves out."""
    ids = home.start_quick(52)

    expect(home.row(ids[-1])).to_contain_text("Succeeded")
    expect(home.rows).to_have_count(50)
    expect(home.rows.nth(0)).to_have_attribute("id", f"job-{ids[-1]}")
    expect(home.page.get_by_text("Showing the 50 most recent jobs.")).to_be_visible()

    home.page.get_by_role("button", name="Show older jobs").click()

    expect(home.rows).to_have_count(52)
    expect(home.page.get_by_role("button", name="Show older jobs")).to_be_hidden()


def test_a_failed_job_says_why(home: Home) -> None:
    """The reason stands in the row, in words."""
    home.sign_up("ada@example.org", a_damaged_photograph())

    row = home.row_of("Sign-up")

    expect(row).to_contain_text("Failed")
    expect(row).to_contain_text("The picture is damaged: it could not be read to its end")
    expect(row).not_to_contain_text("Attempt")


def test_screen_readers_hear_outcomes_and_nothing_else(home: Home) -> None:
    """One polite sentence for each job that ends; none for progress, none after a reload."""
    expect(home.announcements).to_have_attribute("aria-live", "polite")
    (job_id,) = home.start_quick()

    expect(home.announcements).to_have_text("Sleep succeeded.")
    home.reload()
    expect(home.row(job_id)).to_be_visible()

    assert home.announcements.inner_text() == ""


def test_a_refused_start_says_why_beside_the_buttons(home: Home) -> None:
    """Nothing was accepted, and the sentence says when to try again; the next try may succeed."""
    detail = "RabbitMQ does not answer, so nothing was accepted."
    home.refuse("**/tasks", 503, {"status": 503, "detail": detail}, **{"Retry-After": "2"})

    home.page.get_by_role("button", name=re.compile("^Short")).click()

    alert = home.page.get_by_role("group", name="Sleep").locator("+ [role=alert]")
    expect(alert).to_have_text(f"{detail} Try again in 2 seconds.")
    assert home.has_enqueued_nothing()
    home.page.unroute("**/tasks")
    home.start("Medium")
    expect(home.page.locator("#choices-message")).to_have_text("Accepted: the job is in the list.")


def test_every_press_of_a_button_is_one_job(home: Home) -> None:
    """Three quick presses are three jobs, not one and not six."""
    button = home.page.get_by_role("button", name=re.compile("^Medium"))
    for _ in range(3):
        button.click()

    assert wait_until(lambda: len(home.jobs()) == 3, 10, "three jobs")
    expect(home.rows).to_have_count(3)


def test_running_job_is_cancelled_from_its_row(home: Home) -> None:
    """The row says that it stops, then that it has, and offers no second cancel."""
    row = home.row(home.start("Short"))
    expect(row).to_contain_text("Running")

    row.get_by_role("button", name=re.compile("^Cancel Sleep")).click()

    expect(row).to_contain_text("Cancelled")
    expect(row).to_contain_text("Stopped before it finished")
    expect(row.get_by_role("button")).to_have_count(0)


def test_finished_job_offers_no_cancel(home: Home) -> None:
    """There is nothing left to cancel."""
    row = home.row(home.start_quick()[0])

    expect(row).to_contain_text("Succeeded")
    expect(row.get_by_role("button")).to_have_count(0)
