"""What never enters a line: secrets, mail addresses, query strings, what people sent. Pure.

A field is judged by its name, a text by what it looks like. Where it is useful to see that two
lines are about the same person, a keyed hash stands for the address: without the key it tells
nothing, and it is the same in every line.
"""

import hashlib
import hmac
import re
from typing import Any

HIDDEN = "[hidden]"
TEXT_LIMIT = 8_000
"""Longest text, characters."""
KEYWORD_LIMIT = 1_000
"""Longest value of a field by which lines are found: Elasticsearch indexes 1,024 characters."""

_SECRET = re.compile(
    r"passw|secret|token|authori[sz]ation|cookie|credential|api_?key|private_?key|signature", re.I
)
_SENT_BY_PEOPLE = re.compile(
    r"args|arguments|kwargs|parameters|payload|body|content|form|data|result|subject|text|query"
    r"|query_string|headers",
    re.I,
)
_PERSONAL = re.compile(r"e?mail|address|recipients?|sender|owner|user|username", re.I)

_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]*@")
_QUERY = re.compile(r"(?<=[\w/])\?[^\s\"'<>]*[=&%][^\s\"'<>]*|(/[^\s\"'<>?]*)\?[^\s\"'<>]+")
_CONFIRMATION = re.compile(r"(?<=/confirm/)[^\s\"'<>?]+")
_SCHEME = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", re.I)
_ASSIGNED = re.compile(
    r"\b(\w*(?:passw\w*|secret|token|api_?key|authorization|cookie))(['\"]?\s*[=:]\s*)"
    r"(?:\"[^\"]*\"|'[^']*'|[^\s,;&]+)",
    re.I,
)
_TELLING = (
    *("passw", "secret", "token", "apikey", "api_key", "authorization", "cookie"),
    *("bearer", "basic"),
)
"""Each match of the last two patterns holds one of these, in letters of any case."""


def as_text(value: Any) -> str:
    """A value of any class as text; one that cannot tell loses no line, and harms nobody."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - it is the class's own mistake, and of any kind
        return f"<{type(value).__name__}>"


class Redactor:
    """Makes fields and texts fit to be written."""

    def __init__(self, key: str) -> None:
        self._key = hashlib.sha256(b"log lines\0" + key.encode()).digest()

    def hash(self, value: str) -> str:
        """What stands for a personal value: 16 hex digits, the same each time."""
        data = value.lower().encode(errors="replace")  # it may hold half a surrogate pair
        return hmac.new(self._key, data, hashlib.sha256).hexdigest()[:16]

    def field(self, name: str, value: Any) -> str:
        """The value of a field that the schema does not know."""
        if _SECRET.search(name) or _SENT_BY_PEOPLE.fullmatch(name):
            return HIDDEN
        if _PERSONAL.fullmatch(name):
            return self.hash(as_text(value))
        return self.text(as_text(value), KEYWORD_LIMIT)

    def text(self, text: str, limit: int = TEXT_LIMIT) -> str:
        """The text without what looks like a secret or an address; a long one loses its middle."""
        if len(text) > limit:
            text = f"{text[: limit // 2]} […] {text[-limit // 2 :]}"
        if "@" in text:
            text = _MAIL.sub(self._hash_match, _CREDENTIALS.sub("***@", text))
        if "?" in text:
            text = _QUERY.sub(lambda found: f"{found[1] or ''}?…", text)
        if "/confirm/" in text:
            text = _CONFIRMATION.sub("…", text)
        if _may_hold_secret(text):
            text = _ASSIGNED.sub(r"\1\2***", _SCHEME.sub(r"\1 ***", text))
        return text

    def _hash_match(self, found: re.Match[str]) -> str:
        return f"mail:{self.hash(found[0])}"


def _may_hold_secret(text: str) -> bool:
    """Whether it has to be searched. Words are looked for in a tenth of a pattern's time."""
    if not text.isascii():  # a pattern takes more letters for an `s`, say, than `lower` does
        return bool(_SECRET.search(text) or _SCHEME.search(text))
    lowered = text.lower()
    return any(word in lowered for word in _TELLING)
