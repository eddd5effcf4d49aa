"""A web site to crawl, in the test's own process: 500 pages, and what a crawl must survive.

It listens on 127.0.0.1. A trap listens on the same port of 127.0.0.2, where no crawl may connect
to: it counts who does. What the site must give is told beside it, so that tests can compare.
"""

import gzip
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SITE_HOST, TRAP_HOST = "127.0.0.1", "127.0.0.2"
TRAP_AS_NUMBER = 2130706434
"""127.0.0.2 as one number, which resolvers take for a name of it."""

SECTIONS, ARTICLES = 20, 23
CALENDAR_PAGES = 5
"""Of an endless calendar: as deep as the tests let a crawl go."""
MAX_DEPTH = 5
PAGES = 500
BROKEN = {
    "/missing/1": "404",
    "/missing/2": "404",
    "/gone": "410",
    "/error": "500",
    "/cut-off": "broken answer",
    "/moved/missing": "404",
    "/loop/a": "redirect loop",
    "/stairs/0": "too many redirects",
}
REFUSED_LITERALS = ("http://[::ffff:169.254.169.254]/latest/", "http://10.0.0.1/admin")
METADATA = "http://169.254.169.254/latest/meta-data/"
DISALLOWED = ("/private/1", "/private/2", "/private/salaries?year=2026")
HOSTILE_TITLE = "<script>alert(1)</script> & =HYPERLINK"

_ROBOTS = "User-agent: *\nDisallow: /private/\n\nUser-agent: OtherBot\nDisallow: /\n"


@dataclass(frozen=True)
class Reply:
    """What the site answers."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    is_endless: bool = False


@dataclass
class Site:
    """The running site."""

    port: int
    hits: Counter[str] = field(default_factory=Counter)
    """Requests by path and query."""
    agents: set[str] = field(default_factory=set)
    trapped: list[str] = field(default_factory=list)
    """Who has connected to the trap."""

    @property
    def url(self) -> str:
        """The start page."""
        return f"http://{SITE_HOST}:{self.port}/"

    def trap(self, host: object = TRAP_HOST) -> str:
        """A URL of the trap."""
        return f"http://{host}:{self.port}/secret"


def page(title: str, *links: str, head: str = "", text: str = "") -> bytes:
    """An HTML page with these links."""
    anchors = "\n".join(f'<li><a href="{link}">To {link}</a></li>' for link in links)
    return (
        f"<!doctype html><html><head><title>{title}</title>{head}</head>"
        f"<body><h1>{title}</h1><p>{text}</p><ul>{anchors}</ul></body></html>"
    ).encode()


def html(body: bytes, **headers: str) -> Reply:
    """A page as most servers send it."""
    return Reply(body, headers={"Content-Type": "text/html; charset=utf-8"} | headers)


def redirect(location: str, status: int = 302) -> Reply:
    """Leads elsewhere."""
    return Reply(status=status, headers={"Location": location})


def answer(site: Site, path: str) -> Reply:
    """What is at a path."""
    special = _specials(site).get(path)
    if special is not None:
        return special()
    section, _, article = path.removeprefix("/section/").partition("/")
    if path.startswith("/section/") and section.isdigit():
        return _article(int(section), int(article)) if article else _section(int(section))
    name, _, number = path[1:].partition("/")
    if name == "calendar" and number.isdigit():
        return html(page(f"Week {number}", "/", f"/calendar/{int(number) + 1}"))
    if name == "stairs" and number.isdigit():
        return redirect(f"/stairs/{int(number) + 1}")
    return Reply(b"Nothing here", 404)


def _specials(site: Site) -> dict[str, Callable[[], Reply]]:
    busy = {"Retry-After": "0"}
    return {
        "/robots.txt": lambda: Reply(_ROBOTS.encode(), headers={"Content-Type": "text/plain"}),
        "/": lambda: html(page("Home", *(f"/section/{n}/" for n in range(SECTIONS)), *_HUBS)),
        "/odd": lambda: html(page("Odd", *_odd_links(site), head="", text=_LITERAL_LINKS)),
        "/about": lambda: html(page("About", "/", "about#team", "./about")),
        "/latin": lambda: Reply(
            page("Caf\xe9").decode().encode("latin-1"),
            headers={"Content-Type": "text/html; charset=iso-8859-1"},
        ),
        "/hostile": lambda: html(
            page("&lt;script&gt;alert(1)&lt;/script&gt; &amp; =HYPERLINK", "/")
        ),
        "/hidden": lambda: html(page("Hidden", head='<meta name="Robots" content="NOINDEX">')),
        "/copy": lambda: html(page("Copy", head='<link rel="canonical" href="/about">')),
        "/based/page": lambda: html(page("Based", "target", head='<base href="/elsewhere/">')),
        "/elsewhere/target": lambda: html(page("Target of a base")),
        "/huge": lambda: html(page("Huge", "/about") + b"x" * 3_000_000),
        "/bomb": lambda: html(_bomb(), **{"Content-Encoding": "gzip"}),
        # Nobody links to these two: tests begin there.
        "/inside": lambda: html(page("Inside", *DISALLOWED)),
        "/outside": lambda: html(page("Outside", "/trap/name", text=_LITERAL_LINKS)),
        "/tangled": lambda: html(b"<title>Tangled</title>" + b"<div>" * 350_000),
        "/endless": lambda: Reply(
            page("Endless", "/about"), headers={"Content-Type": "text/html"}, is_endless=True
        ),
        "/busy": lambda: (
            html(page("Busy no more")) if site.hits["/busy"] > 1 else Reply(b"", 503, busy)
        ),
        "/list?q=%3Cb%3E&x='": lambda: html(page("A query that must be escaped")),
        "/paper.pdf": lambda: Reply(b"%PDF-1.7", headers={"Content-Type": "application/pdf"}),
        "/gone": lambda: Reply(b"", 410),
        "/error": lambda: Reply(b"", 500),
        "/moved": lambda: redirect("/about", 301),
        "/moved/missing": lambda: redirect("/missing/1"),
        "/loop/a": lambda: redirect("/loop/b"),
        "/loop/b": lambda: redirect("/loop/a"),
        "/trap/metadata": lambda: redirect(METADATA),
        "/trap/address": lambda: redirect(site.trap()),
        "/trap/name": lambda: redirect(site.trap(TRAP_AS_NUMBER)),
    }


@cache
def _bomb() -> bytes:
    return gzip.compress(page("Bomb", "/about") + b"\0" * 100_000_000)


_HUBS = ("/odd", "/about", "/calendar/0", "/huge", "/bomb", "/latin")
_LITERAL_LINKS = (
    "".join(f'<a href="{url}">inside</a>' for url in REFUSED_LITERALS)
    + '<a rel="nofollow" href="/list?q=<b>&x=&apos;">@SUM(1)</a>'
    + '<a href="mailto:ada@example.org">mail</a><a href="javascript:alert(1)">script</a>'
    + '<a href="tel:+491234">phone</a><a href="https://elsewhere.invalid/">another site</a>'
)


def _odd_links(site: Site) -> tuple[str, ...]:
    return (
        *(url for url in BROKEN if url != "/loop/b"),
        *DISALLOWED,
        *("/hostile", "/hidden", "/copy", "/based/page", "/tangled", "/endless", "/busy"),
        *("/paper.pdf", "/moved", "/trap/metadata", "/trap/address", "/trap/name"),
    )


def _section(number: int) -> Reply:
    around = f"/section/{(number + 1) % SECTIONS}/", f"/section/{(number - 1) % SECTIONS}/"
    articles = (f"/section/{number}/{article}" for article in range(ARTICLES))
    return html(page(f"Section {number}", "/", *around, *articles))


def _article(section: int, article: int) -> Reply:
    if article >= ARTICLES:
        return Reply(b"", 404)
    related = f"/section/{(section * 7 + article) % SECTIONS}/{(article * 5 + 3) % ARTICLES}"
    broken = ("/missing/2",) if section == 3 and article < 4 else ()
    links = ("/", f"/section/{section}/", f"../{section}/{(article + 1) % ARTICLES}", related)
    return html(page(f"Article {section}.{article}", *links, *broken))


@contextmanager
def serving() -> Iterator[Site]:
    """The site and its trap, on the same port of two addresses."""
    server = _Server((SITE_HOST, 0), _Handler)
    site = Site(server.server_port)
    server.site = site  # type: ignore[attr-defined]  # the handler finds it there
    with socket.create_server((TRAP_HOST, site.port)) as trap, server:
        for target in (server.serve_forever, lambda: _watch(trap, site.trapped)):
            threading.Thread(target=target, daemon=True).start()
        yield site
        server.shutdown()


def _watch(trap: socket.socket, trapped: list[str]) -> None:
    with suppress(OSError):  # it is closed at the end
        while True:
            connection, address = trap.accept()
            trapped.append(str(address))
            connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A crawl that has read enough closes its connection: that is no error."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        site: Site = self.server.site  # type: ignore[attr-defined]
        site.hits[self.path] += 1
        site.agents.add(self.headers["User-Agent"])
        if self.path == "/cut-off":
            self.close_connection = True
            return
        self._send(answer(site, self.path))

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if not reply.is_endless:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        with suppress(ConnectionError):  # a crawl stops reading what is too long
            self.wfile.write(reply.body)
            while reply.is_endless:
                self.wfile.write(b"<!-- and on -->" * 1000)

    def log_message(self, *args: object) -> None:
        """Says nothing."""
