"""Builds HTML from elements, and escapes anything that is not HTML already. Pure."""

from collections.abc import Iterable
from html import escape

_VOID = {"br", "hr", "meta", "line", "rect", "circle", "path", "polyline"}


class Html(str):
    """HTML that is safe to put into a page as it is."""

    __slots__ = ()


def as_html(content: object) -> Html:
    """Return HTML unchanged, and any other value as escaped text."""
    # HTML allows no control characters; XML readers of an SVG stop at them.
    return content if isinstance(content, Html) else Html(escape(_printable(str(content))))


def element(name: str, /, *content: object, **attributes: object) -> Html:
    """Write an element: `element("p", "a < b", class_="note")`. None attributes are left out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_printable(str(value)))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID and not content:
        return Html(f"<{name}{written}/>")
    return Html(f"<{name}{written}>{join(content)}</{name}>")


def join(parts: Iterable[object]) -> Html:
    """Join the parts, one after the other."""
    return Html("".join(as_html(part) for part in parts))


def _printable(text: str) -> str:
    return "".join(letter if letter >= " " or letter in "\n\t" else "\ufffd" for letter in text)
