"""What a crawl has found: pages, links, refusals. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum

from project.jobs.web_crawl.content_types import PAGES
from project.jobs.web_crawl.fetching import Problem


class Ending(StrEnum):
    """Why a crawl ended."""

    COMPLETE = "complete"
    PAGES = "the page limit"
    TIME = "the time limit"
    BYTES = "the limit of received bytes"


@dataclass(frozen=True, slots=True)
class Page:
    """A URL of the site that was fetched."""

    url: str
    depth: int
    status: int = 0
    problem: Problem | None = None
    detail: str = ""
    content_type: str = ""
    received_bytes: int = 0
    seconds: float = 0.0
    is_cut: bool = False
    redirects_to: str = ""
    title: str = ""
    canonical: str = ""
    is_noindex: bool = False
    links: int = 0
    other_links: int = 0
    """Links with a scheme other than HTTP: mailto, tel, javascript."""
    nofollow_links: int = 0
    last_modified: str = ""
    is_unread: bool = False
    """Some of its links are unknown: it is too long, has too many, or took too long to read."""
    note: str = ""
    """What is unusual about it."""

    @property
    def is_redirect(self) -> bool:
        """Whether it redirects to another URL."""
        return bool(self.redirects_to)

    @property
    def is_page(self) -> bool:
        """Whether it is HTML that was fetched."""
        return 200 <= self.status < 300 and self.content_type in PAGES

    @property
    def is_broken(self) -> bool:
        """Whether fetching it failed; a refused address does not count."""
        is_refused = self.problem is Problem.REFUSED
        return not is_refused and (self.problem is not None or self.status >= 400)

    @property
    def is_indexable(self) -> bool:
        """Whether it belongs in a sitemap."""
        return self.is_page and not self.is_noindex and self.canonical in {"", self.url}

    @property
    def outcome(self) -> str:
        """Its status code, or the problem in a few words."""
        if self.problem:
            return str(self.problem)
        return f"{self.status}"


@dataclass(frozen=True, slots=True)
class Link:
    """A link from a page that was read to a URL of the same or another site."""

    source: str
    target: str
    text: str = ""
    is_nofollow: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """A URL that the guard did not let the crawl connect to."""

    url: str
    reason: str
    source: str
    """Where it was found."""
    way: str
    """`link`, `redirect` or `start`."""


@dataclass(slots=True)
class Crawled:
    """Everything that a crawl has found; filled in while it runs."""

    start: str
    pages: dict[str, Page] = field(default_factory=dict)
    """In the order of the crawl."""
    links: list[Link] = field(default_factory=list)
    external: dict[str, Page | None] = field(default_factory=dict)
    """URLs of other sites, with their answers if they were requested."""
    disallowed: dict[str, str] = field(default_factory=dict)
    """URLs that robots.txt disallows, with the page that links to them."""
    refusals: dict[str, Refusal] = field(default_factory=dict)
    links_left_out: int = 0
    too_deep: int = 0
    not_fetched: int = 0
    """URLs of the site that were known but not fetched when a limit was reached."""
    ending: Ending = Ending.COMPLETE
    seconds: float = 0.0
    received_bytes: int = 0
    site_url: str = ""
    """The start page, or the URL that it redirects to."""
