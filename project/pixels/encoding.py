"""Resizes pictures and writes them, without any metadata."""

from pathlib import Path
from typing import Any

from PIL import Image, features

from project.errors import PermanentError

AVIF_SHARE = 0.8
"""AVIF's scale is another one: 66 of its 100 look like 82 of WebP's and JPEG's."""


def find_size(width: int, height: int, longest: int) -> tuple[int, int]:
    """The size with that longest side, at least a pixel each; never larger than it was."""
    scale = min(1, longest / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def fit(picture: Image.Image, width: int, height: int) -> Image.Image:
    """The picture in exactly that size."""
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def write_picture(picture: Image.Image, path: Path, kind: str, quality: int) -> None:
    """Write it as `webp`, `avif`, `jpeg` or `png`; JPEG shows white where it was transparent."""
    if kind == "avif" and not features.check("avif"):
        raise PermanentError("This installation of Pillow cannot write AVIF: leave it out.")
    plain = flatten(picture) if kind == "jpeg" and picture.mode == "RGBA" else picture.copy()
    plain.info = {}  # Pillow would write some of what it has read
    plain.save(path, kind.upper(), **_options(kind, quality))


def flatten(picture: Image.Image) -> Image.Image:
    """On white."""
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture.getchannel("A"))
    return white


def _options(kind: str, quality: int) -> dict[str, Any]:
    match kind:
        case "webp":
            return {"quality": quality, "method": 4}
        case "avif":
            return {"quality": round(quality * AVIF_SHARE), "speed": 7}
        case "jpeg":
            return {"quality": quality, "optimize": True, "progressive": True}
        case _:
            return {"compress_level": 7}
