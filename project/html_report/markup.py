"""HTML made of elements: whatever is no HTML already is escaped. Pure."""

from collections.abc import Iterable
from html import escape

_VOID = {"br", "hr", "meta", "line", "rect", "circle", "path", "polyline"}


class Html(str):
    """Text that is HTML, and safe to be put into a page as it is."""

    __slots__ = ()


def as_html(content: object) -> Html:
    """HTML as it is; any other value as the text it is."""
    # A control character is allowed in no HTML; XML readers of an SVG stop at it.
    return content if isinstance(content, Html) else Html(escape(_printable(str(content))))


def element(name: str, /, *content: object, **attributes: object) -> Html:
    """`element("p", "a < b", class_="note")`; an attribute that is None is left out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_printable(str(value)))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID and not content:
        return Html(f"<{name}{written}/>")
    return Html(f"<{name}{written}>{join(content)}</{name}>")


def join(parts: Iterable[object]) -> Html:
    """The parts, one after the other."""
    return Html("".join(as_html(part) for part in parts))


def _printable(text: str) -> str:
    return "".join(letter if letter >= " " or letter in "\n\t" else "\ufffd" for letter in text)
