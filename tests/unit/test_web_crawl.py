"""`web.crawl`: a whole site is read, from a server in the test's own process."""

import csv
import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image

from project.errors import CancelledError, InvalidInputError, PermanentError, TemporaryError
from project.files import FileStore
from project.files.job_files import JobFiles, open_files
from project.jobs.web_crawl.drawing import HEIGHT, WIDTH, draw_links
from project.jobs.web_crawl.fetching import Problem
from project.jobs.web_crawl.findings import find_all
from project.jobs.web_crawl.kind import OUTPUT_SECONDS, crawl_site
from project.jobs.web_crawl.layout import place_nodes
from project.jobs.web_crawl.pages import Crawled, Ending, Link, Page, Refusal
from project.jobs.web_crawl.report import write_report
from project.jobs.web_crawl.tables import write_links, write_pages, write_sitemap
from project.kinds.context import Context
from project.tables.spreadsheets import guard_cell
from tests.site import DISALLOWED, Site, serving

SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
HERE = ("127.0.0.1/32",)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """The site; its tests count nothing but what they fetch themselves."""
    with serving() as running:
        yield running


@pytest.fixture
def files(tmp_path: Path) -> Iterator[JobFiles]:
    with open_files(FileStore(str(tmp_path / "store"))) as opened:
        yield opened


def crawl(url: str, context: Context, **more: Any) -> dict[str, Any]:
    values = {"max_depth": 1, "requests_per_second": 100, "concurrency": 8}
    parameters = crawl_site.parse({"start": url, **values, **more})
    result: dict[str, Any] = crawl_site.run(parameters, context)
    return result


def context_with(files: JobFiles, **more: Any) -> Context:
    return Context(**{"files": files, "allowed_networks": HERE, **more})


def rows_of(files: JobFiles, result: dict[str, Any], name: str) -> list[dict[str, str]]:
    """A table's rows by column."""
    (file,) = (one["file"] for one in result["files"] if one["name"] == name)
    text = files.path(file).read_text(encoding="utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


# ── Whole crawls ─────────────────────────────────────────────────────────────────────────────────


def test_small_crawl_tells_what_it_found(site: Site, files: JobFiles) -> None:
    result = crawl(site.url, context_with(files))

    counts = result["counts"]
    assert result["summary"].startswith("27 pages in ")
    assert (counts["pages"], counts["broken"], counts["not_fetched"]) == (27, 0, 0)
    assert counts["too_deep"] > 400
    assert [one["name"] for one in result["files"]] == ["pages.csv", "links.csv", "sitemap.xml"]
    with Image.open(files.path(result["pictures"][0]["file"])) as picture:
        assert picture.size == (WIDTH, HEIGHT)


def test_two_crawls_take_the_same_pages_in_the_same_order(site: Site, files: JobFiles) -> None:
    context = context_with(files)

    tables = [
        [row["url"] for row in rows_of(files, crawl(site.url, context, **more), "pages.csv")]
        for more in ({"concurrency": 1, "max_pages": 25}, {"concurrency": 16, "max_pages": 25})
    ]

    assert tables[0] == tables[1]
    assert len(tables[0]) == 25


def test_crawl_ends_at_its_page_limit_and_says_so(site: Site, files: JobFiles) -> None:
    result = crawl(site.url, context_with(files), max_pages=10)

    assert result["counts"]["urls"] == 10
    assert result["counts"]["not_fetched"] == 17
    assert result["summary"].endswith("; stopped at the page limit")


def test_page_that_was_not_read_to_its_end_is_said_everywhere(site: Site, files: JobFiles) -> None:
    result = crawl(f"{site.url}huge", context_with(files), max_depth=0)

    report = files.path(result["report"]["file"]).read_text()
    assert result["summary"].endswith(", 1 page not read to the end")
    assert result["facts"]["Pages not read to the end"] == 1
    assert "complete" not in str(result["facts"])
    assert "1 page was not read to the end" in report


def test_host_that_is_not_there_ends_a_crawl_at_once(files: JobFiles) -> None:
    with pytest.raises(PermanentError, match=r"There is no host nowhere\.invalid"):
        crawl("http://nowhere.invalid/", context_with(files))


def test_crawl_whose_time_is_over_tells_what_it_has(site: Site, files: JobFiles) -> None:
    ends_at = time.monotonic() + OUTPUT_SECONDS + 2
    context = context_with(files, ends_at=ends_at)

    result = crawl(site.url, context, requests_per_second=1)

    assert 1 <= result["counts"]["urls"] < 27
    assert result["counts"]["not_fetched"] > 0
    assert result["facts"]["Ended by"] == "the time limit"


def test_cancel_ends_a_crawl_that_waits_for_a_server(files: JobFiles) -> None:
    """As a worker does it: the report of progress raises."""
    begun: list[str] = []

    def report(done: float, total: float, step: str = "") -> None:
        begun.append(step)
        if step.startswith("Fetching"):
            raise CancelledError("Job x was asked to stop.")

    with serving() as one, pytest.raises(CancelledError):
        crawl(one.url, context_with(files, report_progress=report), requests_per_second=0.1)

    assert begun[-1] == "Fetching pages at depth 0"


def test_site_of_ones_own_may_be_crawled_without_regard_to_robots(files: JobFiles) -> None:
    with serving() as one:
        start = f"{one.url}inside"
        kept = crawl(start, context_with(files))
        fetched_before = [path for path in DISALLOWED if one.hits[path]]
        ignored = crawl(start, context_with(files), respects_robots=False)
        fetched_after = [path for path in DISALLOWED if one.hits[path]]

    assert (fetched_before, fetched_after) == ([], list(DISALLOWED))
    assert kept["counts"]["disallowed"] == 3
    assert ignored["counts"]["disallowed"] == 0


def test_links_to_other_sites_are_checked_once_each(files: JobFiles) -> None:
    with serving() as one:
        result = crawl(f"{one.url}outside", context_with(files), checks_external=True)

        assert one.trapped == []
    rows = {row["target"]: row for row in rows_of(files, result, "links.csv")}
    assert rows["https://elsewhere.invalid/"]["outcome"] == "no such host"
    assert rows["http://10.0.0.1/admin"]["outcome"] == "refused"


@pytest.mark.parametrize(
    ("path", "error", "sentence"),
    [
        ("gone", PermanentError, "answers 410: check the URL"),
        ("error", TemporaryError, "answers 500"),
        ("cut-off", TemporaryError, "cannot be fetched. The answer is not HTTP"),
        ("paper.pdf", PermanentError, "is not HTML but application/pdf"),
        ("private/1", PermanentError, "does not allow /private/1"),
        ("trap/metadata", PermanentError, "169.254.169.254 is a link-local or metadata address"),
        ("trap/address", PermanentError, "127.0.0.2 is this machine"),
        ("trap/name", PermanentError, r"2130706434 \(127.0.0.2\) is this machine"),
        ("stairs/0", PermanentError, "redirects endlessly"),
        ("loop/a", PermanentError, "redirects endlessly"),
    ],
)
def test_start_page_that_cannot_be_had_is_a_clear_error(
    site: Site, files: JobFiles, path: str, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        crawl(f"{site.url}{path}", context_with(files))

    assert site.trapped == []


def test_private_network_that_nobody_has_named_is_refused(site: Site, files: JobFiles) -> None:
    before = sum(site.hits.values())

    with pytest.raises(PermanentError, match=r"127\.0\.0\.1 is this machine"):
        crawl(site.url, Context(files=files))

    assert sum(site.hits.values()) == before


@pytest.mark.parametrize(
    ("start", "url"),
    [("example.org", "https://example.org/"), ("HTTP://Example.org/#a", "http://example.org/")],
)
def test_start_page_is_spelled_as_all_pages_are(start: str, url: str) -> None:
    assert crawl_site.parse({"start": start}).start == url  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "values",
    [
        {"start": "ftp://example.org/"},
        {"start": "https://user:secret@example.org/"},
        {"start": "javascript:alert(1)"},
        {"start": ""},
        {"start": "https://e/" + "x" * 2000},
        {"start": "https://e/", "max_pages": 5001},
        {"start": "https://e/", "concurrency": 17},
        {"start": "https://e/", "requests_per_second": 0},
        {"start": "https://e/", "max_depth": -1},
    ],
)
def test_parameters_have_limits(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        crawl_site.parse(values)


# ── Findings and outputs ─────────────────────────────────────────────────────────────────────────

START = "https://example.org/"
EVIL = "\"'><script>alert(1)</script>"


def a_crawl(*pages: Page, links: tuple[Link, ...] = (), **more: Any) -> Crawled:
    """A crawled site with a start page."""
    start = Page(START, 0, 200, content_type="text/html", title="Home")
    known = {page.url: page for page in (start, *pages)}
    return Crawled(START, pages=known, links=list(links), site_url=START, **more)


def a_page(path: str, status: int = 200, **more: Any) -> Page:
    values: dict[str, Any] = {"depth": 1, "status": status, "content_type": "text/html", **more}
    return Page(START + path, **values)


def link_to(*paths: str, text: str = "") -> tuple[Link, ...]:
    return tuple(Link(START, START + path, text) for path in paths)


def test_broken_links_are_those_that_somebody_follows() -> None:
    crawled = a_crawl(
        a_page("gone", 404),
        a_page("unlinked", 404),
        a_page("refused", 0, problem=Problem.REFUSED),
        a_page("away", 302, redirects_to=START + "gone"),
        links=(*link_to("gone", "gone", "away", "refused"),),
        external={"https://x.example/": Page("https://x.example/", 0, 403)},
    )

    findings = find_all(crawled)

    assert [(one.url, one.outcome, one.links) for one in findings.broken] == [
        (START + "gone", "404", 2),
        (START + "away", "404", 1),
    ]
    assert len(findings.broken[0].sources) == 1
    assert findings.unsure == ()


def test_redirects_that_lead_in_circles_are_found() -> None:
    crawled = a_crawl(
        a_page("a", 301, redirects_to=START + "b"),
        a_page("b", 301, redirects_to=START + "a"),
        a_page("self", 301, redirects_to=START + "self"),
        a_page("into", 301, redirects_to=START + "a"),
        links=link_to("a", "into"),
    )

    findings = find_all(crawled)

    assert findings.loops == 4
    assert {one.trouble for one in findings.redirects} == {"loop"}
    assert [one.outcome for one in findings.broken] == ["redirect loop"] * 2


def test_links_by_a_redirect_count_at_its_end_and_twice_from_a_page_as_one() -> None:
    crawled = a_crawl(
        a_page("end"),
        a_page("way", 301, redirects_to=START + "end"),
        links=(*link_to("way", "way", "end"), Link(START + "end", START + "end")),
    )

    assert find_all(crawled).inlinks == {START + "way": 1, START + "end": 2}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_cell_is_no_formula(text: str) -> None:
    assert guard_cell(text) == f"'{text}"


def test_tables_hold_what_was_found_and_no_formula(tmp_path: Path) -> None:
    crawled = a_crawl(
        a_page("x", title='=HYPERLINK("https://evil.example")', links=3, seconds=0.1234),
        links=link_to("x", text="@SUM(1,2)"),
        disallowed={START + "no": START},
    )

    write_pages(find_all(crawled), tmp_path / "pages.csv")
    write_links(find_all(crawled), tmp_path / "links.csv")

    with (tmp_path / "pages.csv").open(encoding="utf-8-sig") as file:
        _, page, disallowed = csv.DictReader(file)
    with (tmp_path / "links.csv").open(encoding="utf-8-sig") as file:
        (link,) = csv.DictReader(file)
    assert page["title"] == '\'=HYPERLINK("https://evil.example")'
    assert (page["seconds"], page["linked_from"], page["is_indexable"]) == ("0.123", "1", "yes")
    assert disallowed["outcome"] == "not allowed by robots.txt"
    assert (link["text"], link["outcome"], link["is_external"]) == ("'@SUM(1,2)", "200", "no")


def test_sitemap_has_the_pages_for_search_engines(tmp_path: Path) -> None:
    moment = "Sun, 06 Nov 1994 08:49:37 GMT"
    crawled = a_crawl(
        a_page("a?x=1&y=2", last_modified=moment),
        a_page("old", last_modified="long ago"),
        a_page("hidden", is_noindex=True),
        a_page("copy", canonical=START),
        a_page("gone", 404),
        a_page("paper", content_type="application/pdf"),
    )

    assert write_sitemap(find_all(crawled), tmp_path / "sitemap.xml") == 3

    entries = ElementTree.parse(tmp_path / "sitemap.xml").getroot()  # noqa: S314  # it is ours
    assert [entry.findtext(f"{SITEMAP}loc") for entry in entries] == [
        *(START, START + "a?x=1&y=2", START + "old"),
    ]
    assert [entry.findtext(f"{SITEMAP}lastmod") for entry in entries] == [None, "1994-11-06", None]


def test_report_escapes_everything_that_came_from_the_web(tmp_path: Path) -> None:
    crawled = a_crawl(
        a_page("gone", 404, title=EVIL, detail=EVIL),
        a_page("noted", note=EVIL),
        links=link_to("gone", text=EVIL),
        refusals={"http://10.0.0.1/": Refusal("http://10.0.0.1/" + EVIL, EVIL, START, "link")},
        disallowed={START + EVIL: START},
    )

    write_report(find_all(crawled), b"image", tmp_path / "report.html")

    text = (tmp_path / "report.html").read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "{{" not in text


def test_report_of_a_flawless_site_says_so(tmp_path: Path) -> None:
    write_report(find_all(a_crawl()), b"image", tmp_path / "report.html")

    text = (tmp_path / "report.html").read_text()
    assert "No broken links were found." in text
    assert "crawl stopped at" not in text


def test_report_says_why_a_crawl_ended_early(tmp_path: Path) -> None:
    crawled = a_crawl(ending=Ending.TIME, not_fetched=12)

    write_report(find_all(crawled), b"image", tmp_path / "report.html")

    text = (tmp_path / "report.html").read_text()
    assert "stopped at the time limit: 12 known URLs" in text


# ── The picture ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [1, 2, 5, 300, 5000])
def test_every_node_has_a_place_of_its_own(size: int) -> None:
    parents = {f"{number}": f"{(number - 1) // 7}" for number in range(1, size)}

    places = place_nodes("0", parents)

    spots = {(round(place.x, 4), round(place.y, 4)) for place in places.values()}
    assert len(places) == len(spots) == size


def test_deeper_pages_stand_further_out() -> None:
    parents = {f"{number}": f"{(number - 1) // 3}" for number in range(1, 40)}

    places = place_nodes("0", parents)

    assert max(places[f"{n}"].radius for n in range(1, 4)) < min(
        places[f"{n}"].radius for n in range(4, 13)
    )


@pytest.mark.parametrize("make", [lambda: (), lambda: tuple(a_page(f"{n}$x^2$") for n in range(9))])
def test_picture_is_drawn_of_few_pages_too(make: Callable[[], tuple[Page, ...]]) -> None:
    pages = make()
    links = tuple(Link(START, page.url) for page in pages)

    picture = draw_links(find_all(a_crawl(*pages, links=links)))

    with Image.open(io.BytesIO(picture)) as image:
        assert image.size == (WIDTH, HEIGHT)
        colours = image.convert("RGB").getcolors(1 << 24)
        assert colours is not None and len(colours) > 50
