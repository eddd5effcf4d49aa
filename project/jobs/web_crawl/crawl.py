"""A crawl, wave by wave: fetch pages, read them, record what they hold, queue their links."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from time import monotonic
from typing import TypeVar

import structlog

from project.errors import PermanentError, TemporaryError
from project.jobs.web_crawl.content_types import XHTML
from project.jobs.web_crawl.describing import describe_page, find_target, resolve_links, says
from project.jobs.web_crawl.fetching import ANYTHING, Answer, Fetcher, Problem, trusted_authorities
from project.jobs.web_crawl.frontier import Entry, Frontier
from project.jobs.web_crawl.guard import Guard, RefusedError
from project.jobs.web_crawl.pacing import Pacer
from project.jobs.web_crawl.pages import Crawled, Ending, Link, Page, Refusal
from project.jobs.web_crawl.parsing import PageParser, ReadPage
from project.jobs.web_crawl.robots import Rules, read_rules
from project.jobs.web_crawl.starting import check_start, refuse_by_robots
from project.jobs.web_crawl.transport import (
    Addresses,
    GuardedBackend,
    GuardedTransport,
    Resolve,
    resolve,
)
from project.jobs.web_crawl.urls import DEFAULT_PORTS, host_of, origin_of, port_of, site_of

TICK_SECONDS = 0.2
"""How often the crawl reports progress and checks whether the job must stop."""
MAX_HOPS = 5
MAX_LINKS = 200_000
MAX_RECEIVED_BYTES = 1024 * 1024 * 1024
MAX_EXTERNAL = 2000
MAX_REFUSALS = 500

_log = structlog.get_logger()
Item = TypeVar("Item")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to crawl, and how."""

    start: str
    """The normalised URL of the start page."""
    max_pages: int
    max_depth: int
    concurrency: int
    requests_per_second: float
    respects_robots: bool
    checks_external: bool
    allowed_networks: tuple[str, ...] = ()
    ends_at: float = float("inf")
    """The value of `time.monotonic()` at which the crawl stops fetching."""


Tell = Callable[[int, int, str], None]
"""Called with pages done, pages in all and the step; raises if the job must stop."""


async def crawl(plan: Plan, tell: Tell, look_up: Resolve = resolve) -> Crawled:
    """Crawl a site. PermanentError or TemporaryError if the start page cannot be fetched."""
    ports = {*DEFAULT_PORTS.values(), port_of(plan.start)}
    addresses = Addresses(Guard(plan.allowed_networks), ports, look_up)
    transport = GuardedTransport(GuardedBackend(addresses), plan.concurrency, trusted_authorities())
    async with AsyncExitStack() as stack:
        stack.callback(addresses.close)
        stack.push_async_callback(transport.aclose)
        parser = PageParser()
        stack.push_async_callback(parser.close)
        fetcher = Fetcher(transport, Pacer(1 / plan.requests_per_second))
        return await Crawl(plan, tell, fetcher, addresses, parser).run()


class Crawl:
    """One run over a site."""

    def __init__(
        self, plan: Plan, tell: Tell, fetcher: Fetcher, addresses: Addresses, parser: PageParser
    ) -> None:
        self._plan = plan
        self._tell = tell
        self._fetcher = fetcher
        self._addresses = addresses
        self._parser = parser
        self._site = site_of(plan.start)
        self._frontier = Frontier(plan.start, plan.max_depth)
        self._rules: dict[str, Rules] = {}
        self._found = Crawled(plan.start, site_url=plan.start)
        self._done = 0
        self._left = 0
        """Items of the current batch that are not done."""

    async def run(self) -> Crawled:
        """Take wave after wave until no URL is left or a limit is reached."""
        began = monotonic()
        while (ending := self._find_ending()) is None:
            await self._take_wave()
        if not self._found.pages:
            raise TemporaryError("There was no time to fetch the start page.")
        if ending is Ending.COMPLETE and not any(map(_is_read, self._found.pages.values())):
            raise PermanentError("The start page redirects endlessly: check the URL.")
        self._found.ending = ending
        self._found.not_fetched += len(self._frontier)
        self._found.too_deep = self._frontier.too_deep
        if self._plan.checks_external:
            await self._check_external()
        self._name_sources()
        self._found.seconds = monotonic() - began
        self._found.received_bytes = self._fetcher.received_bytes
        return self._found

    async def _take_wave(self) -> None:
        entries = self._frontier.take_wave(self._plan.max_pages - len(self._found.pages))
        allowed = [entry for entry in entries if await self._is_allowed(entry)]
        step = f"Fetching pages at depth {entries[0].depth}"
        visits = await self._do_all(allowed, self._visit, step)
        for entry, visit in zip(allowed, visits, strict=True):
            await self._note(entry, visit)
        _log.info("pages_fetched", depth=entries[0].depth, pages=len(self._found.pages))

    def _name_sources(self) -> None:
        """Record for each disallowed URL the first page that links to it."""
        sources = {link.target: link.source for link in reversed(self._found.links)}
        for url in self._found.disallowed:
            self._found.disallowed[url] = sources.get(url, "")

    # ── Limits ─────────────────────────────────────────────────────────────────────────────────

    def _find_ending(self) -> Ending | None:
        """Why the crawl ends now; None if it continues."""
        if not self._frontier and not self._found.not_fetched:
            return Ending.COMPLETE
        if monotonic() >= self._plan.ends_at:
            return Ending.TIME
        if self._fetcher.received_bytes > MAX_RECEIVED_BYTES:
            return Ending.BYTES
        return Ending.PAGES if len(self._found.pages) >= self._plan.max_pages else None

    async def _do_all(
        self, items: Sequence[Item], work: Callable[[Item], Awaitable[Value]], step: str
    ) -> list[Value | None]:
        """The results in the order of the items; None for items that time or bytes ran out for."""
        values: list[Value | None] = [None] * len(items)
        waiting = iter(enumerate(items))
        self._left = len(items)

        async def work_off() -> None:
            for index, item in waiting:
                values[index] = await work(item)
                self._done += 1
                self._left -= 1

        tasks = [asyncio.ensure_future(work_off()) for _ in range(self._plan.concurrency)]
        try:
            await self._watch(tasks, step)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return values

    async def _watch(self, tasks: Sequence["asyncio.Future[None]"], step: str) -> None:
        """Wait until the tasks are done or a limit is reached; `tell` raises to stop the job."""
        pending = set(tasks)
        while pending and monotonic() < self._plan.ends_at:
            self._tell(self._done, self._guess_total(), step)
            done, pending = await asyncio.wait(
                pending, timeout=TICK_SECONDS, return_when=asyncio.FIRST_EXCEPTION
            )
            for task in done:
                task.result()
            if self._fetcher.received_bytes > MAX_RECEIVED_BYTES:
                break

    def _guess_total(self) -> int:
        room = max(0, self._plan.max_pages - len(self._found.pages) - self._left)
        return self._done + self._left + min(room, len(self._frontier))

    # ── Robots ─────────────────────────────────────────────────────────────────────────────────

    async def _is_allowed(self, entry: Entry) -> bool:
        """Whether robots.txt allows the URL; records it if not."""
        if not self._plan.respects_robots:
            return True
        self._tell(self._done, self._guess_total(), "Checking URLs against robots.txt")
        rules = await self._find_rules(origin_of(entry.url))
        if rules.allows(entry.url):
            return True
        if entry.is_start:
            raise refuse_by_robots(entry.url, rules)
        self._found.disallowed.setdefault(entry.url, "")
        return False

    async def _find_rules(self, origin: str) -> Rules:
        if origin not in self._rules:
            (rules,) = await self._do_all([origin], self._fetch_rules, "Reading robots.txt")
            self._rules[origin] = rules or Rules(refusal="The crawl ran out of time.")
        return self._rules[origin]

    async def _fetch_rules(self, origin: str) -> Rules:
        url: str | None = f"{origin}/robots.txt"
        answer = Answer(str(url))
        for _ in range(MAX_HOPS + 1):
            answer = await self._fetcher.fetch(str(url), ANYTHING)
            url = find_target(answer)
            if url is None:
                break
        if answer.problem is Problem.NO_HOST and host_of(answer.url) == host_of(origin):
            return Rules()  # no host forbids anything; fetching the page reports the problem
        if answer.problem is Problem.REFUSED:
            raise PermanentError(answer.detail)
        rules = read_rules(answer)
        self._fetcher.slow_down(host_of(origin), rules.delay_seconds)
        return rules

    # ── One page ───────────────────────────────────────────────────────────────────────────────

    async def _visit(self, entry: Entry) -> tuple[Answer, ReadPage | None]:
        answer = await self._fetcher.fetch(entry.url)
        if not answer.is_html:
            return answer, None
        return answer, await self._parser.read(
            answer.body, answer.headers["content-type"], is_xml=answer.media_type == XHTML
        )

    async def _note(self, entry: Entry, visit: tuple[Answer, ReadPage | None] | None) -> None:
        if visit is None:
            self._found.not_fetched += 1
            return
        answer, read = visit
        target = find_target(answer)
        page = describe_page(entry, answer, target, read)
        if entry.is_start:
            check_start(page)
            self._found.site_url = entry.url
        self._found.pages[entry.url] = page
        if page.problem is Problem.REFUSED:
            self._refuse(entry.url, page.detail, entry.url, "link")
        if target:
            await self._note_redirect(entry, page, target)
        elif read is not None:
            self._found.pages[entry.url] = await self._note_links(entry, page, answer, read)

    async def _note_redirect(self, entry: Entry, page: Page, target: str) -> None:
        if entry.is_start:
            self._site = self._site.widen(target)
        if not self._site.holds(target):
            self._found.external.setdefault(target, None)
            await self._check_target(target, entry.url)
        elif entry.hops >= MAX_HOPS:
            self._found.pages[entry.url] = replace(
                page,
                problem=Problem.REDIRECTS,
                detail=f"More than {MAX_HOPS} redirects in a row.",
                redirects_to="",
            )
        else:
            self._frontier.offer_redirect(entry, target)

    async def _check_target(self, target: str, source: str) -> None:
        """Check where a redirect that leaves the site leads; the crawl does not follow it."""
        try:
            async with asyncio.timeout(TICK_SECONDS * 10):
                await self._addresses.find(host_of(target), port_of(target))
        except RefusedError as error:
            self._refuse(target, str(error), source, "redirect")
        except OSError:  # no such host, or not in time
            return

    async def _note_links(self, entry: Entry, page: Page, answer: Answer, read: ReadPage) -> Page:
        await asyncio.sleep(0)
        counts = {"links": 0, "other_links": 0, "nofollow_links": 0}
        is_followed = not (self._plan.respects_robots and says(page, read, "nofollow"))
        for target, text, is_nofollow in resolve_links(page, answer, read):
            counts["nofollow_links"] += is_nofollow
            if target is None:
                counts["other_links"] += 1
                continue
            counts["links"] += 1
            self._note_link(entry, Link(page.url, target, text, is_nofollow), is_followed)
        self._found.links_left_out += read.links_left_out
        return replace(
            page,
            links=counts["links"],
            other_links=counts["other_links"],
            nofollow_links=counts["nofollow_links"],
        )

    def _note_link(self, entry: Entry, link: Link, is_followed: bool) -> None:
        if len(self._found.links) >= MAX_LINKS:
            self._found.links_left_out += 1
        else:
            self._found.links.append(link)
        if self._site.holds(link.target):
            if is_followed:
                self._frontier.offer_link(entry, link.target)
            return
        if link.target in self._found.external or len(self._found.external) >= MAX_LINKS:
            return
        self._found.external[link.target] = None
        try:
            self._addresses.check_literal(host_of(link.target))
        except RefusedError as error:
            self._refuse(link.target, str(error), link.source, "link")

    def _refuse(self, url: str, reason: str, source: str, way: str) -> None:
        if len(self._found.refusals) < MAX_REFUSALS:
            self._found.refusals.setdefault(url, Refusal(url, reason, source, way))

    # ── Other sites ────────────────────────────────────────────────────────────────────────────

    async def _check_external(self) -> None:
        """Request each URL of another site once."""
        urls = [url for url in self._found.external if url not in self._found.refusals]
        checked = urls[:MAX_EXTERNAL]
        answers = await self._do_all(checked, self._probe, "Checking links to other sites")
        sources = {link.target: link.source for link in reversed(self._found.links)}
        for url, page in zip(checked, answers, strict=True):
            self._found.external[url] = page
            if page is not None and page.problem is Problem.REFUSED:
                self._refuse(url, page.detail, sources.get(url, ""), "link")

    async def _probe(self, url: str) -> Page:
        current, answer = url, Answer(url)
        for _ in range(MAX_HOPS + 1):
            answer = await self._fetcher.probe(current)
            target = find_target(answer)
            if target is None:
                return describe_page(Entry(url, 0), answer, None, None)
            current = target
        detail = f"More than {MAX_HOPS} redirects in a row."
        return Page(url, 0, problem=Problem.REDIRECTS, detail=detail)


def _is_read(page: Page) -> bool:
    return page.is_page
