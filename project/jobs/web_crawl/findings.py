"""What a crawl reports about a site: broken links, redirects, figures. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from project.jobs.web_crawl.pages import Crawled, Link, Page

MAX_SOURCES = 20
"""The most linking pages named for one broken URL; further ones are only counted."""
REFUSES_PROGRAMS = frozenset({401, 403, 405, 406, 429, 451, 503, 999})
"""Statuses with which other sites refuse programs, though a browser may get the page."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A broken URL that pages link to."""

    url: str
    outcome: str
    """Its status code, or the problem."""
    detail: str
    is_external: bool
    links: int
    sources: tuple[Link, ...]
    """The first links to it."""
    way: tuple[str, ...] = ()
    """The URLs that its redirects lead through, if there are any."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """A URL that redirects to another."""

    url: str
    status: int
    target: str
    end: str
    hops: int
    links: int
    trouble: str = ""
    """`loop`, or what is wrong with the URL at its end."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found out about a crawled site."""

    crawled: Crawled
    broken: tuple[Broken, ...]
    unsure: tuple[Broken, ...]
    """URLs of other sites that refuse programs; they may work in a browser."""
    redirects: tuple[Redirect, ...]
    loops: int
    """URLs whose redirects never end."""
    inlinks: Counter[str] = field(default_factory=Counter)
    """Links to each URL; a link to a redirect also counts for the redirect's end."""
    by_outcome: Counter[str] = field(default_factory=Counter)
    by_depth: Counter[int] = field(default_factory=Counter)

    @property
    def html_pages(self) -> list[Page]:
        """The pages whose HTML was read."""
        return [page for page in self.crawled.pages.values() if page.is_page]

    @property
    def slowest(self) -> list[Page]:
        """The ten slowest answers, slowest first."""
        answered = [page for page in self.crawled.pages.values() if page.status]
        return sorted(answered, key=lambda page: page.seconds, reverse=True)[:10]

    @property
    def unread(self) -> list[Page]:
        """Pages that were not read to the end, so that some of their links are unknown."""
        return [page for page in self.crawled.pages.values() if page.is_unread]

    @property
    def noted(self) -> list[Page]:
        """Pages with something unusual."""
        return [page for page in self.crawled.pages.values() if page.note]


def find_all(crawled: Crawled) -> Findings:
    """Work out the findings of a crawl."""
    inbound = _group_links(crawled.links)
    ways = {url: follow(crawled, url) for url, page in crawled.pages.items() if page.is_redirect}
    dead = list(_find_dead(crawled, ways, inbound))
    return Findings(
        crawled=crawled,
        broken=tuple(one for one in dead if not _is_unsure(one)),
        unsure=tuple(one for one in dead if _is_unsure(one)),
        redirects=tuple(_describe_redirects(crawled, ways, inbound)),
        loops=sum(_is_loop(way) for way in ways.values()),
        inlinks=_count_inlinks(crawled, ways),
        by_outcome=Counter(page.outcome for page in crawled.pages.values()),
        by_depth=Counter(page.depth for page in crawled.pages.values()),
    )


def follow(crawled: Crawled, url: str) -> tuple[str, ...]:
    """The URLs from this one to the end of its redirects; in a loop, the last one occurs twice."""
    way = [url]
    while (page := crawled.pages.get(way[-1])) and page.redirects_to:
        target = page.redirects_to
        is_loop = target in way
        way.append(target)
        if is_loop:
            break
    return tuple(way)


def _is_loop(way: tuple[str, ...]) -> bool:
    return len(set(way)) < len(way)


def _group_links(links: Iterable[Link]) -> dict[str, list[Link]]:
    grouped: defaultdict[str, list[Link]] = defaultdict(list)
    for link in links:
        grouped[link.target].append(link)
    return grouped


def _find_dead(
    crawled: Crawled, ways: dict[str, tuple[str, ...]], inbound: dict[str, list[Link]]
) -> Iterable[Broken]:
    """Yield broken URLs in the order of the crawl, then the other sites'."""
    for url, page in crawled.pages.items():
        way = ways.get(url, (url,))
        end = crawled.pages.get(way[-1]) or crawled.external.get(way[-1])
        outcome, detail = page.outcome, page.detail
        if _is_loop(way):
            outcome, detail = "redirect loop", "Its redirects form a loop."
        elif end is not None and end.is_broken:
            outcome, detail = end.outcome, end.detail
        else:
            continue
        if url in inbound:
            yield _describe_dead(url, (outcome, detail), inbound[url], way[1:])
    for url, answer in crawled.external.items():
        if answer is not None and answer.is_broken and url in inbound:
            told = answer.outcome, answer.detail
            yield _describe_dead(url, told, inbound[url], is_external=True)


def _describe_dead(
    url: str,
    told: tuple[str, str],
    links: list[Link],
    way: tuple[str, ...] = (),
    *,
    is_external: bool = False,
) -> Broken:
    sources = {link.source: link for link in reversed(links)}
    return Broken(
        url=url,
        outcome=told[0],
        detail=told[1],
        is_external=is_external,
        links=len(links),
        sources=tuple(reversed(sources.values()))[:MAX_SOURCES],
        way=way,
    )


def _is_unsure(one: Broken) -> bool:
    return one.is_external and one.outcome in {str(status) for status in REFUSES_PROGRAMS}


def _describe_redirects(
    crawled: Crawled, ways: dict[str, tuple[str, ...]], inbound: dict[str, list[Link]]
) -> Iterable[Redirect]:
    for url, way in ways.items():
        page = crawled.pages[url]
        end = crawled.pages.get(way[-1]) or crawled.external.get(way[-1])
        yield Redirect(
            url=url,
            status=page.status,
            target=page.redirects_to,
            end=way[-1],
            hops=len(way) - 1,
            links=len(inbound.get(url, ())),
            trouble=_find_trouble(crawled, way, end),
        )


def _find_trouble(crawled: Crawled, way: tuple[str, ...], end: Page | None) -> str:
    if _is_loop(way):
        return "loop"
    if way[-1] in crawled.refusals:
        return "refused address"
    if way[-1] in crawled.disallowed:
        return "not allowed by robots.txt"
    return end.outcome if end is not None and end.is_broken else ""


def _count_inlinks(crawled: Crawled, ways: dict[str, tuple[str, ...]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for source, target in dict.fromkeys((link.source, link.target) for link in crawled.links):
        if source != target:
            counts.update(dict.fromkeys(ways.get(target, (target,)), 1))
    return counts
