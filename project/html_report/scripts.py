"""Text in all scripts of the world, for pictures and PDFs: DejaVu's fonts, then Noto's.

matplotlib shapes text (Arabic letters join, Hindi ones change places, Hebrew runs to the left) and
takes each letter from the first font that has it. PDF text does neither. So a PDF shows such text
as outlines, under invisible letters that can be searched and copied.
"""

import logging
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.font_manager import FontProperties, fontManager

_PACKAGES = ("manimgx_fonts", "manimgx_fonts_cjk")
_LATIN = "DejaVu Sans"
_LEFT_OUT = ("Italic", "Emoji")
_SIMPLE = ((0x20, 0x0590), (0x1E00, 0x2000), (0x2010, 0x2028), (0x202F, 0x2060), (0x2070, 0x2C00))
"""Letters that DejaVu has and that need no shaping: Latin, Greek, Cyrillic."""
_THIN = ((0x1100, 0x1200), (0x2E80, 0xA4D0), (0xAC00, 0xD7FF), (0xF900, 0xFB00), (0xFE30, 0x40000))
"""Chinese, Japanese and Korean. Programs see only the thinnest weight of their font."""
THIN_STROKE = 0.045
"""Width of the outline of thin letters, as a share of their size: makes them as black as others."""


@cache
def use_all_scripts() -> list[str]:
    """Make matplotlib look for letters in all fonts, and not parse formulas."""
    # Each script has only one weight; matplotlib would warn about that for each text.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    families = [_LATIN]
    for package in _PACKAGES:
        for path in sorted(find_folder(package).glob("*.tt[fc]")):
            if not any(word in path.name for word in _LEFT_OUT):
                known = len(fontManager.ttflist)
                fontManager.addfont(path)
                families += [entry.name for entry in fontManager.ttflist[known:]]
    mpl.rcParams["font.family"] = list(dict.fromkeys(families))
    mpl.rcParams["text.parse_math"] = False
    return list(dict.fromkeys(families))


def find_folder(package: str) -> Path:
    """Find the package's folder without importing it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{package}, which brings fonts, is not installed")
    return Path(spec.origin).parent


def is_simple(text: str) -> bool:
    """Whether DejaVu can show the text without shaping."""
    return all(_is_in(letter, _SIMPLE) for letter in text)


def is_thin(text: str) -> bool:
    """Whether the text has letters of the thin font."""
    return any(_is_in(letter, _THIN) for letter in text)


def _is_in(letter: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= ord(letter) < end for first, end in ranges)


def outline(text: str, size: float, *, is_bold: bool = False) -> tuple[Any, Any, float]:
    """Return the vertices and codes of the text's outlines, from the base line's start; width."""
    from matplotlib.textpath import text_to_path  # noqa: PLC0415

    weight = "bold" if is_bold else "normal"
    font = FontProperties(family=use_all_scripts(), size=size, weight=weight)
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    vertices, codes = text_to_path.get_text_path(font, text)
    # The outlines have the size that the font was loaded at.
    scale = size / text_to_path.FONT_SCALE
    return np.asarray(vertices) * scale, codes, float(width)
