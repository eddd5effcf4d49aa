"""A crawl's result: the picture, the report and the tables, stored as files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from project.jobs.web_crawl.drawing import HEIGHT, WIDTH, draw_links
from project.jobs.web_crawl.findings import Findings
from project.jobs.web_crawl.pages import Ending
from project.jobs.web_crawl.report import write_report
from project.jobs.web_crawl.tables import write_links, write_pages, write_sitemap
from project.jobs.web_crawl.urls import host_of
from project.kinds.definition import Context
from project.kinds.result_view import FileLink, Picture

SHOWN_BROKEN = 20


def make_outputs(findings: Findings, context: Context) -> dict[str, Any]:
    """All members of the result except its summary."""
    steps = 5
    context.report_progress(0, steps, "Drawing the links")
    image = draw_links(findings)
    context.report_progress(1, steps, "Writing the report")
    report = _keep(context, "report.html", lambda path: write_report(findings, image, path))
    context.report_progress(2, steps, "Writing the tables")
    files = [
        _keep(context, "pages.csv", lambda path: write_pages(findings, path)),
        _keep(context, "links.csv", lambda path: write_links(findings, path)),
        _keep(context, "sitemap.xml", lambda path: write_sitemap(findings, path)),
    ]
    context.report_progress(steps, steps, "Done")
    host = host_of(findings.crawled.site_url)
    title = f"Pages of {host} and the links between them"
    return {
        "facts": list_facts(findings),
        "pictures": [
            Picture(
                file=context.files.write(image, ".png"), title=title, width=WIDTH, height=HEIGHT
            )
        ],
        "report": report,
        "tables": list_tables(findings),
        "files": files,
        "counts": count_all(findings),
    }


def summarise(findings: Findings) -> str:
    """As in "500 pages in 12 s, 7 broken links, 3 refused"."""
    crawled, counts = findings.crawled, count_all(findings)
    parts = [
        f"{_number(counts['pages'], 'page')} in {_duration(crawled.seconds)}",
        _number(counts["broken"], "broken link"),
    ]
    if counts["refused"]:
        parts.append(f"{counts['refused']:,} refused")
    if findings.unread:
        parts.append(f"{_number(len(findings.unread), 'page')} not read to the end")
    told = ", ".join(parts)
    return told if crawled.ending is Ending.COMPLETE else f"{told}; stopped at {crawled.ending}"


def count_all(findings: Findings) -> dict[str, int]:
    """Figures for programs."""
    crawled = findings.crawled
    return {
        "urls": len(crawled.pages),
        "pages": len(findings.html_pages),
        "links": len(crawled.links),
        "broken": len(findings.broken),
        "redirects": len(findings.redirects),
        "redirect_loops": findings.loops,
        "refused": len(crawled.refusals),
        "disallowed": len(crawled.disallowed),
        "external": len(crawled.external),
        "too_deep": crawled.too_deep,
        "not_fetched": crawled.not_fetched,
        "received_bytes": crawled.received_bytes,
    }


def list_facts(findings: Findings) -> dict[str, str | int]:
    """Figures for people; zero and empty ones are left out."""
    crawled, counts = findings.crawled, count_all(findings)
    is_partial = crawled.ending is Ending.COMPLETE and bool(findings.unread)
    facts: dict[str, str | int] = {
        "Start page": crawled.site_url,
        "URLs fetched": counts["urls"],
        "Pages read": counts["pages"],
        "Deepest page, clicks": max(findings.by_depth, default=0),
        "Broken links": counts["broken"],
        "Redirects": counts["redirects"],
        "Redirect loops": counts["redirect_loops"],
        "Refused addresses": counts["refused"],
        "Not allowed by robots.txt": counts["disallowed"],
        "Pages of other sites": counts["external"],
        "Links found": counts["links"],
        "Links left out": crawled.links_left_out,
        "Beyond the depth limit": counts["too_deep"],
        "Known but not fetched": counts["not_fetched"],
        "Received": f"{crawled.received_bytes / 1e6:.1f} MB",
        "Pages not read to the end": len(findings.unread),
        "Ended by": "" if is_partial else str(crawled.ending),
    }
    always = ("Broken links", "Pages read")
    return {name: value for name, value in facts.items() if value or name in always}


def list_tables(findings: Findings) -> list[Any]:
    """The broken links, visible without opening the report."""
    if not findings.broken:
        return []
    shown = findings.broken[:SHOWN_BROKEN]
    more = len(findings.broken) - len(shown)
    title = "Broken links" + (
        f" (the first {len(shown)}; {more} more are in the report)" * bool(more)
    )
    rows = [[one.url, one.outcome, one.links, one.sources[0].source] for one in shown]
    return [
        {"title": title, "columns": ["URL", "Response", "Links", "First found on"], "rows": rows}
    ]


def _keep(context: Context, name: str, fill: Callable[[Path], object]) -> FileLink:
    """Write a file in the attempt's folder and store it."""
    path = context.files.folder / name
    fill(path)
    size = path.stat().st_size
    context.check()
    return FileLink(file=context.files.add(path), name=name, bytes=size)


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"
