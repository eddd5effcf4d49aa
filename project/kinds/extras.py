"""The extras of setup.cfg that kinds need, and whether they are installed."""

from collections.abc import Mapping
from importlib.util import find_spec

_PICTURES = ("matplotlib", "numpy", "manimgx_fonts", "manimgx_fonts_cjk")

LIBRARIES: Mapping[str, tuple[str, ...]] = {
    "tables": ("polars", "scipy", *_PICTURES),
    "ml": ("polars", "scipy", "sklearn", "skops", *_PICTURES),
    "reports": ("polars", "reportlab", *_PICTURES),
    "crawl": ("httpx", "httpcore", "selectolax", "protego", *_PICTURES),
    "images": ("PIL",),
}
"""The libraries that a kind with this extra imports; setup.cfg pins their versions."""


def is_installed(extra: str) -> bool:
    """Whether all libraries of the extra can be imported. Imports none of them."""
    return all(find_spec(library) is not None for library in LIBRARIES[extra])
