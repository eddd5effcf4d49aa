"""A crawl on the real stack: a site of 500 pages, with loops, traps and everything in between."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image

from tests.integration.client import Client
from tests.site import (
    BROKEN,
    CALENDAR_PAGES,
    DISALLOWED,
    HOSTILE_TITLE,
    MAX_DEPTH,
    METADATA,
    PAGES,
    REFUSED_LITERALS,
    TRAP_AS_NUMBER,
    Site,
    serving,
)
from tests.waiting import wait_until

CRAWL_SECONDS = 110


@dataclass(frozen=True)
class Visit:
    """A site after it was crawled, and what the crawl has told of it."""

    site: Site
    browser: Client
    result: dict[str, Any]

    def file(self, name: str) -> bytes:
        """A file of the result, over HTTP."""
        (url,) = (one["url"] for one in self.result["files"] if one["name"] == name)
        return self.browser.get(url).content

    def rows(self, name: str) -> list[dict[str, str]]:
        """A table's rows by column."""
        return list(csv.DictReader(io.StringIO(self.file(name).decode("utf-8-sig"))))


def parameters(site: Site, **more: Any) -> dict[str, Any]:
    fast = {"requests_per_second": 100, "concurrency": 8, "max_depth": MAX_DEPTH}
    return {"start": site.url, "max_pages": 1000, **fast, **more}


@pytest.fixture(scope="module")
def visit(settings: Any) -> Iterator[Visit]:
    """One crawl, which all tests of what it found look at."""
    browser = Client(settings.public_url).open_page()
    with serving() as site:
        job = browser.submit("web.crawl", parameters(site))
        finished = browser.await_status(job["id"], "succeeded", seconds=CRAWL_SECONDS)
        yield Visit(site, browser, finished["result"])


def test_whole_site_is_counted_exactly(visit: Visit) -> None:
    counts = visit.result["counts"]

    assert visit.result["summary"].startswith(f"{PAGES} pages in ")
    assert f"{len(BROKEN)} broken links, 5 refused" in visit.result["summary"]
    assert counts["pages"] == PAGES
    assert counts["broken"] == len(BROKEN)
    assert (counts["redirects"], counts["redirect_loops"]) == (12, 2)
    assert (counts["refused"], counts["disallowed"]) == (5, len(DISALLOWED))
    assert (counts["too_deep"], counts["not_fetched"]) == (1, 0)


def test_each_url_was_fetched_once_and_by_its_name(visit: Visit) -> None:
    again = {path: count for path, count in visit.site.hits.items() if count > 1}

    assert again == {"/busy": 2}  # it asked for that
    assert visit.site.agents == {"JobsCrawler/1.0"}
    calendar = [path for path in visit.site.hits if path.startswith("/calendar/")]
    assert len(calendar) == CALENDAR_PAGES


def test_nothing_that_robots_disallows_was_fetched(visit: Visit) -> None:
    assert [path for path in visit.site.hits if path.startswith("/private")] == []

    rows = [row for row in visit.rows("pages.csv") if "robots.txt" in row["outcome"]]
    assert [row["url"] for row in rows] == [visit.site.url[:-1] + path for path in DISALLOWED]


def test_no_connection_to_the_trap_was_tried(visit: Visit) -> None:
    assert visit.site.trapped == []

    rows = {row["target"]: row["outcome"] for row in visit.rows("links.csv")}
    ends = {row["end"] for row in visit.rows("links.csv")}
    assert [rows[url] for url in REFUSED_LITERALS] == ["refused", "refused"]
    assert {METADATA, visit.site.trap(), visit.site.trap(TRAP_AS_NUMBER)} <= ends


def test_broken_links_are_told_with_what_is_behind_them(visit: Visit) -> None:
    (table,) = visit.result["tables"]

    told = {row[0].removeprefix(visit.site.url[:-1]): row[1] for row in table["rows"]}
    assert told == BROKEN


def test_hostile_pages_are_read_as_far_as_is_good(visit: Visit) -> None:
    pages = {row["url"].removeprefix(visit.site.url): row for row in visit.rows("pages.csv")}

    assert pages["latin"]["title"] == "Café"
    assert pages["hostile"]["title"] == HOSTILE_TITLE
    assert "longer than 2 MB" in pages["bomb"]["note"]
    assert "longer than 2 MB" in pages["endless"]["note"]
    assert "could not be read in time" in pages["tangled"]["note"]
    assert int(pages["bomb"]["bytes"]) < 200_000
    assert int(pages["huge"]["bytes"]) < 3_000_000
    assert pages["busy"]["status"] == "200"


def test_sitemap_lists_what_may_be_found(visit: Visit) -> None:
    root = ElementTree.fromstring(visit.file("sitemap.xml"))  # noqa: S314  # it is ours
    urls = [entry[0].text for entry in root]

    # All pages but one that says noindex and one that is the copy of another.
    assert len(urls) == len(set(urls)) == PAGES - 2
    assert visit.site.url in urls


def test_picture_and_report_are_there_to_be_looked_at(visit: Visit) -> None:
    (picture,) = visit.result["pictures"]
    image = Image.open(io.BytesIO(visit.browser.get(picture["url"]).content))
    report = visit.browser.get(visit.result["report"]["url"])

    assert image.size == (picture["width"], picture["height"])
    assert report.headers["Content-Type"].startswith("text/html")
    assert "sandbox" in report.headers["Content-Security-Policy"]
    for told in (*BROKEN, METADATA, *DISALLOWED):
        assert told in report.text
    assert "<script" not in report.text


def test_cancelled_crawl_stops_soon_and_leaves_nothing(browser: Client) -> None:
    with serving() as site:
        slow = parameters(site, requests_per_second=0.5)
        job = browser.submit("web.crawl", slow)
        wait_until(lambda: site.hits["/section/0/"], 60, "the crawl to be under way")

        assert browser.post(f"/api/v1/jobs/{job['id']}/cancel").status_code == 202

        finished = browser.await_status(job["id"], "cancelled", seconds=30)
    assert finished.get("result") is None


def test_crawl_of_a_private_address_fails_with_the_reason(browser: Client) -> None:
    job = browser.submit("web.crawl", {"start": METADATA})

    finished = browser.await_status(job["id"], "failed")

    assert "169.254.169.254 is a link-local or metadata address" in str(finished["error"])
