"""For everyone: any width, either colour scheme, with a screen reader, without scripts."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewVisitor, Stack
from tests.browser.home import Home, a_damaged_photograph
from tests.browser.mail import confirmation_link, expired_link_path

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DESKTOP = {"viewport": {"width": 1440, "height": 900}}
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
    # Reports are in sandboxed frames, which axe-core cannot look into.
    "iframes": False,
}
TARGET_PIXELS = 44

in_both_schemes = pytest.mark.parametrize("scheme", ["light", "dark"])
in_both_sizes = pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["1440 pixels", "390 pixels"])


def faults(page: Page) -> list[str]:
    """What axe-core finds wrong, colour contrast included."""
    results = Axe().run(page, options=RULES).response
    return [
        f"{violation['id']}: {node['failureSummary']} at {node['html']}"
        for violation in results["violations"]
        for node in violation["nodes"]
    ]


def scrolls_sideways(page: Page) -> bool:
    return bool(
        page.evaluate(
            "() => document.scrollingElement.scrollWidth > document.documentElement.clientWidth"
        )
    )


def fill_with_everything(home: Home) -> None:
    """A done, a failed and a running or waiting job, sign-ups, and errors in the form."""
    home.sign_up("grace.hopper@example.org")
    long_address = f"{'very-long-' * 6}name@{'sub.' * 12}example.org"
    home.sign_up(long_address, a_damaged_photograph())
    home.start("Medium")
    expect(home.card("grace.hopper@example.org").get_by_role("img")).to_be_visible()
    expect(home.row_of("Sign-up").filter(has_text="Failed")).to_be_visible()
    home.submit.click()
    expect(home.page.locator("#picture-error")).not_to_be_empty()


@in_both_schemes
@in_both_sizes
def test_the_full_page_has_no_accessibility_faults_and_fits_its_window(
    new_visitor: NewVisitor, size: dict[str, Any], scheme: str
) -> None:
    """Labels, roles, order of headings, contrast, targets; and no scrolling sideways."""
    visitor = new_visitor(color_scheme=scheme, **size).open()
    fill_with_everything(visitor)

    assert faults(visitor.page) == []
    assert not scrolls_sideways(visitor.page)


@in_both_schemes
def test_the_empty_page_has_no_accessibility_faults(new_visitor: NewVisitor, scheme: str) -> None:
    """It says what to do in both lists."""
    visitor = new_visitor(color_scheme=scheme, **DESKTOP).open()
    expect(visitor.page.get_by_text("No job yet.")).to_be_visible()
    expect(visitor.page.get_by_text("No sign-up yet.")).to_be_visible()

    assert faults(visitor.page) == []


@in_both_schemes
@pytest.mark.parametrize(
    ("path", "title"),
    [
        (expired_link_path, "This link has expired"),
        (lambda: "/confirm/nonsense", "This link does not work"),
        (lambda: "/nowhere", "Not Found"),
    ],
    ids=["expired link", "wrong link", "no such page"],
)
def test_a_message_has_the_same_look_and_leads_back(
    new_visitor: NewVisitor, path: Callable[[], str], title: str, scheme: str, stack: Stack
) -> None:
    """A dead end says what happened and has a way out."""
    visitor = new_visitor(color_scheme=scheme, **PHONE)
    visitor.visit(path())
    expect(visitor.page.get_by_role("heading", name=title)).to_be_visible()
    assert faults(visitor.page) == []
    assert not scrolls_sideways(visitor.page)

    visitor.page.get_by_role("link", name="Go to the jobs").click()

    expect(visitor.page).to_have_url(f"{stack.public_url}/")


@in_both_schemes
@in_both_sizes
def test_the_page_of_a_mailed_link_has_that_look_too(
    new_visitor: NewVisitor, size: dict[str, Any], scheme: str, stack: Stack
) -> None:
    """With the longest address that there is."""
    visitor = new_visitor(color_scheme=scheme, **size).open()
    address = f"{'m' * 40}.{uuid4().hex[:8]}@{'very-long-name.' * 8}example.org"
    visitor.sign_up(address)
    visitor.visit(urlsplit(confirmation_link(stack.inbox_url, address)).path)

    expect(visitor.page.get_by_role("button", name="Confirm")).to_be_visible()
    assert faults(visitor.page) == []
    assert not scrolls_sideways(visitor.page)


def test_a_table_laid_out_as_cards_is_still_a_table(new_visitor: NewVisitor) -> None:
    """A screen reader on a phone hears rows, cells and their headers."""
    visitor = new_visitor(**PHONE).open()
    (job_id,) = visitor.start_quick()
    expect(visitor.row(job_id)).to_contain_text("Succeeded")

    table = visitor.page.get_by_role("table", name="Jobs")

    assert table.get_by_role("columnheader").all_inner_texts() == [
        "Job", "Status", "Progress and result", "Time", "Queue", "Worker",
    ]  # fmt: skip
    expect(table.get_by_role("row")).to_have_count(2)
    expect(table.get_by_role("rowheader")).to_contain_text("Sleep")
    expect(table.get_by_role("row").nth(1).get_by_role("cell")).to_have_count(5)


def test_a_finger_hits_every_control(new_visitor: NewVisitor) -> None:
    """44 pixels at least, where the pointer is a finger."""
    visitor = new_visitor(**PHONE).open()
    visitor.sign_up("ada@example.org")
    expect(visitor.card("ada@example.org").get_by_role("img")).to_be_visible()

    visitor.start("Long")
    controls = visitor.page.locator("button, input, .tools a, .brand, .card a, .outcome a")

    heights = {
        control.inner_text() or control.get_attribute("id"): (control.bounding_box() or {}).get(
            "height", 0
        )
        for control in controls.filter(visible=True).all()
    }
    assert len(heights) > 10
    assert {name: height for name, height in heights.items() if height < TARGET_PIXELS} == {}


def test_nothing_moves_for_those_who_asked_for_it(new_visitor: NewVisitor) -> None:
    """The sign of a running job stands still, and so does a bar without an end."""
    visitor = new_visitor(reduced_motion="reduce").open()
    (job_id,) = visitor.start_quick()

    moving = visitor.row(job_id).evaluate(
        """row => {
          row.querySelector(".status").dataset.status = "running";
          return row.getAnimations({ subtree: true }).length;
        }"""
    )

    assert moving == 0


def test_without_scripts_the_page_says_what_is_missing(new_visitor: NewVisitor) -> None:
    """A sentence instead of dead buttons."""
    visitor = new_visitor(java_script_enabled=False)
    visitor.visit("/")

    sentence = visitor.page.locator("noscript .note")
    expect(sentence).to_be_visible()
    expect(sentence).to_contain_text("needs JavaScript")


def test_everything_comes_from_our_own_server(new_visitor: NewVisitor, stack: Stack) -> None:
    """No other site hears of a visit, and the page works where there is no internet."""
    visitor = new_visitor()
    asked: list[str] = []
    missing: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    visitor.page.on(
        "response", lambda answer: missing.append(answer.url) if answer.status >= 400 else None
    )
    visitor.open()

    assert any(url.endswith("/static/js/main.js") for url in asked)
    assert [url for url in asked if not url.startswith(stack.public_url)] == []
    assert missing == []


def test_the_operators_tools_are_linked(home: Home) -> None:
    """In development the page leads to the API, the console, Flower and the caught mail."""
    links = home.page.get_by_role("navigation", name="Tools").get_by_role("link")

    assert links.all_inner_texts() == ["API", "RabbitMQ console", "Flower", "Mail"]
