"""The page of schedules: what runs by itself, paused, resumed, run now, made, and deleted."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import NewVisitor
from tests.browser.home import Home
from tests.browser.test_design import DESKTOP, PHONE, faults, scrolls_sideways
from tests.browser.test_hostile_text import MARKUP

PATH = "/api/v1/schedules"
NEVER = "0 0 29 2 *"
"""A leap day: it comes in no test."""

MakeSchedule = Callable[..., str]


@pytest.fixture
def visitor(new_visitor: NewVisitor) -> Home:
    """Somebody who has no page open yet."""
    return new_visitor()


@pytest.fixture
def make(visitor: Home) -> Iterator[MakeSchedule]:
    """Makes schedules as a program would, and deletes them at the end; answers the title."""
    made: list[str] = []

    def make(title: str = "Report", **form: Any) -> str:
        whole = f"{title} {uuid4().hex[:8]}"
        values = {"kind": "create_task", "parameters": {"type": 0}, "title": whole, **form}
        answer = visitor.page.request.post(PATH, data=values)
        assert answer.status == 201, answer.text()
        made.append(answer.json()["id"])
        return whole

    yield make
    for name in made:
        visitor.page.request.delete(f"{PATH}/{name}")


def open_page(visitor: Home) -> Page:
    visitor.visit("/schedules")
    expect(visitor.page.locator("#new")).to_be_visible()
    return visitor.page


def schedule(page: Page, title: str) -> Locator:
    name = page.get_by_role("heading", name=title, exact=True)
    return page.locator(".schedule").filter(has=name)


def find(page: Page, title: str) -> dict[str, Any] | None:
    """The schedule as the server knows it."""
    found = page.request.get(PATH).json()["schedules"]
    return next((one for one in found if one["title"] == title), None)


def fill_in(page: Page, title: str) -> None:
    page.get_by_label("What to run").select_option("create_task")
    page.get_by_label("Type", exact=True).fill("0")
    page.get_by_label("Title").fill(title)


def test_list_tells_what_runs_and_when(visitor: Home, make: MakeSchedule) -> None:
    by_clock = make(cron="0 6 29 2 *", time_zone="Europe/Berlin")
    at_intervals = make(MARKUP, every_seconds=86_400 * 300)
    page = open_page(visitor)

    expect(schedule(page, by_clock)).to_contain_text("0 6 29 2 *, Europe/Berlin")
    expect(schedule(page, by_clock)).to_contain_text(re.compile(r"29.*\b20\d\d, "))
    expect(schedule(page, by_clock)).to_contain_text("Not yet")
    expect(schedule(page, at_intervals)).to_contain_text("Every 300 days")
    assert not page.evaluate("() => 'hacked' in window")


def test_schedule_is_run_now_and_its_job_is_linked(visitor: Home, make: MakeSchedule) -> None:
    title = make(cron=NEVER)
    page = open_page(visitor)

    page.get_by_role("button", name=f"Run now: {title}").click()

    expect(schedule(page, title)).to_contain_text("Submitted")
    schedule(page, title).get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sleep")
    expect(page.locator("#state")).to_contain_text("Succeeded")


def test_schedule_is_paused_and_resumed(visitor: Home, make: MakeSchedule) -> None:
    title = make(cron=NEVER)
    page = open_page(visitor)

    page.get_by_role("button", name=f"Pause: {title}").click()
    expect(schedule(page, title)).to_contain_text("Paused")
    assert (find(page, title) or {})["is_paused"]
    page.get_by_role("button", name=f"Resume: {title}").click()

    expect(page.get_by_role("button", name=f"Pause: {title}")).to_be_visible()
    assert not (find(page, title) or {})["is_paused"]


def test_schedule_is_deleted_after_a_question(visitor: Home, make: MakeSchedule) -> None:
    title = make(cron=NEVER)
    page = open_page(visitor)
    button = page.get_by_role("button", name=f"Delete: {title}")
    page.once("dialog", lambda question: question.dismiss())
    button.click()
    expect(schedule(page, title)).to_be_visible()

    page.once("dialog", lambda question: question.accept())
    button.click()

    expect(schedule(page, title)).to_have_count(0)
    assert find(page, title) is None


def test_schedule_by_the_clock_is_made(visitor: Home) -> None:
    page = open_page(visitor)
    title = f"Every leap day {uuid4().hex[:8]}"
    fill_in(page, title)
    page.get_by_label("Cron").fill(NEVER)
    page.get_by_text("Overlapping and missed runs").click()
    page.get_by_label("allow").check()

    page.get_by_role("button", name="Make the schedule").click()

    expect(schedule(page, title)).to_contain_text("On")
    made = find(page, title)
    assert made
    zone = page.evaluate("() => Intl.DateTimeFormat().resolvedOptions().timeZone")
    assert (made["kind"], made["parameters"]) == ("create_task", {"type": 0})
    assert (made["cron"], made["time_zone"], made["overlap"]) == (NEVER, zone, "allow")
    page.request.delete(f"{PATH}/{made['id']}")


def test_schedule_at_intervals_is_made(visitor: Home) -> None:
    page = open_page(visitor)
    title = f"Now and then {uuid4().hex[:8]}"
    fill_in(page, title)
    page.get_by_label("At intervals").check()
    page.get_by_label("Seconds between two runs").fill("86400")

    page.get_by_role("button", name="Make the schedule").click()

    expect(schedule(page, title)).to_contain_text("Every 24 h")
    made = find(page, title)
    assert made
    assert (made["cron"], made["every_seconds"]) == (None, 86_400)
    page.request.delete(f"{PATH}/{made['id']}")


def test_refusal_stands_beside_its_field(visitor: Home) -> None:
    page = open_page(visitor)
    title = f"Never {uuid4().hex[:8]}"
    fill_in(page, title)
    page.get_by_label("Cron").fill("every day")

    page.get_by_role("button", name="Make the schedule").click()

    expect(page.get_by_label("Cron")).to_be_focused()
    expect(page.get_by_label("Cron")).to_have_accessible_description(re.compile("five"))
    expect(page.get_by_label("Title")).to_have_value(title)
    assert find(page, title) is None


def test_server_without_schedules_says_so(new_visitor: NewVisitor) -> None:
    visitor = new_visitor()
    visitor.refuse("**/api/v1/schedules", 404, {"detail": "There is nothing at this address."})
    visitor.visit("/schedules")

    expect(visitor.page.locator("#run-message")).to_have_text("This server has no schedules.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["1440 pixels", "390 pixels"])
def test_page_has_no_accessibility_faults_and_fits(
    new_visitor: NewVisitor, make: MakeSchedule, size: dict[str, Any], scheme: str
) -> None:
    title = make(MARKUP, cron=NEVER)
    page = open_page(new_visitor(color_scheme=scheme, **size))
    expect(schedule(page, title)).to_be_visible()
    page.get_by_text("Overlapping and missed runs").click()

    assert faults(page) == []
    assert not scrolls_sideways(page)
