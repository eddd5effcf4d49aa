"""One URL, fetched from a server that does what it likes; robots.txt; the pace."""

import asyncio
import gzip
import os
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
import trustme

from project.jobs.web_crawl.codings import MAX_BODY_BYTES, Decoder
from project.jobs.web_crawl.content_types import choose_type
from project.jobs.web_crawl.fetching import (
    Answer,
    Fetcher,
    Problem,
    find_patience,
    trusted_authorities,
)
from project.jobs.web_crawl.guard import Guard
from project.jobs.web_crawl.pacing import Pacer
from project.jobs.web_crawl.robots import MAX_CRAWL_DELAY_SECONDS, read_rules
from project.jobs.web_crawl.transport import Addresses, GuardedBackend, GuardedTransport

HOST = "site.example"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _local(host: str) -> list[str]:
    if host != HOST:
        raise OSError("no such host")
    return ["127.0.0.1"]


@asynccontextmanager
async def server(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that talks so with everybody; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await talk(reader, writer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls) as running:
        yield running.sockets[0].getsockname()[1]


@asynccontextmanager
async def fetcher(port: int, seconds: float = 20.0, tls: ssl.SSLContext | None = None) -> (
    AsyncIterator[Fetcher]
):  # fmt: skip
    addresses = Addresses(Guard(["127.0.0.1/32"]), {port}, _local)
    transport = GuardedTransport(GuardedBackend(addresses), 4, tls or trusted_authorities())
    try:
        yield Fetcher(transport, Pacer(0), seconds)
    finally:
        await transport.aclose()
        addresses.close()


def fetch(*replies: bytes, seconds: float = 20.0, path: str = "/", is_held: bool = False) -> Answer:
    """What is made of these replies, one for each request; held: the connection stays open."""

    async def run() -> Answer:
        waiting, over = list(replies), asyncio.Event()

        async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(waiting.pop(0))
            await writer.drain()
            if is_held:
                await over.wait()

        async with server(talk) as port, fetcher(port, seconds) as one:
            answer = await one.fetch(f"http://{HOST}:{port}{path}")
            over.set()
            return answer

    return asyncio.run(run())


def reply(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    """An answer as a server writes it."""
    names = {"Content-Type": "text/html", "Content-Length": str(len(body)), "Connection": "close"}
    names |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in names.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


def test_page_comes_with_its_body_and_what_is_of_use() -> None:
    answer = fetch(reply(b"<p>hello", Last_Modified="Mon", Set_Cookie="a=b"))

    assert (answer.status, answer.body, answer.is_html) == (200, b"<p>hello", True)
    assert answer.headers["last-modified"] == "Mon"
    assert "set-cookie" not in answer.headers


def test_body_of_another_type_is_not_read() -> None:
    answer = fetch(reply(b"%PDF", Content_Type="application/pdf"))

    assert (answer.status, answer.body, answer.media_type) == (200, b"", "application/pdf")


@pytest.mark.parametrize(
    ("types", "body", "is_page"),
    [
        (["text/html"], b"x", True),
        (["application/xhtml+xml; charset=utf-8"], b"x", True),
        (["text/html", "text/html; charset=utf-8"], b"x", True),
        (["text/html, text/html"], b"x", True),
        (["text/html;charset=utf-8", "nonsense"], b"x", True),
        ([], b" <!DOCTYPE html><p>", True),
        ([""], b"<title>x", True),
        (["html"], b"\xef\xbb\xbf<html >", True),
        (["*/*"], b"<!-- x --><p>", True),
        (["application/xml"], b"<html xmlns='http://www.w3.org/1999/xhtml'>", True),
        ([], b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'>", True),
        (["text/xml"], b"<rss/>", False),
        ([], b"plain text", False),
        ([], b"<abbr>", False),
        (["text/plain"], b"<html>", False),
        (["text/html", "application/pdf"], b"<html>", False),
    ],
)
def test_what_browsers_take_for_a_page_is_read(
    types: list[str], body: bytes, is_page: bool
) -> None:
    lines = "".join(f"Content-Type: {one}\r\n" for one in types)
    head = f"HTTP/1.1 200 OK\r\n{lines}Content-Length: {len(body)}\r\n\r\n"

    answer = fetch(head.encode() + body)

    assert answer.is_html is is_page
    assert not is_page or answer.body == body


def test_charset_of_a_type_that_is_said_twice_is_kept() -> None:
    assert choose_type("text/html; charset=gbk, text/html") == "text/html; charset=gbk"
    assert choose_type("text/html; charset=gbk, application/xhtml+xml") == "application/xhtml+xml"


@pytest.mark.parametrize("status", ["203 Non-Authoritative Information", "201 Created"])
def test_page_of_another_success_is_read(status: str) -> None:
    assert fetch(reply(b"<p>", status)).is_html


def test_long_page_is_cut() -> None:
    answer = fetch(reply(b"x" * (MAX_BODY_BYTES + 9)))

    assert len(answer.body) == MAX_BODY_BYTES
    assert answer.is_cut


def test_small_file_cannot_become_a_huge_one() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)

    answer = fetch(reply(bomb, Content_Encoding="gzip"))

    assert len(answer.body) == MAX_BODY_BYTES
    assert answer.received_bytes < 100_000


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
def test_coded_page_is_decoded(compress: Callable[[bytes], bytes]) -> None:
    encoding = "gzip" if compress is gzip.compress else "deflate"

    assert fetch(reply(compress(b"hello"), Content_Encoding=encoding)).body == b"hello"


def zipped(data: bytes) -> bytes:
    """Without the time, so that a test has the same name in each process."""
    return gzip.compress(data, mtime=0)


def deflate_bare(text: bytes) -> bytes:
    """Without zlib's header, as many servers write it."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(text) + packer.flush()


PLAIN = b"<!doctype html><a href=x>" * 100


@pytest.mark.parametrize(
    ("coding", "coded"),
    [
        ("gzip", zipped(PLAIN)),
        ("X-GZIP", zipped(PLAIN)),
        ("deflate", zlib.compress(PLAIN)),
        ("deflate", deflate_bare(PLAIN)),
        ("gzip", zipped(PLAIN[:99]) + zipped(b"") + zipped(PLAIN[99:])),
        ("gzip", zipped(PLAIN) + b"\0\0 and more"),
        ("gzip, gzip", zipped(zipped(PLAIN))),
        ("deflate, gzip", zipped(deflate_bare(PLAIN))),
        ("identity, gzip", zipped(PLAIN)),
        ("gzip", PLAIN),
        ("deflate", PLAIN),
        *((name, PLAIN) for name in ("", "none", "identity", "utf-8", "UTF-8", "chunked", "8bit")),
        ("utf-16", PLAIN.decode().encode("utf-16")),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_coding_is_undone_as_browsers_do(coding: str, coded: bytes, size: int) -> None:
    decoder = Decoder(coding)

    for position in range(0, len(coded), size):
        decoder.feed(coded[position : position + size])
    decoder.finish()

    expected = coded if coding == "utf-16" else PLAIN
    assert (bytes(decoder.body), decoder.is_full) == (expected, False)


@pytest.mark.parametrize(
    ("coding", "bomb"),
    [
        ("gzip", gzip.compress(b"\0" * 50_000_000)),
        ("gzip", gzip.compress(b"\0" * 1_000_000) * 50),
        ("gzip", gzip.compress(b"") * 50_000),
        ("deflate", deflate_bare(b"\0" * 50_000_000)),
        ("gzip, gzip", gzip.compress(gzip.compress(b"\0" * 50_000_000))),
    ],
)
def test_no_coding_makes_much_of_little(coding: str, bomb: bytes) -> None:
    decoder = Decoder(coding)

    decoder.feed(bomb)
    decoder.finish()

    assert decoder.is_full
    assert len(decoder.body) <= MAX_BODY_BYTES


def test_body_that_is_coded_again_and_again_is_not_read() -> None:
    with pytest.raises(zlib.error):
        Decoder(", ".join(["gzip"] * 9))


def test_coded_page_that_is_long_before_it_is_decoded_is_cut() -> None:
    noise = os.urandom(MAX_BODY_BYTES)

    answer = fetch(reply(gzip.compress(noise, 1) + b"\0" * 9, Content_Encoding="gzip"))

    assert answer.is_cut


def test_decoder_takes_parts_and_stops_at_its_limit() -> None:
    decoder = Decoder("gzip")
    coded = gzip.compress(b"a" * (MAX_BODY_BYTES * 3))

    for position in range(0, len(coded), 100):
        decoder.feed(coded[position : position + 100])

    assert decoder.is_full
    assert bytes(decoder.body) == b"a" * MAX_BODY_BYTES


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"", Problem.NONSENSE),
        (b"SSH-2.0-OpenSSH\r\n\r\n", Problem.NONSENSE),
        (b"HTTP/1.1 200 OK\r\n" + b"A: " + b"b" * 200_000 + b"\r\n\r\n", Problem.NONSENSE),
        (reply(b"short", Content_Length="999"), Problem.NONSENSE),
        (reply(b"\0\1 no gzip", Content_Encoding="gzip"), Problem.NONSENSE),
        (reply(b"\0\1 no text", Content_Encoding="lzma"), Problem.NONSENSE),
        (
            reply(gzip.compress(b"x" * 999)[:-9] + b"\0" * 9, Content_Encoding="gzip"),
            Problem.NONSENSE,
        ),
        (reply(b"what is this", Content_Encoding="br"), Problem.NONSENSE),
    ],
)
def test_nonsense_is_told_as_such(answer: bytes, problem: Problem) -> None:
    assert fetch(answer).problem is problem


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\n", reply(Content_Length="9")])
def test_server_that_stops_talking_is_given_up(begun: bytes) -> None:
    answer = fetch(begun, seconds=0.3, is_held=True)

    assert answer.problem is Problem.TIMEOUT


def test_host_and_server_that_are_not_there_are_told_apart() -> None:
    async def run() -> list[Answer]:
        async def hush(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
            """Says nothing."""

        async with server(hush) as port:
            pass
        async with fetcher(port) as one:
            return [await one.fetch(f"http://{host}:{port}/") for host in (HOST, "no.example")]

    assert [one.problem for one in asyncio.run(run())] == [Problem.NO_CONNECTION, Problem.NO_HOST]


def test_tls_goes_by_the_name_although_the_connection_goes_to_the_address() -> None:
    """The certificate is the name's alone."""
    authority = trustme.CA()
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(theirs)
    ours = ssl.create_default_context()
    authority.configure_trust(ours)

    async def run() -> list[Answer]:
        async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(reply(b"secret"))
            await writer.drain()

        answers = []
        async with server(talk, theirs) as port:
            for trust in (ours, None):
                async with fetcher(port, tls=trust) as one:
                    answers.append(await one.fetch(f"https://{HOST}:{port}/"))
        return answers

    trusted, foreign = asyncio.run(run())

    assert (trusted.body, trusted.problem) == (b"secret", None)
    assert foreign.problem is Problem.NO_TLS


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
@pytest.mark.parametrize("moment", ["0", format_datetime(datetime(2020, 1, 1, tzinfo=UTC))])
def test_server_that_asks_for_patience_is_asked_again(status: str, moment: str) -> None:
    busy = reply(status=status, Retry_After=moment)

    assert fetch(busy, busy, reply(b"at last")).body == b"at last"


def test_seconds_with_zeros_before_them_are_read_to_their_end() -> None:
    busy = Answer("", 503, {"retry-after": "00000000000000000007"})

    assert find_patience(busy) == 7


def test_wait_beyond_all_numbers_is_a_long_wait() -> None:
    assert find_patience(Answer("", 429, {"retry-after": "9" * 999})) == float("inf")


def test_server_that_never_has_time_is_asked_three_times() -> None:
    busy = reply(status="503 Service Unavailable", Retry_After="0")

    assert fetch(busy, busy, busy).status == 503


@pytest.mark.parametrize(
    "moment",
    [
        *("", "soon", "-1", "\u00b2", "0x5", "1e3"),
        "Fri, 31 Dec 99999999999999999999 23:59:59 GMT",
        "Wed, 21 Oct 2015 07:28:00 +99999999999999",
        "Wed, 21 Oct 0 99:99:99 -0000",
    ],
)
def test_server_that_names_no_time_is_asked_once(moment: str) -> None:
    busy = reply(status="503 Service Unavailable") if not moment else reply(
        status="503 Service Unavailable", Retry_After=moment
    )  # fmt: skip

    assert fetch(busy).status == 503


# ── The pace ─────────────────────────────────────────────────────────────────────────────────────


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def moments(pacer: Pacer, clock: Clock, *hosts: str) -> list[float]:
    """When each request may begin, from the first one on."""

    async def run() -> list[float]:
        begun = []
        for host in hosts:
            await pacer.wait(host)
            begun.append(round(clock.now - 100, 3))
        return begun

    return asyncio.run(run())


def test_requests_to_a_host_come_at_a_steady_pace() -> None:
    clock = Clock()

    assert moments(Pacer(0.5, clock, clock.sleep), clock, "a", "a", "b", "a") == [0, 0.5, 0.5, 1.0]


def test_slower_host_has_its_pace_and_a_faster_one_ours() -> None:
    clock = Clock()
    pacer = Pacer(0.5, clock, clock.sleep)
    pacer.slow_down("slow", 2)
    pacer.slow_down("fast", 0.1)

    assert moments(pacer, clock, "slow", "slow", "fast", "fast") == [0, 2, 2, 2.5]


def test_pause_holds_everybody_up() -> None:
    clock = Clock()
    pacer = Pacer(0.5, clock, clock.sleep)
    pacer.pause("a", 10)

    assert moments(pacer, clock, "a", "a") == [10, 10.5]


# ── robots.txt ───────────────────────────────────────────────────────────────────────────────────

ROBOTS = b"""
User-agent: *
Disallow: /

User-agent: jobscrawler
Disallow: /private/
Disallow: /*.pdf$
Allow: /private/open
Crawl-delay: 900
"""


@pytest.mark.parametrize(
    ("path", "is_allowed"),
    [
        ("/", True),
        ("/private/x", False),
        ("/private/open/x", True),
        ("/a.pdf", False),
        ("/a.pdf?x", True),
    ],
)
def test_rules_for_this_crawler_count(path: str, is_allowed: bool) -> None:
    rules = read_rules(Answer("", 200, body=ROBOTS))

    assert rules.allows(f"https://example.org{path}") is is_allowed
    assert rules.delay_seconds == MAX_CRAWL_DELAY_SECONDS


@pytest.mark.parametrize(
    ("coding", "body"),
    [("none", ROBOTS), ("gzip", ROBOTS), ("deflate", deflate_bare(ROBOTS))],
)
def test_rules_are_read_however_they_are_coded(coding: str, body: bytes) -> None:
    rules = read_rules(fetch(reply(body, Content_Encoding=coding)))

    assert not rules.refusal
    assert not rules.allows("https://example.org/private/x")


@pytest.mark.parametrize("status", [404, 403, 410, 301])
def test_site_without_rules_allows_everything(status: int) -> None:
    assert read_rules(Answer("", status)).allows("https://example.org/")


@pytest.mark.parametrize(
    "answer",
    [Answer("", 503), Answer("", 500), Answer("", 429), Answer("", problem=Problem.TIMEOUT)],
)
def test_rules_that_cannot_be_had_allow_nothing(answer: Answer) -> None:
    assert not read_rules(answer).allows("https://example.org/")


@pytest.mark.parametrize(
    "body", [b"\xff\xfe\0\1", b"Disallow", b"User-agent: *\nDisallow", b":" * 999]
)
def test_rules_that_are_none_allow_everything(body: bytes) -> None:
    assert read_rules(Answer("", 200, body=body)).allows("https://example.org/")
