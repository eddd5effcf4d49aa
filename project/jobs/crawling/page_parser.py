"""Reads HTML for a crawl, as a program of its own: pages come in, what they hold goes out.

A parser of a stranger's HTML can be kept busy for minutes by two megabytes of nested elements, and
no signal handler runs meanwhile. Here the kernel's timer ends the process, which costs that page.

The input is, for each page, two lengths, the name of its encoding and its bytes; the output a
length and a JSON document. Only the standard library and selectolax are imported: it must start
soon.
"""

import codecs
import json
import re
import resource
import signal
import struct
import sys
from typing import IO, Any

from selectolax.lexbor import LexborHTMLParser, LexborNode

REQUEST = struct.Struct(">II")
REPLY = struct.Struct(">I")

PARSE_SECONDS = 2.0
"""Of the processor: on a busy machine a page may take longer."""
MAX_LINKS = 1000
"""Links of one page; more are left out."""
MAX_HREF_CHARS = 2000
MAX_TEXT_CHARS = 120
MEMORY_BYTES = 1024 * 1024 * 1024

_ENCODINGS = re.compile(
    r"utf-8|utf-16(-[lb]e)?|windows-125[0-8]|cp125[0-8]|iso-?8859-\d+|koi8-[ru]|mac-?roman|"
    r"gbk|gb18030|gb2312|big5|euc[-_](jp|kr)|iso-2022-jp|shift[-_]jis|cp949"
)
"""What is taken for an encoding: Python knows some that are none of the web, and slow."""
_IN_PAGE = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_-]{2,20})", re.I)
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"),
          (codecs.BOM_UTF16_BE, "utf-16-be"))  # fmt: skip
_BLANKS = re.compile(r"\s+")


def read_page(body: bytes, charset: str) -> dict[str, Any]:
    """What a crawl needs of a page; every text is as long as it may be at the most."""
    tree = LexborHTMLParser(decode(body, charset))
    nodes = tree.css("a[href], area[href], iframe[src]")
    return {
        "title": _text_of(tree.css_first("title")),
        "base": _attribute(tree.css_first("base[href]"), "href"),
        "canonical": _find_canonical(tree),
        "robots": _find_robots(tree),
        "links": [_read_link(node) for node in nodes[:MAX_LINKS]],
        "links_left_out": max(0, len(nodes) - MAX_LINKS),
    }


def decode(body: bytes, charset: str) -> str:
    """By its byte order mark, else as the server says, else as the page does, else as UTF-8."""
    for mark, name in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    in_page = _IN_PAGE.search(body[:4096])
    named = in_page[1].decode("ascii") if in_page else ""
    return body.decode(_find_codec(charset) or _find_codec(named) or "utf-8", "replace")


def _find_codec(label: str) -> str:
    """Python's name of the encoding; empty where it is none of the web's."""
    name = label.strip().strip("\"'").lower()
    if name in {"iso-8859-1", "latin1", "ascii", "us-ascii"}:
        return "cp1252"  # as browsers do
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        return ""
    return found if _ENCODINGS.fullmatch(found.replace("_", "-")) else ""


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
    """Address, text, and whether the page's author vouches not for it."""
    href = _attribute(node, "href" if node.tag in {"a", "area"} else "src")
    return href, _text_of(node), "nofollow" in _attribute(node, "rel").lower().split()


def _attribute(node: LexborNode | None, name: str) -> str:
    value = (node.attributes.get(name) or "") if node else ""
    # One that is too long is none: cut, it would lead elsewhere.
    return value if len(value) <= MAX_HREF_CHARS else ""


def _text_of(node: LexborNode | None) -> str:
    text = node.text(deep=True) if node else ""
    return _BLANKS.sub(" ", text[: MAX_TEXT_CHARS * 10]).strip()[:MAX_TEXT_CHARS]


def main(pages: IO[bytes], replies: IO[bytes]) -> None:
    """Answer pages until there are no more."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # ends the process, whatever it is doing
    while head := pages.read(REQUEST.size):
        charset_bytes, body_bytes = REQUEST.unpack(head)
        charset = pages.read(charset_bytes).decode("utf-8", "replace")
        body = pages.read(body_bytes)
        signal.setitimer(signal.ITIMER_PROF, PARSE_SECONDS)
        reply = json.dumps(read_page(body, charset)).encode()
        signal.setitimer(signal.ITIMER_PROF, 0)
        replies.write(REPLY.pack(len(reply)) + reply)
        replies.flush()


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
