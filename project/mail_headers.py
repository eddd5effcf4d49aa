"""Writes the mail headers that contain users' text: subject and addresses.

Text is never decoded here, so a receiver decodes exactly the text that was given. Depending on its
version, Python's parser decodes encoded words in a value, and its folding loses blanks and makes
empty words, so neither is used for these headers.
"""

import re
from base64 import b64encode
from collections.abc import Callable
from email.policy import EmailPolicy
from textwrap import wrap
from typing import Any

LONGEST_LINE = 78
"""In characters, without the line end; advised by RFC 5322, 2.1.1."""
LONGEST_WORD = 75
"""Of an encoded word; required by RFC 2047, 2."""
_FRAME = len("=?utf-8?q??=")
_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*")
# In a person's name fewer signs stay unencoded than in a subject (RFC 2047, 5.3).
_AS_THEY_ARE = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/"
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


class MailPolicy(EmailPolicy):
    """Keeps these headers as plain text until the mail is written, with CRLF."""

    linesep = "\r\n"

    def header_store_parse(self, name: str, value: Any) -> tuple[str, Any]:
        """The value unchanged for these headers."""
        return (
            (name, value) if name.lower() in _WRITERS else super().header_store_parse(name, value)
        )

    def header_fetch_parse(self, name: str, value: str) -> Any:
        """The value unchanged for these headers."""
        return value if name.lower() in _WRITERS else super().header_fetch_parse(name, value)

    def fold(self, name: str, value: Any) -> str:
        """The header's lines."""
        writer = _WRITERS.get(name.lower())
        if writer is None:
            return str(super().fold(name, value))
        lines = writer(str(value), used=len(f"{name}: "))
        return f"{name}: {f'{self.linesep} '.join(lines)}{self.linesep}"

    def fold_binary(self, name: str, value: Any) -> bytes:
        """The header's lines."""
        if name.lower() not in _WRITERS:
            return super().fold_binary(name, value)
        return self.fold(name, value).encode("utf-8" if self.utf8 else "ascii")


def write_text(text: str, used: int) -> list[str]:
    """The lines of a text; `used` characters of the first line are taken already.

    Plain text stays readable if it fits. Any other text is encoded as a whole: receivers would keep
    or drop a blank between an encoded word and plain text as they like.
    """
    if _PLAIN.fullmatch(text) and "=?" not in text:
        # Continuation lines begin with a blank; the indent stands for the first line's used part.
        lines = wrap(
            text,
            LONGEST_LINE - 1,
            initial_indent="-" * (used - 1),
            break_long_words=False,
            break_on_hyphens=False,
        )
        if max(map(len, lines)) < LONGEST_LINE:
            return [lines[0][used - 1 :], *lines[1:]]
    return _write_words(text, used)


def write_mailbox(mailbox: str, used: int) -> list[str]:
    """The lines of an address, maybe with a person's name: `Ada <ada@example.org>`."""
    name, address = split_mailbox(mailbox)
    if not name:
        return [address]
    quoted = name if _ATOMS.fullmatch(name) else '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'
    is_plain = _PLAIN.fullmatch(name) and "=?" not in name
    if is_plain and used + len(quoted) <= LONGEST_LINE:
        lines = [quoted]
    else:
        lines = _write_words(name, used)
    before = used if len(lines) == 1 else 1
    last = f"{lines[-1]} <{address}>"
    if before + len(last) <= LONGEST_LINE:
        return [*lines[:-1], last]
    return [*lines, f"<{address}>"]


def split_mailbox(mailbox: str) -> tuple[str, str]:
    """Split a mailbox into the person's name, as text, and the address."""
    if not mailbox.endswith(">"):
        return "", mailbox
    name, _, address = mailbox[:-1].rpartition("<")
    name = name.strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return name, address


def _write_words(text: str, used: int) -> list[str]:
    """The text as encoded words, one per line, each of whole characters (RFC 2047, 5)."""
    ways: dict[str, Callable[[str], str]] = {"q": _quote, "b": _to_base64}
    made = [
        [f"=?utf-8?{way}?{encode(part)}?=" for part in _split(text, encode, used)]
        for way, encode in ways.items()
    ]
    return min(made, key=lambda words: sum(map(len, words)))


def _split(text: str, encode: Callable[[str], str], used: int) -> list[str]:
    parts: list[str] = []
    part = ""
    for character in text:
        before = 1 if parts else used
        longest = min(LONGEST_WORD, LONGEST_LINE - before) - _FRAME
        if part and len(encode(part + character)) > longest:
            # Blanks go to the start of the next word if possible: some receivers trim a word's end.
            full = part.rstrip(" ")
            blanks = part[len(full) :]
            if not full or len(encode(blanks + character)) > LONGEST_WORD - _FRAME:
                full = part
            parts.append(full)
            part = part[len(full) :]
        part += character
    return [*parts, part] if part else []


def _quote(text: str) -> str:
    return "".join(
        chr(byte) if byte in _AS_THEY_ARE else "_" if byte == 0x20 else f"={byte:02X}"
        for byte in text.encode()
    )


def _to_base64(text: str) -> str:
    return b64encode(text.encode()).decode()


_WRITERS: dict[str, Callable[..., list[str]]] = {
    "subject": write_text,
    "from": write_mailbox,
    "to": write_mailbox,
    "reply-to": write_mailbox,
}
