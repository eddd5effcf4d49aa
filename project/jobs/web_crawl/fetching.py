"""Fetches one URL within limits: whatever the server does, the fetch ends soon.

The crawl decides about redirects; they are not followed here. Bodies of unwanted types are not
read, and the decoded size is limited, so that a small file cannot become a huge one.
"""

import asyncio
import ssl
import zlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from time import monotonic

import anyio
import httpcore
import httpx

from project.jobs.web_crawl.codings import ASKED_FOR, MAX_BODY_BYTES, Decoder
from project.jobs.web_crawl.content_types import (
    MAYBE_PAGES,
    PAGES,
    choose_type,
    essence_of,
    settle_type,
)
from project.jobs.web_crawl.guard import RefusedError
from project.jobs.web_crawl.pacing import Pacer
from project.jobs.web_crawl.urls import host_of

USER_AGENT = "JobsCrawler/1.0"
FETCH_SECONDS = 20.0
"""From the start of the request to the end of the response body."""
CONNECT_SECONDS = 10.0
READ_SECONDS = 10.0
RETRIES = 2
MAX_RETRY_AFTER_SECONDS = 30.0
MAX_HEADER_CHARS = 2000

ANYTHING = frozenset({"*"})
NOTHING: frozenset[str] = frozenset()

_ASKS_FOR_PATIENCE = {429, 503}


class Problem(StrEnum):
    """Why there is no usable answer."""

    REFUSED = "refused"
    """The crawl does not connect to its address."""
    NO_HOST = "no such host"
    NO_CONNECTION = "no connection"
    NO_TLS = "no trusted certificate"
    TIMEOUT = "no answer in time"
    REDIRECTS = "too many redirects"
    NONSENSE = "broken answer"
    """The answer is not HTTP, ends too early or cannot be decoded."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from one URL."""

    url: str
    status: int = 0
    """0 if there was no answer."""
    headers: dict[str, str] = field(default_factory=dict)
    """The headers that the crawl uses, by lower-case name."""
    body: bytes = b""
    received_bytes: int = 0
    seconds: float = 0.0
    is_cut: bool = False
    """Whether the body was longer than the limit and was cut off."""
    problem: Problem | None = None
    detail: str = ""
    """The problem in a sentence."""

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def media_type(self) -> str:
        """The type, as in `text/html`; of XML and without a type, the content decides."""
        return settle_type(essence_of(self.headers.get("content-type", "")), self.body)

    @property
    def is_html(self) -> bool:
        """Whether it has a page to read."""
        return self.is_success and self.media_type in PAGES


class Fetcher:
    """Sends requests at the pacer's rate."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        pacer: Pacer,
        fetch_seconds: float = FETCH_SECONDS,
    ) -> None:
        self._transport = transport
        self._pacer = pacer
        self._fetch_seconds = fetch_seconds
        self.received_bytes = 0
        """All bytes received so far."""

    def slow_down(self, host: str, interval_seconds: float) -> None:
        """Request from that host at most once per interval."""
        self._pacer.slow_down(host, interval_seconds)

    async def fetch(self, url: str, wanted: frozenset[str] = MAYBE_PAGES) -> Answer:
        """The answer to a GET, with its body if the type is wanted.

        If the server asks to retry later and names the delay, the request is retried.
        """
        for attempt in range(RETRIES + 1):
            answer = await self._ask("GET", url, wanted)
            seconds = find_patience(answer)
            if seconds is None or attempt == RETRIES:
                break
            self._pacer.pause(host_of(url), min(seconds, MAX_RETRY_AFTER_SECONDS))
        return answer

    async def probe(self, url: str) -> Answer:
        """The answer without a body, to a HEAD or, if that fails, to a GET."""
        answer = await self._ask("HEAD", url, NOTHING)
        return answer if 0 < answer.status < 400 else await self._ask("GET", url, NOTHING)

    async def _ask(self, method: str, url: str, wanted: frozenset[str]) -> Answer:
        await self._pacer.wait(host_of(url))
        started = monotonic()
        try:
            async with asyncio.timeout(self._fetch_seconds):
                answer = await self._exchange(method, url, wanted)
        except _FAILURES as error:
            answer = _describe(url, error)
        return replace(answer, seconds=monotonic() - started)

    async def _exchange(self, method: str, url: str, wanted: frozenset[str]) -> Answer:
        response = await self._transport.handle_async_request(_request(method, url))
        try:
            answer = Answer(url, response.status_code, _useful(response.headers))
            is_wanted = wanted == ANYTHING or answer.media_type in wanted
            if method == "HEAD" or not answer.is_success or not is_wanted:
                return answer
            return await self._read(answer, response)
        finally:
            # If the body was not read to its end, this closes the connection.
            await response.aclose()

    async def _read(self, answer: Answer, response: httpx.Response) -> Answer:
        decoder = Decoder(answer.headers.get("content-encoding", ""))
        received, is_cut = 0, False
        async for part in response.stream:  # type: ignore[union-attr]  # ours is asynchronous
            received += len(part)
            self.received_bytes += len(part)
            decoder.feed(part)
            is_cut = decoder.is_full or received >= MAX_BODY_BYTES
            if is_cut:
                break
        decoder.finish()
        return replace(answer, body=bytes(decoder.body), received_bytes=received, is_cut=is_cut)


def trusted_authorities() -> ssl.SSLContext:
    """A TLS context that trusts certifi's authorities, or those in `SSL_CERT_FILE`."""
    return httpx.create_ssl_context()


def _request(method: str, url: str) -> httpx.Request:
    timeouts = {
        "connect": CONNECT_SECONDS,
        "read": READ_SECONDS,
        "write": READ_SECONDS,
        "pool": FETCH_SECONDS,
    }
    headers = {
        "User-Agent": USER_AGENT,
        "Accept": "text/html,application/xhtml+xml,*/*;q=0.1",
        "Accept-Encoding": ", ".join(ASKED_FOR),
    }
    return httpx.Request(method, url, headers=headers, extensions={"timeout": timeouts})


_USEFUL = (
    "content-type",
    "content-encoding",
    "location",
    "last-modified",
    "retry-after",
    "refresh",
)


def _useful(headers: httpx.Headers) -> dict[str, str]:
    found = {name: headers[name][:MAX_HEADER_CHARS] for name in _USEFUL if name in headers}
    found["content-type"] = choose_type(found.get("content-type", ""))
    return found | {"x-robots-tag": headers.get("x-robots-tag", "")[:MAX_HEADER_CHARS].lower()}


def find_patience(answer: Answer) -> float | None:
    """Seconds after which the server wants to be asked again; None where it says nothing of it."""
    text = answer.headers.get("retry-after", "").strip()
    if answer.status not in _ASKS_FOR_PATIENCE or not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter of a year or a zone beyond the machine's int
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


# What each error means to a person; subclasses come before their base classes.
_MEANINGS: tuple[tuple[type[Exception], Problem, str], ...] = (
    (RefusedError, Problem.REFUSED, ""),
    (TimeoutError, Problem.TIMEOUT, f"No complete answer within {FETCH_SECONDS:g} seconds."),
    (httpcore.TimeoutException, Problem.TIMEOUT, f"Silent for {READ_SECONDS:g} seconds."),
    (httpcore.ConnectError, Problem.NO_CONNECTION, "The server refuses connections."),
    (httpcore.NetworkError, Problem.NO_CONNECTION, "The connection broke."),
    (httpcore.ProtocolError, Problem.NONSENSE, "The answer is not HTTP, or ends too early."),
    (httpcore.UnsupportedProtocol, Problem.NONSENSE, "The URL cannot be requested."),
    (httpx.InvalidURL, Problem.NONSENSE, "The URL cannot be requested."),
    (anyio.BrokenResourceError, Problem.NO_CONNECTION, "The connection broke."),
    (zlib.error, Problem.NONSENSE, "The answer's content coding is broken or unknown."),
    (OSError, Problem.NO_HOST, "There is no host with that name."),
)
_FAILURES = tuple(error for error, _, _ in _MEANINGS)


def _describe(url: str, error: Exception) -> Answer:
    if _is_about_tls(error):
        detail = "The server's certificate is not trusted, or the server does not support TLS."
        return Answer(url, problem=Problem.NO_TLS, detail=detail)
    problem, detail = next(
        (problem, text) for kind, problem, text in _MEANINGS if isinstance(error, kind)
    )
    return Answer(url, problem=problem, detail=detail or str(error))


def _is_about_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
