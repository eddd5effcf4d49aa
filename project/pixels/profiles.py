"""Makes colour profiles for pictures that have numbers instead: PNG's cICP, gAMA, AVIF's nclx.

The numbers become an ICC profile, so that all colours are converted to sRGB in one way. The result
is what Chromium shows. HDR (the curves PQ and HLG) is not converted: that depends on the screen.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HEAD_BYTES = 100_000
"""How much of an AVIF file is searched; its description of colours is near the start."""
_D65 = (0.3127, 0.3290)
_SRGB = (0.640, 0.330, 0.300, 0.600, 0.150, 0.060)
_PRIMARIES = {
    1: ("BT.709", (*_D65, *_SRGB)),
    4: ("BT.470M", (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08)),
    5: ("BT.601 (625 lines)", (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06)),
    6: ("BT.601 (525 lines)", (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07)),
    7: ("SMPTE 240M", (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07)),
    9: ("BT.2020", (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046)),
    11: ("DCI-P3", (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)),
    12: ("Display P3", (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)),
}
"""By number in ITU-T H.273: white, red, green and blue, as x and y of CIE 1931."""
_VIDEO = 2.4
_GAMMAS = {1: _VIDEO, 6: _VIDEO, 14: _VIDEO, 15: _VIDEO, 4: 2.2, 5: 2.8, 8: 1.0, 13: 0.0}
"""The curves of H.273, as the exponent from values to light; 0 is sRGB's own curve."""
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_PNG_GAMMA = 0.45455
_SAME_GAMMA = 0.01
"""Gammas that differ less than this from the usual one mean sRGB."""

Matrix = tuple[tuple[float, ...], ...]
_TO_CONES: Matrix = (
    (0.8951, 0.2664, -0.1614),
    (-0.7502, 1.7135, 0.0367),
    (0.0389, -0.0685, 1.0296),
)
"""Bradford's matrix, used to adapt the white point (ICC.1:2022, annex E)."""
_D50 = (0.9642, 1.0, 0.8249)


@dataclass(frozen=True, slots=True)
class Colours:
    """White, primaries, and the exponent from values to light; 0 is sRGB's own curve."""

    name: str
    chromaticities: Sequence[float]
    gamma: float


def find_profile(path: Path, kind: str | None, info: Mapping[Any, Any]) -> bytes | None:
    """The picture's ICC profile, or one made from its other colour data."""
    profile: bytes | None = info.get("icc_profile")
    if kind == "PNG":
        # In the order of PNG's third edition: cICP, iCCP, sRGB, gAMA.
        colours = _by_numbers(_find_png_numbers(path))
        if colours is None and profile is None and "srgb" not in info:
            colours = _by_gamma(info)
        return make_profile(colours) if colours else profile
    if kind == "AVIF" and profile is None:
        colours = _by_numbers(_find_avif_numbers(path))
        return make_profile(colours) if colours else None
    return profile


def _by_numbers(numbers: tuple[int, int] | None) -> Colours | None:
    """The colours of these numbers; None if they are sRGB, missing or unknown."""
    if numbers is None or numbers[0] not in _PRIMARIES or numbers[1] not in _GAMMAS:
        return None
    name, chromaticities = _PRIMARIES[numbers[0]]
    is_srgb = numbers == (1, 13)
    return None if is_srgb else Colours(name, chromaticities, _GAMMAS[numbers[1]])


def _by_gamma(info: Mapping[Any, Any]) -> Colours | None:
    """The colours of a PNG file with a gamma; primaries alone do not suffice."""
    gamma, chromaticities = info.get("gamma", 0), info.get("chromaticity")
    if not gamma or (chromaticities is None and abs(gamma - _PNG_GAMMA) < _SAME_GAMMA):
        return None
    return Colours(f"Gamma {1 / gamma:.2g}", chromaticities or (*_D65, *_SRGB), 1 / gamma)


def _find_png_numbers(path: Path) -> tuple[int, int] | None:
    """The numbers in cICP; None unless it describes full-range RGB values."""
    for name, data in _read_png_chunks(path):
        if name == b"cICP" and len(data) == 4:
            return (data[0], data[1]) if data[2:] == b"\0\1" else None
    return None


def _read_png_chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield the small chunks before the pixels."""
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            size, name = struct.unpack(">I4s", head)
            if name == b"IDAT":
                return
            if size > 16:
                file.seek(size, 1)
            else:
                yield name, file.read(size)
            file.seek(4, 1)  # the checksum


def _find_avif_numbers(path: Path) -> tuple[int, int] | None:
    """The numbers in the first `nclx` box; the decoder has already converted values to RGB."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    place = head.find(b"colrnclx")
    if place < 0 or len(head) < place + 12:
        return None
    numbers: tuple[int, int] = struct.unpack_from(">HH", head, place + 8)
    return numbers


# ── An ICC profile ─────────────────────────────────────────────────────────────────────────────


def make_profile(colours: Colours) -> bytes | None:
    """Make a profile of three primaries and a curve; None if the primaries span no space."""
    try:
        columns = _adapt(colours.chromaticities)
    except ZeroDivisionError:
        return None
    curve = _curve(colours.gamma)
    text = colours.name.encode("utf-16-be")
    told = b"mluc" + bytes(4) + struct.pack(">II4sII", 1, 12, b"enUS", len(text), 28) + text
    tags = {b"desc": told, b"cprt": told, b"wtpt": _xyz(_D50)}
    for letter, column in zip((b"r", b"g", b"b"), columns, strict=True):
        tags |= {letter + b"XYZ": _xyz(column), letter + b"TRC": curve}
    return _pack(tags)


def _adapt(chromaticities: Sequence[float]) -> Matrix:
    """XYZ of the three primaries, adapted to the white D50."""
    white, *primaries = (
        (x / y, 1.0, (1 - x - y) / y)
        for x, y in zip(chromaticities[::2], chromaticities[1::2], strict=True)
    )
    amounts = _multiply(_invert(_transpose(primaries)), white)
    cones, wanted = _multiply(_TO_CONES, white), _multiply(_TO_CONES, _D50)
    back = _invert(_TO_CONES)
    return tuple(
        _multiply(
            back,
            [
                cone * amount * to / of
                for cone, to, of in zip(_multiply(_TO_CONES, primary), wanted, cones, strict=True)
            ],
        )
        for primary, amount in zip(primaries, amounts, strict=True)
    )


def _multiply(matrix: Matrix, vector: Sequence[float]) -> tuple[float, ...]:
    return tuple(sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)


def _transpose(rows: Sequence[Sequence[float]]) -> Matrix:
    return tuple(zip(*rows, strict=True))


def _invert(matrix: Matrix) -> Matrix:
    """The inverse of a 3 × 3 matrix; ZeroDivisionError if there is none."""
    a, b, c = matrix
    crossed = (_cross(b, c), _cross(c, a), _cross(a, b))
    whole = sum(x * y for x, y in zip(a, crossed[0], strict=True))
    return _transpose([[value / whole for value in row] for row in crossed])


def _cross(a: Sequence[float], b: Sequence[float]) -> tuple[float, float, float]:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def _curve(gamma: float) -> bytes:
    values = (gamma,) if gamma else _SRGB_CURVE
    kind = 0 if gamma else 3
    return b"para" + bytes(4) + struct.pack(">HH", kind, 0) + b"".join(map(_fixed, values))


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(map(_fixed, values))


def _fixed(value: float) -> bytes:
    """The value as an s15Fixed16 number."""
    return struct.pack(">i", round(max(-32768.0, min(32767.0, value)) * 65536))


def _pack(tags: dict[bytes, bytes]) -> bytes:
    """Header, list of tags, tags (ICC.1:2022, 7)."""
    start = 128 + 4 + 12 * len(tags)
    listed, content = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        listed += struct.pack(">4sII", name, start + len(content), len(data))
        content += data + bytes(-len(data) % 4)
    head = struct.pack(
        ">I4sI4s4s4s12x4s4x4x4x4x8xI",
        start + len(content),
        bytes(4),
        0x04300000,
        b"mntr",
        b"RGB ",
        b"XYZ ",
        b"acsp",
        0,
    )
    return head[:68] + b"".join(map(_fixed, _D50)) + bytes(128 - 80) + listed + content
