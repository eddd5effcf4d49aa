"""`web.crawl`: reads a site page by page; tells broken links, redirects, and how pages connect."""

import asyncio
from time import monotonic
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from project.jobs.web_crawl.urls import MAX_URL_CHARS, normalise
from project.kinds.definition import Context, job
from project.kinds.parameters import Parameters
from project.kinds.result_view import show

OUTPUT_SECONDS = 90
"""Before its time limit a crawl takes what it has, and makes the report of it."""


def _check_start(text: str) -> str:
    url = normalise(text if "://" in text else f"https://{text}")
    if url is None:
        raise PydanticCustomError(
            "start_url",
            "must be a web address as in https://example.org/, without a user name",
        )
    return url


class CrawlParameters(Parameters):
    """Where to begin, and how far to go."""

    start: Annotated[str, AfterValidator(_check_start)] = Field(
        title="Start page",
        description="Address of the page to begin at; only its site is crawled",
        max_length=MAX_URL_CHARS,
        examples=["https://example.org/"],
    )
    max_pages: int = Field(
        500, ge=1, le=5000, title="Pages at most", description="As many URLs are fetched at most"
    )
    max_depth: int = Field(
        10, ge=0, le=100, title="Depth", description="Clicks from the start page at most"
    )
    concurrency: int = Field(
        4, ge=1, le=16, title="At a time", description="So many pages are fetched at the same time"
    )
    requests_per_second: float = Field(
        5.0,
        ge=0.1,
        le=100,
        title="Requests per second",
        description="No faster than that; a slower pace that robots.txt asks for is kept",
    )
    respects_robots: bool = Field(
        True,
        title="Respect robots.txt",
        description="Fetch nothing that the site does not want to be fetched",
    )
    checks_external: bool = Field(
        False,
        title="Check other sites",
        description="Ask each linked page of other sites once whether it is there",
    )


@job(
    "web.crawl",
    title="Site crawl",
    queue="long",
    time_limit_seconds=2 * 3600,
    retry_delay_seconds=30,
    extra="crawl",
)
def crawl_site(parameters: CrawlParameters, context: Context) -> dict[str, Any]:
    """Crawl a site: broken links, redirects, a sitemap and a picture of its links."""
    # The network's libraries and matplotlib take 0.6 s: only where a site is crawled.
    from project.jobs.web_crawl.crawl import Plan, crawl  # noqa: PLC0415
    from project.jobs.web_crawl.findings import find_all  # noqa: PLC0415
    from project.jobs.web_crawl.outputs import make_outputs, summarise  # noqa: PLC0415

    plan = Plan(
        **parameters.model_dump(),
        allowed_networks=context.allowed_networks,
        ends_at=monotonic() + context.remaining_seconds() - OUTPUT_SECONDS,
    )
    findings = find_all(asyncio.run(crawl(plan, context.report_progress)))
    outputs = make_outputs(findings, context)
    return show(summarise(findings), **outputs)
