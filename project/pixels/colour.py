"""Colours: whatever profile a picture has, it becomes sRGB, which is what is shown without one."""

import io

from PIL import Image, ImageCms

NAME_LENGTH = 60
_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}
"""What the profile of a picture of that mode is about, in the words of ICC.1."""


def convert_to_srgb(picture: Image.Image, profile: bytes | None) -> tuple[Image.Image, str]:
    """The picture in RGB, with alpha where it has some, and the name of the profile it had.

    A profile that is damaged, or of something else than these pixels, is left aside.
    """
    alpha = picture.getchannel("A") if picture.mode in {"LA", "RGBA"} else None
    pixels = picture if alpha is None else picture.convert(picture.mode.removesuffix("A"))
    source = _open_profile(profile) if profile else None
    converted = _apply(pixels, source) if source else None
    result = converted or pixels.convert("RGB")
    if alpha is not None:
        result.putalpha(alpha)
    return result, _name(source) if source and converted else ""


def _open_profile(profile: bytes) -> ImageCms.ImageCmsProfile | None:
    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(profile))
    except (OSError, ImageCms.PyCMSError):
        return None


def _apply(pixels: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image | None:
    """None where the profile is of no use."""
    space = source.profile.xcolor_space.strip()
    if pixels.mode == "L" and space == "RGB":
        pixels = pixels.convert("RGB")
    if _SPACES[pixels.mode] != space:
        return None
    try:
        return ImageCms.profileToProfile(
            pixels,
            source,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (OSError, ValueError, ImageCms.PyCMSError):
        return None


def _name(source: ImageCms.ImageCmsProfile) -> str:
    """What the profile calls itself, as a short line."""
    text = "".join(letter if letter.isprintable() else " " for letter in _description(source))
    return " ".join(text.split())[:NAME_LENGTH]


def _description(source: ImageCms.ImageCmsProfile) -> str:
    try:
        return ImageCms.getProfileDescription(source)
    except ImageCms.PyCMSError:
        return ""
