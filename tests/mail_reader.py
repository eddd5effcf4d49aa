"""A strict reader of a mail's headers, which knows nothing of how we write them.

RFC 5322 (lines and their folding), RFC 2047 (encoded words) and RFC 2231 (parameters), read to the
letter: what a lenient receiver would put up with is an AssertionError here.
"""

import base64
import re
from urllib.parse import unquote_to_bytes

LONGEST_LINE = 78
LONGEST_WORD = 75
_WORD = re.compile(r"=\?([A-Za-z0-9-]+)\?([QqBb])\?([!-<>@-~=]*)\?=")


def read_header(mail: bytes, name: str) -> str:
    """The value of the only header of that name, unfolded and not decoded."""
    head, separator, _ = mail.partition(b"\r\n\r\n")
    assert separator
    headers: list[str] = []
    for line in head.decode("ascii").split("\r\n"):
        assert len(line) <= LONGEST_LINE, line
        assert "\n" not in line
        assert "\r" not in line
        assert line.strip(), "a line of blanks alone"
        if line[0] in " \t":
            headers[-1] += line
        else:
            assert re.match(r"[!-9;-~]+:", line), line
            headers.append(line)
    (found,) = [one for one in headers if one.lower().startswith(f"{name.lower()}:")]
    value = found[len(name) + 1 :]
    assert value.startswith(" ")
    return value[1:]


def read_text(value: str) -> str:
    """What a receiver shows for an unstructured value."""
    text, blanks, was_word = "", "", False
    for token in re.split(r"([ \t]+)", value):
        if not token or token[0] in " \t":
            blanks = token
            continue
        is_word = token.startswith("=?") and token.endswith("?=")
        text += "" if is_word and was_word else blanks
        text += _decode_word(token) if is_word else token
        blanks, was_word = "", is_word
    return text + blanks


def _decode_word(word: str) -> str:
    assert len(word) <= LONGEST_WORD, word
    match = _WORD.fullmatch(word)
    assert match, word
    charset, way, content = match.groups()
    assert content, "an empty word"
    if way in "Bb":
        return base64.b64decode(content, validate=True).decode(charset)
    assert re.fullmatch(r"(?:=[0-9A-F]{2}|[^=])+", content), word
    return unquote_to_bytes(content.replace("%", "%25").replace("_", " ").replace("=", "%")).decode(
        charset
    )


def read_parameter(value: str, name: str) -> str:
    """A parameter of a structured value, in one piece or in many."""
    pieces: dict[str, str] = dict(
        re.findall(r';[ \t]*([^\s=;]+)=("(?:[^"\\]|\\.)*"|[^\s;"]+)', value)
    )
    if name in pieces:
        return _unquote(pieces[name])
    if f"{name}*" in pieces:
        charset, _, content = pieces[f"{name}*"].split("'", 2)
        return unquote_to_bytes(content).decode(charset)
    charset, number, found = "us-ascii", 0, b""
    while True:
        plain, encoded = pieces.get(f"{name}*{number}"), pieces.get(f"{name}*{number}*")
        if encoded is not None:
            if number == 0:
                charset, _, encoded = encoded.split("'", 2)
            found += unquote_to_bytes(encoded)
        elif plain is not None:
            found += _unquote(plain).encode("ascii")
        else:
            assert number
            return found.decode(charset)
        number += 1


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text
