"""The program that reads HTML for a crawl: pages on its input, their contents on its output.

Two megabytes of nested elements can keep an HTML parser busy for minutes, during which no signal
handler runs. Here the kernel's timer kills the process instead, which loses only that page.

The input is, for each page, two lengths, whether it is XML, the name of its encoding and its bytes;
the output is a length and a JSON document. The program must start fast, so it imports only the
standard library, selectolax and `charsets`.
"""

import json
import re
import resource
import signal
import struct
import sys
from typing import Any

from selectolax.lexbor import LexborHTMLParser, LexborNode

from project.jobs.web_crawl.charsets import decode

REQUEST = struct.Struct(">II?")
REPLY = struct.Struct(">I")

PARSE_SECONDS = 2.0
"""Processor time; on a busy machine a page may take longer."""
MAX_LINKS = 10_000
"""The most links read from one page; further ones are left out."""
MAX_HREF_CHARS = 2000
MAX_TEXT_CHARS = 120
MEMORY_BYTES = 1024 * 1024 * 1024

_TAG = re.compile(r"<([A-Za-z][\w.:-]*)(?:[^<>\"']|\"[^\"]*\"|'[^']*')*+>")
_REFRESH = re.compile(
    r"\s*(?:\d+[\d.]*|\.[\d.]*)(?:\s*[;,]\s*|\s+)(?:url\s*=\s*)?([\"']?)(.+)", re.I | re.S
)
_BLANKS = re.compile(r"\s+")


def read_page(body: bytes, charset: str, *, is_xml: bool = False) -> dict[str, Any]:
    """What a crawl needs from a page; no text exceeds its limit."""
    text = decode(body, charset)
    tree = LexborHTMLParser(_TAG.sub(_close, text) if is_xml else text)
    found = tree.css("a[href], area[href], iframe[src], frame[src], meta[http-equiv][content]")
    nodes = [node for node in found if node.tag != "meta" or _find_refresh(node)]
    return {
        "title": _text_of(tree.css_first("title")),
        "base": _attribute(tree.css_first("base[href]"), "href"),
        "canonical": _find_canonical(tree),
        "robots": _find_robots(tree),
        "links": [_read_link(node) for node in nodes[:MAX_LINKS]],
        "links_left_out": max(0, len(nodes) - MAX_LINKS),
    }


def _close(tag: re.Match[str]) -> str:
    """Close elements like `<title/>`, which an HTML parser would leave open."""
    return f"{tag[0]}</{tag[1]}>" if tag[0].endswith("/>") else tag[0]


def _find_canonical(tree: LexborHTMLParser) -> str:
    for node in tree.css("link[rel][href]")[:200]:
        if "canonical" in _attribute(node, "rel").lower().split():
            return _attribute(node, "href")
    return ""


def _find_robots(tree: LexborHTMLParser) -> str:
    for node in tree.css("meta[name][content]")[:200]:
        if _attribute(node, "name").lower() == "robots":
            return _attribute(node, "content").lower()
    return ""


def _read_link(node: LexborNode) -> tuple[str, str, bool]:
    """Address, text, and whether it is marked `nofollow`."""
    href = _find_refresh(node) or _attribute(node, "href" if node.tag in {"a", "area"} else "src")
    return href, _text_of(node), "nofollow" in _attribute(node, "rel").lower().split()


def find_refresh(content: str) -> str:
    """The target of a refresh such as `0; url=/en/`; empty if it has none.

    https://html.spec.whatwg.org/#shared-declarative-refresh-steps
    """
    match = _REFRESH.match(content)
    if not match:
        return ""
    quote, text = match[1], match[2]
    return (text.partition(quote)[0] if quote else text).strip()


def _find_refresh(node: LexborNode) -> str:
    if node.tag != "meta" or _attribute(node, "http-equiv").strip().lower() != "refresh":
        return ""
    return find_refresh(_attribute(node, "content"))


def _attribute(node: LexborNode | None, name: str) -> str:
    value = (node.attributes.get(name) or "") if node else ""
    # A value that is too long is dropped: if it were cut, it would lead elsewhere.
    return value if len(value) <= MAX_HREF_CHARS else ""


def _text_of(node: LexborNode | None) -> str:
    text = node.text(deep=True) if node else ""
    return _BLANKS.sub(" ", text[: MAX_TEXT_CHARS * 10]).strip()[:MAX_TEXT_CHARS]


def main() -> None:
    """Read pages from the input until it ends."""
    pages, replies = sys.stdin.buffer, sys.stdout.buffer
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # ends the process, whatever it is doing
    while head := pages.read(REQUEST.size):
        charset_bytes, body_bytes, is_xml = REQUEST.unpack(head)
        charset = pages.read(charset_bytes).decode("utf-8", "replace")
        body = pages.read(body_bytes)
        signal.setitimer(signal.ITIMER_PROF, PARSE_SECONDS)
        reply = json.dumps(read_page(body, charset, is_xml=is_xml)).encode()
        signal.setitimer(signal.ITIMER_PROF, 0)
        replies.write(REPLY.pack(len(reply)) + reply)
        replies.flush()
