"""The API's reference: to be read and tried on any screen, without another host."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewVisitor, Stack

DESKTOP = {"viewport": {"width": 1440, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}}


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_reference_shows_every_operation_and_asks_no_other_host(
    screen: dict[str, dict[str, int]], scheme: str, new_visitor: NewVisitor, stack: Stack
) -> None:
    """The visitor's console stays empty as well: the page keeps to the policy of all pages."""
    visitor = new_visitor(color_scheme=scheme, **screen)
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))

    visitor.visit("/api/")

    expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
    expect(visitor.page.locator("#operations-jobs-submit_job")).to_be_visible()
    assert (
        visitor.page.evaluate("document.documentElement.scrollWidth") <= screen["viewport"]["width"]
    )
    foreign = [url for url in asked if not url.startswith((stack.public_url, "data:"))]
    assert foreign == []


def test_job_can_be_submitted_from_the_reference(new_visitor: NewVisitor) -> None:
    visitor = new_visitor(**DESKTOP).open()
    visitor.page.get_by_role("link", name="API").click()
    operation = visitor.page.locator("#operations-jobs-submit_job")

    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Execute").click()

    expect(operation.locator(".live-responses-table .response-col_status").last).to_contain_text(
        "202"
    )
