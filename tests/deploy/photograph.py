"""A photograph as a phone makes it: stored lying on its side, with a note how to turn it."""

import io
import random

from PIL import Image, ImageOps

ORIENTATION_TAG = 0x0112
TURN_CLOCKWISE = 6

SKY = (200, 40, 30)
GRASS = (30, 160, 50)


def portrait(width: int = 1200, height: int = 1600) -> bytes:
    """A JPEG that is upright (red above, green below) only if its EXIF orientation is heeded."""
    upright = Image.new("RGB", (width, height), GRASS)
    upright.paste(SKY, (0, 0, width, height // 2))
    grain = random.Random(7).randbytes(width * height)  # noqa: S311 - film grain, not a secret
    noise = Image.frombytes("L", (width, height), grain)
    upright = Image.blend(upright, ImageOps.colorize(noise, "black", "white"), 0.15)
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = TURN_CLOCKWISE
    file = io.BytesIO()
    upright.transpose(Image.Transpose.ROTATE_90).save(file, "JPEG", quality=90, exif=exif)
    return file.getvalue()


def is_upright(picture: bytes) -> bool:
    """Whether it shows the red half above the green one, with nothing left to turn."""
    with Image.open(io.BytesIO(picture)) as image:
        pixels = image.convert("RGB")
        turned = image.getexif().get(ORIENTATION_TAG, 1) == 1
    above = pixels.getpixel((pixels.width // 2, pixels.height // 5))
    below = pixels.getpixel((pixels.width // 2, pixels.height * 4 // 5))
    assert isinstance(above, tuple)
    assert isinstance(below, tuple)
    tall = pixels.height > pixels.width
    return turned and tall and above[0] > above[1] + 60 and below[1] > below[0] + 60
