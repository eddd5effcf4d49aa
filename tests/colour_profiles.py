"""Colour profiles for tests, made as ICC.1:2001-04 says: of three primaries, or of four inks."""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_D50 = (0.9642, 1.0, 0.8249)
_SRGB = ((0.43607, 0.38515, 0.14307), (0.22249, 0.71687, 0.06061), (0.01392, 0.09708, 0.71410))
"""XYZ, adapted to D50, of sRGB's primaries: a row each for X, Y and Z."""


@dataclass(frozen=True)
class Primaries:
    """A space of three primaries; rows as above. `gamma` is the curve of each."""

    name: str
    rows: tuple[tuple[float, float, float], ...]
    gamma: float

    def profile(self) -> bytes:
        """The profile."""
        curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(self.gamma * 256)) + bytes(2)
        columns = {
            f"{letter}XYZ".encode(): _xyz(column)
            for letter, column in zip("rgb", zip(*self.rows, strict=True), strict=True)
        }
        curves = {f"{letter}TRC".encode(): curve for letter in "rgb"}
        return _profile(b"RGB ", b"mntr", b"XYZ ", {**_told(self.name), **columns, **curves})

    def as_srgb(self, colour: tuple[int, int, int]) -> tuple[int, int, int]:
        """What sRGB calls the colour, by arithmetic of our own; the nearest where it has none."""
        linear = (np.array(colour) / 255) ** self.gamma
        found = np.linalg.solve(np.array(_SRGB), np.array(self.rows) @ linear)
        red, green, blue = (round(255 * float(value)) for value in _curved(np.clip(found, 0, 1)))
        return red, green, blue


DISPLAY_P3 = Primaries(
    "Display P3",
    ((0.51512, 0.29198, 0.15710), (0.24120, 0.69225, 0.06657), (-0.00105, 0.04189, 0.78407)),
    2.2,
)
ADOBE_RGB = Primaries(
    "Adobe RGB (1998)",
    ((0.60974, 0.20528, 0.14919), (0.31111, 0.62567, 0.06322), (0.01947, 0.06087, 0.74457)),
    2.2,
)


def odd_inks() -> bytes:
    """A profile of four inks whose first one is red, so that nobody takes it for cyan by chance."""
    corners = b"".join(_corner(number) for number in range(16))
    ramp = bytes(range(256))
    matrix = struct.pack(">9i", *(65536 if at % 4 == 0 else 0 for at in range(9)))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + matrix + ramp * 4 + corners + ramp * 3
    return _profile(b"CMYK", b"prtr", b"Lab ", {**_told("Odd inks"), b"A2B0": table})


def _corner(number: int) -> bytes:
    """Lab, a byte each, where each ink is all there or not at all; the first one is bit 3."""
    if number & 0b0001:
        return bytes([0, 128, 128])  # black
    return bytes([138, 208, 195]) if number & 0b1000 else bytes([255, 128, 128])


def _told(name: str) -> dict[bytes, bytes]:
    text = name.encode() + b"\0"
    description = b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78)
    return {b"desc": description, b"cprt": b"text" + bytes(4) + b"none\0", b"wtpt": _xyz(_D50)}


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def _profile(space: bytes, kind: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Header, table of tags, tags; each begins at a multiple of four bytes."""
    entries, data, offset = b"", b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        entries += name + struct.pack(">II", offset + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    size = offset + len(data)
    header = struct.pack(">I4sI", size, b"none", 0x02400000) + kind + space + connection
    header += struct.pack(">6H", 2026, 5, 4, 12, 0, 0) + b"acsp" + bytes(28)
    header += struct.pack(">3i", *(round(value * 65536) for value in _D50))
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + entries + data


def _curved(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """By the curve of IEC 61966-2-1."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
