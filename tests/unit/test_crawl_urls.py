"""URLs of a crawl: one spelling for each page, the site's own or not, each in its turn."""

import pytest

from project.jobs.web_crawl.frontier import Entry, Frontier
from project.jobs.web_crawl.urls import normalise, port_of, site_of

BASE = "https://example.org/docs/page?x=1"


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("", BASE),
        ("#part", BASE),
        ("other", "https://example.org/docs/other"),
        ("../up", "https://example.org/up"),
        ("../../../above", "https://example.org/above"),
        ("/a/./b/../c/", "https://example.org/a/c/"),
        ("/a/..", "https://example.org/"),
        ("//cdn.example.org/x", "https://cdn.example.org/x"),
        ("?y=2&a=1", "https://example.org/docs/page?y=2&a=1"),
        ("HTTP://EXAMPLE.ORG:80", "http://example.org/"),
        ("https://example.org:443/", "https://example.org/"),
        ("https://example.org:8443/", "https://example.org:8443/"),
        ("https://example.org./", "https://example.org/"),
        ("/a b?c d", "https://example.org/a%20b?c%20d"),
        ("/%7Euser/%e4", "https://example.org/~user/%E4"),
        ("/100%", "https://example.org/100%25"),
        ("/stra\u00dfe", "https://example.org/stra%C3%9Fe"),
        ("https://b\u00fccher.example/", "https://xn--bcher-kva.example/"),
        ("\\\\example.org\\a", "https://example.org/a"),
        (" /a\n\tb ", "https://example.org/ab"),
        ("http://[::1]:8080/", "http://[::1]:8080/"),
        ('/"<>', "https://example.org/%22%3C%3E"),
    ],
)
def test_page_has_one_spelling(link: str, url: str) -> None:
    assert normalise(link, BASE) == url


@pytest.mark.parametrize(
    "link",
    [
        "mailto:ada@example.org",
        "javascript:alert(1)",
        "tel:+491234",
        "data:text/html,x",
        "file:///etc/passwd",
        "ftp://example.org/",
        "gopher://example.org:6379/_FLUSHALL",
        "https://user:password@example.org/",
        "https://user@example.org/",
        "https://example.org:port/",
        "https://example.org:99999/",
        "https://example.org:0/",
        "https://[::1/",
        "https://exa mple.org/",
        "https://example.org\0.evil/",
        "https://exa<mple.org/",
        "/" + "a" * 2000,
        "/" + "\u00e4" * 400,
    ],
)
def test_what_cannot_be_fetched_is_no_url(link: str) -> None:
    assert normalise(link, BASE) is None


@pytest.mark.parametrize("link", ["a", "/a b/../c?d=%7e#e", "//h/\u00e4?\u00e4", "/%%41"])
def test_spelling_does_not_change_again(link: str) -> None:
    once = normalise(link, BASE)

    assert once is not None
    assert normalise(once) == once


@pytest.mark.parametrize(
    ("url", "is_ours"),
    [
        ("https://example.org/x", True),
        ("http://example.org/", True),
        ("https://www.example.org/", True),
        ("https://api.example.org/", False),
        ("https://example.org.evil.example/", False),
        ("https://example.org:8443/", False),
    ],
)
def test_site_is_its_host_with_and_without_www(url: str, is_ours: bool) -> None:
    assert site_of("https://www.example.org/").holds(url) is is_ours


def test_site_on_a_port_of_its_own_is_that_port_alone() -> None:
    site = site_of("http://example.org:8080/")

    assert site.holds("http://example.org:8080/x")
    assert not site.holds("http://example.org/x")
    assert port_of("http://example.org:8080/") == 8080


def test_site_goes_along_when_its_start_page_has_moved() -> None:
    site = site_of("https://old.example/").widen("https://new.example/")

    assert site.holds("https://new.example/a")
    assert site.holds("https://old.example/a")


# ── The frontier ─────────────────────────────────────────────────────────────────────────────────


def urls(entries: list[Entry]) -> list[str]:
    return [entry.url for entry in entries]


def test_pages_come_depth_by_depth_and_each_of_them_once() -> None:
    frontier = Frontier("a", max_depth=9)
    (start,) = frontier.take_wave(10)
    for url in ("b", "a", "c", "b"):
        frontier.offer_link(start, url)

    wave = frontier.take_wave(10)
    for entry in wave:
        frontier.offer_link(entry, "d")
        frontier.offer_link(entry, "c")

    assert start == Entry("a", 0, is_start=True)
    assert wave == [Entry("b", 1), Entry("c", 1)]
    assert frontier.take_wave(10) == [Entry("d", 2)]
    assert frontier.take_wave(10) == []


def test_redirect_stays_at_its_depth_and_is_counted() -> None:
    frontier = Frontier("a", max_depth=9)
    (start,) = frontier.take_wave(1)
    frontier.offer_link(start, "far")
    frontier.offer_redirect(start, "b")

    (target,) = frontier.take_wave(10)

    assert target == Entry("b", 0, hops=1, is_start=True)
    assert urls(frontier.take_wave(10)) == ["far"]


def test_wave_is_as_small_as_what_may_still_be_fetched() -> None:
    frontier = Frontier("a", max_depth=9)
    (start,) = frontier.take_wave(1)
    for number in range(5):
        frontier.offer_link(start, f"{number}")

    assert urls(frontier.take_wave(2)) == ["0", "1"]
    assert len(frontier) == 3


def test_what_lies_below_the_last_depth_is_counted_once() -> None:
    frontier = Frontier("a", max_depth=0)
    (start,) = frontier.take_wave(1)
    for url in ("b", "c", "b", "a"):
        frontier.offer_link(start, url)

    assert frontier.take_wave(1) == []
    assert frontier.too_deep == 2
