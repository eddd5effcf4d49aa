"""Keeps secrets, mail addresses, query strings and clients' data out of lines. Pure.

A field is judged by its name, a text by its content. A keyed hash replaces an address, so that
lines about the same person can be recognised: it is the same in every line, and reveals nothing
without the key.
"""

import hashlib
import hmac
import re
from typing import Any

HIDDEN = "[hidden]"
TEXT_LIMIT = 8_000
"""Longest text, characters."""
KEYWORD_LIMIT = 1_000
"""Longest value of a searchable field: Elasticsearch indexes 1,024 characters."""

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
"""Every match of the last two patterns contains one of these, in any case."""


def as_text(value: Any) -> str:
    """A value of any class as text; a class with a broken `__str__` must not lose the line."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - the class's own bug may raise anything
        return f"<{type(value).__name__}>"


class Redactor:
    """Removes private data from fields and texts."""

    def __init__(self, key: str) -> None:
        self._key = hashlib.sha256(b"log lines\0" + key.encode()).digest()

    def hash(self, value: str) -> str:
        """The replacement of a personal value: 16 hex digits, the same each time."""
        data = value.lower().encode(errors="replace")  # the value may have a lone surrogate
        return hmac.new(self._key, data, hashlib.sha256).hexdigest()[:16]

    def field(self, name: str, value: Any) -> str:
        """The redacted value of a field that is not in the schema."""
        if _SECRET.search(name) or _SENT_BY_PEOPLE.fullmatch(name):
            return HIDDEN
        if _PERSONAL.fullmatch(name):
            return self.hash(as_text(value))
        return self.text(as_text(value), KEYWORD_LIMIT)

    def text(self, text: str, limit: int = TEXT_LIMIT) -> str:
        """The text without apparent secrets and addresses; a long text loses its middle."""
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
    """Whether the patterns must search the text. Finding words takes a tenth of their time."""
    if not text.isascii():  # a pattern matches more letters as an `s`, say, than `lower` does
        return bool(_SECRET.search(text) or _SCHEME.search(text))
    lowered = text.lower()
    return any(word in lowered for word in _TELLING)
