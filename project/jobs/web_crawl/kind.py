"""`web.crawl`: reads a site page by page and reports broken links, redirects and its structure."""

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
"""Time before the limit at which a crawl stops fetching and reports what it has found."""


def _check_start(text: str) -> str:
    url = normalise(text if "://" in text else f"https://{text}")
    if url is None:
        raise PydanticCustomError(
            "start_url",
            "must be a web address like https://example.org/, without a user name",
        )
    return url


class CrawlParameters(Parameters):
    """Where the crawl begins, and how far it goes."""

    start: Annotated[str, AfterValidator(_check_start)] = Field(
        title="Start page",
        description="Address of the first page; only its site is crawled",
        max_length=MAX_URL_CHARS,
        examples=["https://example.org/"],
    )
    max_pages: int = Field(
        500, ge=1, le=5000, title="Page limit", description="The most URLs that the crawl fetches"
    )
    max_depth: int = Field(
        10, ge=0, le=100, title="Depth", description="The most clicks from the start page"
    )
    concurrency: int = Field(
        4, ge=1, le=16, title="Concurrency", description="Pages fetched at the same time"
    )
    requests_per_second: float = Field(
        5.0,
        ge=0.1,
        le=100,
        title="Requests per second",
        description="The highest rate; the crawl is slower if robots.txt asks for it",
    )
    respects_robots: bool = Field(
        True,
        title="Respect robots.txt",
        description="Skip URLs that the site's robots.txt disallows",
    )
    checks_external: bool = Field(
        False,
        title="Check other sites",
        description="Check each linked URL of other sites once",
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
    # The network libraries and matplotlib take 0.6 s to import, which only a crawl should pay.
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
