"""The files for programs and spreadsheets: pages.csv, links.csv and sitemap.xml.

Their texts come from other people's sites, so cells that a spreadsheet would take for formulas are
marked as text.
"""

import csv
from collections.abc import Iterable, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from xml.sax.saxutils import escape

from project.jobs.web_crawl.findings import Findings, follow
from project.jobs.web_crawl.pages import Page
from project.tables.spreadsheets import guard_cell

MAX_SITEMAP_URLS = 50_000
"""The limit of one file by sitemaps.org; a crawl has at most a tenth of it."""

PAGE_COLUMNS = (
    *("url", "depth", "status", "outcome", "content_type", "bytes", "seconds", "title", "links"),
    *("linked_from", "redirects_to", "canonical", "is_indexable", "note"),
)
LINK_COLUMNS = ("source", "target", "text", "is_nofollow", "is_external", "outcome", "end")


def write_pages(findings: Findings, path: Path) -> None:
    """Write one row for each fetched URL of the site and for each disallowed one."""
    crawled = findings.crawled
    rows = [_page_row(findings, page) for page in crawled.pages.values()]
    rows += [[url, "", "", "not allowed by robots.txt"] for url in crawled.disallowed]
    _write(path, PAGE_COLUMNS, rows)


def write_links(findings: Findings, path: Path) -> None:
    """Write one row for each link, in the order of the crawl."""
    crawled = findings.crawled
    known = {**crawled.external, **crawled.pages}

    def row(source: str, target: str, text: str, is_nofollow: bool) -> list[object]:
        end = follow(crawled, target)[-1]
        outcome = "refused" if target in crawled.refusals else _outcome(known.get(target))
        is_external = target in crawled.external
        return [source, target, text, is_nofollow, is_external, outcome, end]

    _write(
        path,
        LINK_COLUMNS,
        (row(link.source, link.target, link.text, link.is_nofollow) for link in crawled.links),
    )


def write_sitemap(findings: Findings, path: Path) -> int:
    """Write the indexable pages in the format of sitemaps.org; returns their number."""
    pages = [page for page in findings.html_pages if page.is_indexable][:MAX_SITEMAP_URLS]
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        file.write('<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n')
        for page in pages:
            file.write(f"  <url><loc>{escape(page.url)}</loc>{_last_modified(page)}</url>\n")
        file.write("</urlset>\n")
    return len(pages)


def _page_row(findings: Findings, page: Page) -> list[object]:
    return [
        page.url,
        page.depth,
        page.status or "",
        page.outcome,
        page.content_type,
        page.received_bytes,
        round(page.seconds, 3),
        page.title,
        page.links,
        findings.inlinks[page.url],
        page.redirects_to,
        page.canonical,
        page.is_indexable,
        page.note or page.detail,
    ]


def _outcome(page: Page | None) -> str:
    return page.outcome if page else ""


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    # Excel recognises UTF-8 only by its byte order mark.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in rows:
            padded = [*row, *[""] * (len(columns) - len(row))]
            writer.writerow([guard_cell(_spell(value)) for value in padded])


def _spell(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value


def _last_modified(page: Page) -> str:
    try:
        moment = parsedate_to_datetime(page.last_modified)
        return f"<lastmod>{moment.astimezone(UTC):%Y-%m-%d}</lastmod>"
    except (ValueError, OverflowError):
        return ""
