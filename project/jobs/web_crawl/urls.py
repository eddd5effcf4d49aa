"""URLs as a crawl compares them: one spelling for each page. Pure."""

import re
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, quote, urljoin, urlsplit

MAX_URL_CHARS = 2000
DEFAULT_PORTS = {"http": 80, "https": 443}

_PATH_SAFE = "/%:@!$&'()*+,;=~-._"
_QUERY_SAFE = _PATH_SAFE + "?"
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_DROPPED = re.compile(r"[\t\n\r]")
"""Browsers drop these anywhere in a URL."""
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")


@dataclass(frozen=True, slots=True)
class Site:
    """What belongs to the crawled site: its hosts, with and without `www.`, and its ports."""

    hosts: frozenset[str]
    ports: frozenset[int]

    def holds(self, url: str) -> bool:
        """Whether a normalised URL belongs to the site."""
        parts = urlsplit(url)
        return parts.hostname in self.hosts and port_of(url) in self.ports

    def widen(self, url: str) -> "Site":
        """The site extended by the site of the URL that its start page redirects to."""
        other = site_of(url)
        return replace(self, hosts=self.hosts | other.hosts, ports=self.ports | other.ports)


def site_of(url: str) -> Site:
    """The site of a normalised URL; a standard port stands for both standard ports."""
    host, port = host_of(url), port_of(url)
    twin = host.removeprefix("www.") if host.startswith("www.") else f"www.{host}"
    standard = frozenset(DEFAULT_PORTS.values())
    return Site(frozenset({host, twin}), standard if port in standard else frozenset({port}))


def host_of(url: str) -> str:
    """The host of a normalised URL."""
    return urlsplit(url).hostname or ""


def port_of(url: str) -> int:
    """The port of a normalised URL, or its scheme's default."""
    parts = urlsplit(url)
    return parts.port or DEFAULT_PORTS[parts.scheme]


def origin_of(url: str) -> str:
    """Scheme, host and port, without a trailing slash."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def path_of(url: str) -> str:
    """Path and query."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def normalise(text: str, base: str = "") -> str | None:
    """The one spelling of an HTTP URL, resolved against `base`; None if it cannot be fetched.

    Lower-case scheme and host, no fragment, default port or dot segments; the query stays as it
    is. URLs with a user name are not fetched, so that links cannot send passwords to anybody.
    """
    cleaned = _DROPPED.sub("", text.strip("\0 \t\n\r\f\v")).partition("#")[0]
    if len(cleaned) > MAX_URL_CHARS:
        return None
    try:
        parts = urlsplit(urljoin(base, _turn_slashes(cleaned)))
        host, port = _spell_host(parts.hostname or ""), parts.port
    except ValueError:  # an invalid port or IPv6 address
        return None
    if parts.scheme not in DEFAULT_PORTS or not host or "@" in parts.netloc or port == 0:
        return None
    url = _spell(parts, host, port)
    return url if len(url) <= MAX_URL_CHARS else None


def _turn_slashes(text: str) -> str:
    """Turn backslashes before the query into slashes, as browsers do."""
    address, mark, query = text.partition("?")
    return address.replace("\\", "/") + mark + query


def _spell_host(host: str) -> str:
    """The host in ASCII and lower case; ValueError if it is invalid."""
    host = host.lower().rstrip(".")
    if not host.isascii():
        import idna  # noqa: PLC0415  # large tables that few sites need

        host = idna.encode(host, uts46=True).decode("ascii")  # its errors are ValueErrors
    if host and not _HOST.fullmatch(host):
        raise ValueError(host)
    return host


def _spell(parts: SplitResult, host: str, port: int | None) -> str:
    place = f"[{host}]" if ":" in host else host
    if port not in {None, DEFAULT_PORTS[parts.scheme]}:
        place = f"{place}:{port}"
    path = _remove_dots(_escape(parts.path, _PATH_SAFE)) or "/"
    query = _escape(parts.query, _QUERY_SAFE)
    return f"{parts.scheme}://{place}{path}" + (f"?{query}" if query else "")


def _escape(text: str, safe: str) -> str:
    """Escape only what must be escaped, with escapes in capitals."""
    return _ESCAPE.sub(_spell_escape, quote(text, safe=safe, errors="replace"))


def _spell_escape(match: re.Match[str]) -> str:
    if match[1] is None:  # a percent sign outside an escape
        return "%25"
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else match[0].upper()


def _remove_dots(path: str) -> str:
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments and segments[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)
