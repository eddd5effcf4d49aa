"""The engine without any extra: what it offers runs, and what it does not is said and not lost."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect, sync_playwright

from project.assembly import Assembly
from project.config import Settings
from project.observability.context import Trace
from project.submission.preparation import Submission
from tests.browser.conftest import cancel_jobs, launch_chromium, listen
from tests.browser.home import Home
from tests.deploy.photograph import portrait
from tests.installed import hide_all_but
from tests.integration.client import Client
from tests.integration.isolated.system import IsolatedSystem
from tests.integration.logbook import action_of
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def system(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[IsolatedSystem]:
    """A system whose processes have the packages of the engine's lock alone."""
    folder = tmp_path_factory.mktemp("engine")
    system = IsolatedSystem(settings, folder, extra_kinds="")
    system.variables = hide_all_but(folder / "python")
    system.start()
    try:
        system.start_web()
        system.start_worker("worker-short")
        system.start_scheduler()
        yield system
    finally:
        system.stop()


def test_tutorials_job_runs(browser: Client) -> None:
    job = browser.submit("create_task", {"type": 0})

    assert browser.await_status(job["id"], "succeeded")["result"] is True


def test_kinds_without_their_extra_are_not_offered(browser: Client) -> None:
    kinds = browser.get("/api/v1/kinds").json()["kinds"]

    assert {kind["name"] for kind in kinds} == {
        *("create_task", "email.send", "jobs.history", "workflow")
    }


def test_submit_names_the_extra_to_install(browser: Client) -> None:
    body = {"kind": "data.analyze", "parameters": {"table": f"{'0' * 32}.csv"}}
    answer = browser.post("/api/v1/jobs", json=body)

    assert answer.status_code == 404
    assert answer.json()["detail"] == (
        "Kind data.analyze is not offered here: the extra tables is not installed. Run "
        "`pip install --require-hashes -r deploy/requirements/tables.txt`, or build the image with "
        "tables among JOBS_EXTRAS."
    )


def test_page_has_no_sign_up_and_starts_sleeps(system: IsolatedSystem) -> None:
    complaints: list[str] = []
    with sync_playwright() as playwright:
        chromium = launch_chromium(playwright)
        page = chromium.new_page(base_url=f"http://127.0.0.1:{system.web_port}")
        listen(page, complaints)
        home = Home(page).open()

        expect(home.submit).to_have_count(0)
        expect(page.get_by_role("heading", name="Sign-ups")).to_be_hidden()
        page.get_by_role("button", name="Short").click()
        expect(home.rows).to_have_count(1)

        cancel_jobs(page.context)
        chromium.close()
    assert complaints == []


@pytest.mark.parametrize("role", ["worker-short", "scheduler"])
def test_one_line_says_which_kinds_are_not_offered(system: IsolatedSystem, role: str) -> None:
    lines = [line for line in system.log.about("kinds_not_offered") if role in str(line)]

    (line,) = lines
    reason = line["event"]["reason"]
    assert "web.crawl: the extra crawl is not installed" in reason
    assert "create_task" not in reason


def test_example_that_cannot_run_is_left_out_once(system: IsolatedSystem, browser: Client) -> None:
    wait_until(lambda: system.log.about("schedule_made"), 15, "the examples to be made")
    schedules = browser.get("/api/v1/schedules").json()["schedules"]

    assert [one["id"] for one in schedules] == ["clean-up"]
    (line,) = [
        line for line in system.log.about("weekly-report") if action_of(line) != "schedule_made"
    ]
    assert "the extra reports is not installed" in line["event"]["reason"]


def test_job_of_a_kind_that_is_not_offered_is_kept_and_runs_once_it_is(
    system: IsolatedSystem, browser: Client
) -> None:
    """A web server that has the extra hands a job to a worker that has not."""
    picture = browser.send_file(portrait(300, 400))
    services = Assembly(system.direct)
    submission = Submission(kind="image.thumbnail", parameters={"picture": picture})
    job = services.submitter.submit(submission, Trace.start())

    assert browser.await_end(job.id)["status"] == "dead"
    letter = browser.get(f"/api/v1/dead-letters/{job.id}").json()
    assert letter["reason"] == "unknown_kind"
    assert "the extra images is not installed" in letter["detail"]

    system.variables = {}
    for role in ("web", "worker-short"):
        system.stop_process(role)
    system.start_web()
    system.start_worker("worker-short")
    again = browser.post(f"/api/v1/dead-letters/{job.id}/rerun").json()
    assert browser.await_status(again["id"], "succeeded")
