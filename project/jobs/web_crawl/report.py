"""The report: one HTML file without scripts, readable on a phone and in print.

The template engine escapes everything that comes from the web and never treats it as a template;
links are made only of normalised HTTP URLs.
"""

from base64 import b64encode
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from project.jobs.web_crawl.findings import Findings
from project.jobs.web_crawl.pages import Ending
from project.jobs.web_crawl.urls import host_of, origin_of, path_of

MAX_ROWS = 200
"""The most rows of a table in the report; the CSV files have all rows."""


def write_report(findings: Findings, image: bytes, path: Path) -> None:
    """Write the report of a crawl."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    origin = origin_of(findings.crawled.site_url)
    environment.filters.update(
        short=partial(_shorten, origin), number="{:,}".format, ms=_milliseconds
    )
    text = environment.get_template("report.html").render(_gather(findings, image))
    path.write_text(text, encoding="utf-8")


def _gather(findings: Findings, image: bytes) -> dict[str, Any]:
    crawled = findings.crawled
    return {
        "host": host_of(crawled.site_url),
        "crawled": crawled,
        "findings": findings,
        "is_complete": crawled.ending is Ending.COMPLETE,
        "image": b64encode(image).decode(),
        "made_at": datetime.now(UTC),
        "tiles": _list_tiles(findings),
        "outcomes": _list_bars(_count_outcomes(findings)),
        "depths": _list_bars(
            [(f"{depth}", count, "page") for depth, count in sorted(findings.by_depth.items())]
        ),
        # Redirects within a chain are shown with the URL that is linked.
        "redirects": [one for one in findings.redirects if one.links],
        "max_rows": MAX_ROWS,
        "most_linked": findings.inlinks.most_common(10),
    }


def _list_tiles(findings: Findings) -> list[tuple[str, str, str]]:
    """Figure, name and mood of each tile."""
    crawled = findings.crawled
    broken, refused = len(findings.broken), len(crawled.refusals)
    return [
        (f"{len(findings.html_pages):,}", "pages read", ""),
        (f"{broken:,}", "broken links", "bad" if broken else "good"),
        (f"{len(findings.redirects):,}", "redirects", "warn" if findings.loops else ""),
        (f"{refused:,}", "refused addresses", "warn" if refused else ""),
        (f"{len(crawled.links):,}", "links", ""),
        (f"{max(1, round(crawled.seconds)):,} s", "duration", ""),
    ]


def _count_outcomes(findings: Findings) -> list[tuple[str, int, str]]:
    """Each outcome with its count and kind, statuses first."""
    rows = []
    for outcome, count in sorted(findings.by_outcome.items()):
        rows.append((f"{outcome} {_STATUSES.get(outcome, '')}".strip(), count, _find_kind(outcome)))
    disallowed = len(findings.crawled.disallowed)
    if disallowed:
        rows.append(("Not allowed by robots.txt", disallowed, "other"))
    return rows


_STATUSES = {
    "200": "OK",
    "301": "Moved",
    "302": "Found",
    "307": "Temporary redirect",
    "308": "Permanent redirect",
    "401": "Unauthorised",
    "403": "Forbidden",
    "404": "Not found",
    "410": "Gone",
    "429": "Too many requests",
    "500": "Server error",
    "503": "Unavailable",
}


def _find_kind(outcome: str) -> str:
    if not outcome.isdigit():
        return "other" if outcome == "refused" else "bad"
    return {"2": "page", "3": "redirect"}.get(outcome[0], "bad")


def _list_bars(rows: list[tuple[str, int, str]]) -> list[dict[str, Any]]:
    """The bars of a chart; the longest is 100 wide."""
    longest = max((count for _, count, _ in rows), default=1)
    return [
        {"name": name, "count": count, "kind": kind, "width": max(0.8, 100 * count / longest)}
        for name, count, kind in rows
    ]


def _shorten(origin: str, url: str) -> str:
    """The path of a URL on the crawled site; the whole URL of another site."""
    return path_of(url) if origin_of(url) == origin else url


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms" if seconds < 10 else f"{seconds:.1f} s"
