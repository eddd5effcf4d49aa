"""Decodes content codings as browsers do, up to a size limit. Pure.

Servers are careless with them: `deflate` comes with and without zlib's header, uncoded pages claim
to be gzip or name their charset in Content-Encoding. Whatever can be decoded is decoded.
"""

import zlib

MAX_BODY_BYTES = 2 * 1024 * 1024
ASKED_FOR = ("gzip", "deflate")

_MAX_LAYERS = 4
_MAX_MEMBERS = 1000
"""The most members of one gzip body; more would only keep a program busy."""
_MAX_HELD_BYTES = 4096
"""Bytes kept, until the first output, so that another format can be tried."""

# The formats to try for each coding, in order, by zlib's window bits.
_PLAIN = 0
_ZLIB, _RAW, _GZIP = 15, -15, 31
_WAYS = {
    "gzip": (_GZIP, _PLAIN),
    "x-gzip": (_GZIP, _PLAIN),
    "deflate": (_ZLIB, _RAW, _PLAIN),
}
_NOT_ASKED_FOR = frozenset({"br", "zstd", "compress", "x-compress", "dcb", "dcz"})
"""Real codings that are not supported; browsers ignore all other names, and so does this."""

# https://mimesniff.spec.whatwg.org/#binary-data-byte
_BINARY = frozenset({*range(9), 0x0B, *range(0x0E, 0x1B), *range(0x1C, 0x20)})
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")


class Decoder:
    """Decodes a body, to at most `MAX_BODY_BYTES`."""

    def __init__(self, header: str) -> None:
        names = [name.strip().lower() for name in header.split(",") if name.strip()]
        unknown = next((name for name in names if name in _NOT_ASKED_FOR), "")
        if unknown:
            raise zlib.error(f"The content coding {unknown} was not asked for.")
        coded = [_WAYS[name] for name in names if name in _WAYS]
        if len(coded) > _MAX_LAYERS:
            raise zlib.error("The answer is coded too many times.")
        # The last coding was applied last, so it is decoded first.
        ways = coded[::-1] or [(_PLAIN,)]
        is_odd = bool(names) and not coded and set(names) != {"identity"}
        self._layers = [_Layer(ways_of_one, is_odd) for ways_of_one in ways]
        self.body = bytearray()

    @property
    def is_full(self) -> bool:
        """Whether the size limit is reached."""
        return any(layer.is_full for layer in self._layers)

    def feed(self, part: bytes) -> None:
        """Decode the next part; zlib.error if it is not coded that way."""
        for layer in self._layers:
            part = layer.feed(part)
        self.body += part

    def finish(self) -> None:
        """Decode what is left at the end; zlib.error if it is not coded that way."""
        rest = b""
        for layer in self._layers:
            rest = layer.feed(rest) + layer.finish()
        self.body += rest


class _Layer:
    """One coding, or none; decodes with the first format that fits."""

    def __init__(self, ways: tuple[int, ...], is_odd: bool = False) -> None:
        self._ways = list(ways)
        self._held = b""
        """Input kept until the first output."""
        self._inflate = _start(self._ways[0])
        self._is_checked = ways == (_PLAIN,) and not is_odd
        self._members = 1
        self._room = MAX_BODY_BYTES
        self._has_begun = False

    @property
    def is_full(self) -> bool:
        return self._room <= 0

    def feed(self, part: bytes) -> bytes:
        if not part or self.is_full:
            return b""
        if self._has_begun:
            return self._undo(part)
        self._held += part
        if len(self._held) < 2:  # as long as the marks of all formats
            return b""
        return self._begin()

    def finish(self) -> bytes:
        return self._begin() if self._held and not self._has_begun else b""

    def _begin(self) -> bytes:
        """Try the formats on all input so far."""
        while True:
            self._inflate, self._members = _start(self._ways[0]), 1
            try:
                made = self._undo(self._held)
            except zlib.error:
                del self._ways[0]
                if not self._ways:
                    raise
                continue
            self._has_begun = bool(made) or len(self._held) > _MAX_HELD_BYTES
            if self._has_begun:
                self._held = b""
            return made

    def _undo(self, part: bytes) -> bytes:
        if self._inflate is None:
            self._check(part)
            kept = part[: self._room]
            self._room -= len(kept)
            return kept
        made = bytearray()
        while part and self._room > 0:
            if self._inflate.eof and not self._begin_member(part):
                break
            # Input beyond the limit stays in zlib's `unconsumed_tail` and is dropped.
            more = self._inflate.decompress(part, self._room)
            made += more
            self._room -= len(more)
            part = self._inflate.unused_data
        return bytes(made)

    def _begin_member(self, part: bytes) -> bool:
        """Whether another gzip member follows (RFC 1952, 2.2); other trailing bytes are ignored."""
        if self._ways[0] != _GZIP or not part.startswith(b"\x1f"):
            return False
        if self._members >= _MAX_MEMBERS:
            self._room = 0
            return False
        self._members += 1
        self._inflate = _start(_GZIP)
        return True

    def _check(self, part: bytes) -> None:
        """A body that is not coded as declared must be text; zlib.error if it is binary."""
        if self._is_checked:
            return
        self._is_checked = True
        if not part.startswith(_WIDE_MARKS) and not _BINARY.isdisjoint(part[:1024]):
            raise zlib.error("The answer is not coded as its headers say, and is not text.")


def _start(way: int) -> "zlib._Decompress | None":
    return zlib.decompressobj(way) if way else None
