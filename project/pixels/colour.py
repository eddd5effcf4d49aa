"""Converts pictures of any colour profile to sRGB, which programs assume without a profile."""

import io

from PIL import Image, ImageCms

NAME_LENGTH = 60
_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}
"""The colour space that a mode's profile must have, by its ICC.1 name."""


def convert_to_srgb(picture: Image.Image, profile: bytes | None) -> tuple[Image.Image, str]:
    """Return the picture in RGB, with its alpha if any, and the name of its former profile.

    A profile that is damaged or does not fit the pixels is ignored.
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
    """Apply the profile; None if it cannot be used."""
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
    """The profile's own name, shortened to one line."""
    text = "".join(letter if letter.isprintable() else " " for letter in _description(source))
    return " ".join(text.split())[:NAME_LENGTH]


def _description(source: ImageCms.ImageCmsProfile) -> str:
    try:
        return ImageCms.getProfileDescription(source)
    except ImageCms.PyCMSError:
        return ""
