"""The page of schedules: what runs by itself, paused, resumed, run now, and made."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import NewVisitor
from tests.browser.home import Home
from tests.browser.test_design import DESKTOP, PHONE, faults, scrolls_sideways
from tests.browser.test_hostile_text import MARKUP

BODY = {
    "type": "object",
    "required": ["title", "kind"],
    "properties": {
        "title": {"type": "string"},
        "kind": {"type": "string"},
        "parameters": {"type": "object"},
        "cron": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "every_seconds": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
        "time_zone": {"type": "string", "default": "UTC"},
        "overlap": {"$ref": "#/components/schemas/Overlap", "default": "skip"},
    },
}


class Schedules:
    """A server with schedules, in the words of their API."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.refusal: dict[str, Any] = {}
        self.listed = [
            self.describe(
                "s1", title="Report of the day", cron="0 6 * * *", time_zone="Europe/Berlin"
            ),
            self.describe("s2", title=MARKUP, every_seconds=300, is_paused=True, last_job_id=None),
        ]

    def describe(self, name: str, **changes: Any) -> dict[str, Any]:
        times = {"next_at": "2026-05-05T06:00:00Z", "last_at": "2026-05-04T06:00:00Z"}
        empty = {"cron": None, "every_seconds": None, "time_zone": None, "is_paused": False}
        return {
            "id": name,
            "kind": "create_task",
            "last_job_id": "job-1",
            **times,
            **empty,
            **changes,
        }

    def answer(self, route: Route) -> None:
        request = route.request
        path = request.url.partition("/api/v1/schedules")[2]
        if request.method == "GET":
            route.fulfill(json={"schedules": self.listed})
            return
        self.calls.append((path, json.loads(request.post_data or "null")))
        if self.refusal:
            route.fulfill(status=400, json=self.refusal)
            return
        if not path:
            self.listed.append(self.describe("s3", title=self.calls[-1][1]["title"]))
        for schedule in self.listed:
            if path == f"/{schedule['id']}/pause":
                schedule["is_paused"] = True
        route.fulfill(status=200, json=self.listed[-1])


@pytest.fixture
def schedules() -> Schedules:
    return Schedules()


@pytest.fixture
def visitor(new_visitor: NewVisitor, schedules: Schedules) -> Iterator[Home]:
    visitor = new_visitor()
    connect(visitor.page, schedules)
    yield visitor


def connect(page: Page, schedules: Schedules) -> None:
    def describe(route: Route) -> None:
        document = route.fetch().json()
        body = {"content": {"application/json": {"schema": BODY}}}
        document["paths"]["/api/v1/schedules"] = {"post": {"requestBody": body}}
        document["components"]["schemas"]["Overlap"] = {"enum": ["skip", "queue"], "type": "string"}
        route.fulfill(json=document)

    page.route("**/api/v1/schedules**", schedules.answer)
    page.route("**/openapi.json", describe)


def open_page(visitor: Home) -> Page:
    visitor.visit("/schedules")
    expect(visitor.page.locator("#new")).to_be_visible()
    return visitor.page


def test_list_tells_what_runs_and_when(visitor: Home) -> None:
    page = open_page(visitor)
    report, other = page.locator(".schedule").all()

    expect(report).to_contain_text("0 6 * * *, Europe/Berlin")
    expect(report.get_by_role("link")).to_have_attribute("href", "/jobs/job-1")
    expect(other.get_by_role("heading")).to_have_text(MARKUP)
    expect(other).to_contain_text("Every 5 min")
    expect(other).to_contain_text("Paused")
    assert not page.evaluate("() => 'hacked' in window")


def test_schedule_is_paused_and_run_now(visitor: Home, schedules: Schedules) -> None:
    page = open_page(visitor)

    page.get_by_role("button", name="Run now: Report").click()
    expect(page.locator(".schedule").first).to_contain_text("Started")
    page.get_by_role("button", name="Pause: Report").click()

    expect(page.get_by_role("button", name="Resume: Report")).to_be_visible()
    assert [path for path, _ in schedules.calls] == ["/s1/run", "/s1/pause"]


def test_schedule_is_made_with_the_parameters_of_its_kind(
    visitor: Home, schedules: Schedules
) -> None:
    page = open_page(visitor)
    page.get_by_label("What to run").select_option("create_task")
    page.get_by_label("Type", exact=True).fill("0")
    page.get_by_label("Title").fill("Every morning")
    page.get_by_label("Cron").fill("0 8 * * *")
    page.get_by_label("queue").check()

    page.get_by_role("button", name="Make the schedule").click()

    expect(page.locator(".schedule")).to_have_count(3)
    path, sent = schedules.calls[-1]
    zone = page.evaluate("() => Intl.DateTimeFormat().resolvedOptions().timeZone")
    assert path == ""
    assert sent == {
        "kind": "create_task",
        "parameters": {"type": 0},
        "title": "Every morning",
        "cron": "0 8 * * *",
        "time_zone": zone,
        "overlap": "queue",
    }


def test_refusal_stands_beside_its_field(visitor: Home, schedules: Schedules) -> None:
    page = open_page(visitor)
    schedules.refusal = {"detail": "cron: has five parts.", "field": "cron"}
    page.get_by_label("Type", exact=True).fill("0")
    page.get_by_label("Title").fill("x")

    page.get_by_role("button", name="Make the schedule").click()

    expect(page.get_by_label("Cron")).to_be_focused()
    expect(page.get_by_text("Has five parts.")).to_be_visible()
    expect(page.get_by_label("Title")).to_have_value("x")


def test_server_without_schedules_says_so(new_visitor: NewVisitor) -> None:
    visitor = new_visitor()
    visitor.refuse("**/api/v1/schedules", 404, {"detail": "There is nothing at this address."})
    visitor.visit("/schedules")

    expect(visitor.page.locator("#run-message")).to_have_text("This server has no schedules.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["1440 pixels", "390 pixels"])
def test_page_has_no_accessibility_faults_and_fits(
    new_visitor: NewVisitor, schedules: Schedules, size: dict[str, Any], scheme: str
) -> None:
    visitor = new_visitor(color_scheme=scheme, **size)
    connect(visitor.page, schedules)
    page = open_page(visitor)

    assert faults(page) == []
    assert not scrolls_sideways(page)
