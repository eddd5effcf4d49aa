"""Describes a page by the server's answer and the HTML in it. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from project.jobs.web_crawl.fetching import Answer, Problem
from project.jobs.web_crawl.frontier import Entry
from project.jobs.web_crawl.page_parser import find_refresh
from project.jobs.web_crawl.pages import Page
from project.jobs.web_crawl.parsing import ReadPage
from project.jobs.web_crawl.urls import normalise

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


def find_target(answer: Answer) -> str | None:
    """Where a redirect leads; None if the answer is no redirect or has no usable target."""
    if answer.status not in _REDIRECTS:
        return None
    return normalise(answer.headers.get("location", ""), answer.url)


def describe_page(entry: Entry, answer: Answer, target: str | None, read: ReadPage | None) -> Page:
    """Describe the page found at an entry of the frontier."""
    page = Page(
        url=entry.url,
        depth=entry.depth,
        status=answer.status,
        problem=answer.problem,
        detail=answer.detail,
        content_type=answer.media_type,
        received_bytes=answer.received_bytes,
        seconds=answer.seconds,
        is_cut=answer.is_cut,
        redirects_to=target or "",
        last_modified=answer.headers.get("last-modified", ""),
        is_unread=bool(_find_note(answer, read)),
        note=_find_note(answer, read),
    )
    if answer.status in _REDIRECTS and not target:
        return replace(page, problem=Problem.NONSENSE, detail="It redirects to an invalid address.")
    if read is None:
        return replace(page, is_noindex="noindex" in answer.headers.get("x-robots-tag", ""))
    return replace(
        page,
        title=read.title,
        canonical=normalise(read.canonical, entry.url) or "" if read.canonical else "",
        is_noindex=says(page, read, "noindex") or "noindex" in answer.headers["x-robots-tag"],
    )


def _find_note(answer: Answer, read: ReadPage | None) -> str:
    if answer.is_html and read is None:
        return "Its HTML could not be read in time, so its links are unknown."
    if answer.is_cut:
        return "It is longer than 2 MB; the rest was not read."
    if read is not None and read.links_left_out:
        return f"{read.links_left_out:,} of its links were left out, because it has too many."
    return ""


def says(page: Page, read: ReadPage, word: str) -> bool:
    """Whether the page's robots element contains the word, or `none`."""
    words = {one.strip() for one in read.robots.split(",")}
    return word in words or "none" in words


def resolve_links(
    page: Page, answer: Answer, read: ReadPage
) -> Iterator[tuple[str | None, str, bool]]:
    """Yield each link's URL (None if it is not HTTP), its text, and whether it is nofollow."""
    base = normalise(read.base, page.url) or page.url
    if refresh := find_refresh(answer.headers.get("refresh", "")):
        yield normalise(refresh, page.url), "", False
    for link in read.links:
        yield normalise(link.href, base), link.text, link.is_nofollow
