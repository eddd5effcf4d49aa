"""Finds a body's type as browsers do: by its Content-Type, or by its first bytes. Pure.

Sources: https://fetch.spec.whatwg.org/#concept-header-extract-mime-type and
https://mimesniff.spec.whatwg.org/#identifying-a-resource-with-an-unknown-mime-type.
"""

import re

HTML, XHTML = "text/html", "application/xhtml+xml"
PAGES = frozenset({HTML, XHTML})
"""Types that are read as pages."""

_XML = frozenset({"application/xml", "text/xml"})
_UNKNOWN = frozenset({"", "unknown/unknown", "application/unknown"})
MAYBE_PAGES = PAGES | _XML | _UNKNOWN
"""Types whose bodies may be pages."""

_TYPE = re.compile(r"[!#$%&'*+.^`|~\w-]+/[!#$%&'*+.^`|~\w-]+", re.A)
_CHARSET = re.compile(r";\s*charset\s*=", re.I)
_TAGS = b"!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p"
_BEGINS_HTML = re.compile(rb"[\t\n\f\r ]*<(?:(?:" + _TAGS + rb")[ >]|!--)", re.I)
_BEGINS_XML = re.compile(rb"[\t\n\f\r ]*<\?xml")
_NAMESPACE = b"http://www.w3.org/1999/xhtml"
_MARK = b"\xef\xbb\xbf"


def choose_type(header: str) -> str:
    """The last valid of several Content-Types; keeps the charset of an earlier one of its type."""
    chosen, essence = "", ""
    for value in header.split(","):
        name = essence_of(value)
        if not _TYPE.fullmatch(name) or name == "*/*":
            continue
        is_same = name == essence and not _CHARSET.search(value)
        chosen, essence = (chosen if is_same else value.strip()), name
    return chosen


def essence_of(content_type: str) -> str:
    """The type without its parameters, as in `text/html`."""
    return content_type.partition(";")[0].strip().lower()


def settle_type(essence: str, body: bytes) -> str:
    """The real type of a body: XML, or a body without a type, may be a page."""
    if essence in _XML:
        return XHTML if _NAMESPACE in body[:4096] else essence
    if essence not in _UNKNOWN:
        return essence
    beginning = body.removeprefix(_MARK)[:4096]
    if _BEGINS_XML.match(beginning) and _NAMESPACE in beginning:
        return XHTML
    return HTML if _BEGINS_HTML.match(beginning) else essence
