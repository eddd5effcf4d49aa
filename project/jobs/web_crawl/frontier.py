"""Decides which URLs to fetch next, each only once. Pure.

A crawl goes in waves: all pages of a depth, then the pages they redirect to, then the next depth.
So a page's depth is the smallest number of clicks to it, and two crawls of the same site take the
same pages in the same order, however fast the answers arrive.
"""

from collections import deque
from dataclasses import dataclass

MAX_KNOWN_CHARS = 40_000_000
"""The most characters of all known URLs together; further URLs are dropped."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A URL to fetch."""

    url: str
    depth: int
    """Clicks from the start page."""
    hops: int = 0
    """Redirects in a row that led here."""
    is_start: bool = False
    """Whether it is the start page, or a URL that the start page redirects to."""


class Frontier:
    """The URLs that a crawl has yet to fetch."""

    def __init__(self, start: str, max_depth: int) -> None:
        self._max_depth = max_depth
        self._known = {start}
        self._chars = len(start)
        self._current = deque([Entry(start, 0, is_start=True)])
        self._next: deque[Entry] = deque()
        self.too_deep = 0
        """URLs found beyond the depth limit."""
        self._deep: set[str] = set()

    def __len__(self) -> int:
        return len(self._current) + len(self._next)

    def offer_link(self, source: Entry, url: str) -> None:
        """Queue the target of a page's link, one depth further."""
        if source.depth >= self._max_depth:
            self._note_deep(url)
        elif self._learn(url):
            self._next.append(Entry(url, source.depth + 1))

    def offer_redirect(self, source: Entry, url: str) -> None:
        """Queue the target of a redirect, at the same depth."""
        if self._learn(url):
            target = Entry(url, source.depth, source.hops + 1, source.is_start)
            self._current.append(target)

    def take_wave(self, limit: int) -> list[Entry]:
        """Take the next URLs, all of one depth, at most `limit`."""
        if not self._current:
            self._current, self._next = self._next, deque()
        return [self._current.popleft() for _ in range(min(limit, len(self._current)))]

    def _learn(self, url: str) -> bool:
        if url in self._known or self._chars + len(url) > MAX_KNOWN_CHARS:
            return False
        self._known.add(url)
        self._chars += len(url)
        return True

    def _note_deep(self, url: str) -> None:
        if url not in self._known and url not in self._deep and self._chars < MAX_KNOWN_CHARS:
            self._deep.add(url)
            self._chars += len(url)
            self.too_deep += 1
