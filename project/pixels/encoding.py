"""Resizes pictures and writes them, without any metadata."""

from pathlib import Path
from typing import Any

from PIL import Image, features

from project.errors import PermanentError

AVIF_SHARE = 0.8
"""AVIF's scale differs: its quality 66 looks like 82 of WebP and JPEG."""


def find_size(width: int, height: int, longest: int) -> tuple[int, int]:
    """The size with that longest side, at least 1 × 1, never larger than the picture."""
    scale = min(1, longest / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def fit(picture: Image.Image, width: int, height: int) -> Image.Image:
    """Resize the picture to exactly that size."""
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def write_picture(picture: Image.Image, path: Path, kind: str, quality: int) -> None:
    """Write it as `webp`, `avif`, `jpeg` or `png`; JPEG gets white for transparent pixels."""
    if kind == "avif" and not features.check("avif"):
        raise PermanentError("This installation cannot write AVIF: choose other formats.")
    plain = flatten(picture) if kind == "jpeg" and picture.mode == "RGBA" else picture.copy()
    plain.info = {}  # Pillow would write some of the metadata it has read
    plain.save(path, kind.upper(), **_options(kind, quality))


def flatten(picture: Image.Image) -> Image.Image:
    """The picture on white, without alpha."""
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
