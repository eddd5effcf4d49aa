"""Files that lie, break off or swell, each made by a function; the same ones each time."""

import gzip
import io
import random
import struct
import zipfile
import zlib

import polars as pl
from PIL import Image

from tests.builders import encoded, png, png_chunk
from tests.tables import csv_bytes, orders, orders_csv, parquet_bytes

MEBIBYTE = 1024 * 1024
SIZE = (400, 300)


def a_photograph(kind: str) -> bytes:
    """A picture that does not compress to nothing."""
    return encoded(_noise(), kind)


def cut_off(content: bytes, share: float = 0.6) -> bytes:
    """The beginning of a file, as after a broken download."""
    return content[: int(len(content) * share)]


# ── Pictures ───────────────────────────────────────────────────────────────────────────────────


def png_of_a_large_chunk(size: int = 2**31 - 1) -> bytes:
    """A PNG whose second chunk claims that size."""
    return png(4, 4)[: 8 + 25] + struct.pack(">I", size) + b"IDAT" + b"\0" * 1000


def png_of_swelling_text(size: int = 200 * MEBIBYTE) -> bytes:
    """A PNG with a comment that unpacks to that size."""
    return png(4, 4, png_chunk(b"zTXt", b"Comment\0\0" + _swelling(size)))


def png_of_swelling_profile(size: int = 200 * MEBIBYTE) -> bytes:
    """A PNG with a colour profile that unpacks to that size."""
    return png(4, 4, png_chunk(b"iCCP", b"profile\0\0" + _swelling(size)))


def png_of_swelling_pixels(width: int = 7000, height: int = 7000) -> bytes:
    """A PNG of as many pixels as are just taken, all in a few kilobytes."""
    packer = zlib.compressobj(9)
    row = b"\0" * (1 + 3 * width)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def png_of_too_few_rows() -> bytes:
    """A PNG that ends as it should, but has pixels for a small part of its size only."""
    return png(3000, 3000)


def gif_of_many_frames(frames: int = 10_000) -> bytes:
    """An animation of that many frames."""
    one = a_frame()
    return b"GIF89a\x02\0\x02\0\x80\0\0" + b"\0\0\0\xff\xff\xff" + one * frames + b";"


def a_frame() -> bytes:
    """One frame of two by two pixels."""
    return b",\0\0\0\0\x02\0\x02\0\0\x02\x02D\x01\0"


def gif_of_a_large_canvas() -> bytes:
    """A GIF that claims the largest size there is."""
    return b"GIF89a\xff\xff\xff\xff\x80\0\0" + b"\0\0\0\xff\xff\xff" + a_frame() + b";"


def jpeg_of_another_size(width: int, height: int) -> bytes:
    """A JPEG whose header was changed to that size."""
    content = a_photograph("JPEG")
    at = content.index(b"\xff\xc0") + 5
    return content[:at] + struct.pack(">HH", height, width) + content[at + 4 :]


def webp_of_a_large_canvas() -> bytes:
    """A WebP that claims 16,384 by 16,384 pixels."""
    frame = a_photograph("WEBP")[12:]
    canvas = b"VP8X" + struct.pack("<I", 10) + b"\0" * 4 + b"\xff\x3f\0" * 2
    return b"RIFF" + struct.pack("<I", 4 + len(canvas) + len(frame)) + b"WEBP" + canvas + frame


def avif_of_another_size(width: int, height: int) -> bytes:
    """An AVIF whose box of sizes was changed; its pixels say something else."""
    content = a_photograph("AVIF")
    at = content.index(b"ispe") + 8
    return content[:at] + struct.pack(">II", width, height) + content[at + 8 :]


# ── Tables ─────────────────────────────────────────────────────────────────────────────────────


def csv_with(line: bytes, at: int = 3000, rows: int = 4000) -> bytes:
    """Orders, of which one line (the header is the first) is another one."""
    lines = orders_csv(rows).splitlines(keepends=True)
    lines[at - 1] = line + b"\n"
    return b"".join(lines)


def csv_of_one_line(size: int = 50 * MEBIBYTE) -> bytes:
    """A table whose second line does not end."""
    return b"a,b\n" + b"x" * size


def csv_of_columns(columns: int = 600) -> bytes:
    """A table of that many columns."""
    return csv_bytes(*[",".join(f"{letter}{n}" for n in range(columns)) for letter in "abc"])


def csv_in(encoding: str) -> bytes:
    """A table whose umlaut comes late."""
    rows = [f"{n},plain" for n in range(2, 2000)]
    return csv_bytes("id,name", *rows, "2000,Grüße", "2001,plain", encoding=encoding)


def parquet_of_a_large_footer(size: int = 2**31 - 1) -> bytes:
    """A Parquet file whose footer claims that size."""
    return parquet_bytes(orders(100))[:-8] + struct.pack("<I", size) + b"PAR1"


def parquet_of_a_large_page(size: int = 2**31 - 1) -> bytes:
    """A Parquet file whose first page claims to unpack to that size."""
    content = parquet_bytes(pl.DataFrame({"a": range(1000)}), compression="zstd", statistics=False)
    # A page's head begins after the file's mark: its kind, and behind field 2 what it unpacks to.
    start = 4
    assert content[start : start + 1] == b"\x15" and content[start + 2 : start + 3] == b"\x15"
    end = start + 3
    while content[end] & 0x80:
        end += 1
    forged = _zigzag(size)
    return content[: start + 3] + forged + content[end + 1 :]


def parquet_of_lists() -> bytes:
    """A Parquet file without a column of plain values."""
    return parquet_bytes(pl.DataFrame({"a": [[1, 2], [3]]}))


def html_page() -> bytes:
    """What a server sends instead of a file, where one has to log in."""
    return b"<!DOCTYPE html>\n<html>\n<head><title>Log in</title></head>\n<body>\n" + (
        b"<p>Please, log in, then try again.</p>\n<p>Thank you</p>\n</body>\n</html>\n"
    )


def gzipped() -> bytes:
    """A table in a gzip file."""
    return gzip.compress(orders_csv(100), mtime=0)


def zipped(name: str = "orders.csv", size: int = 0) -> bytes:
    """A table, or zeros of that size, in a ZIP file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        content = bytes(size) or orders_csv(100)
        archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def xlsx() -> bytes:
    """The outside of a workbook: a ZIP file."""
    return zipped("xl/workbook.xml")


def _noise() -> Image.Image:
    chance = random.Random(7)  # noqa: S311 - the same each time
    return Image.frombytes("RGB", SIZE, chance.randbytes(SIZE[0] * SIZE[1] * 3))


def _swelling(size: int) -> bytes:
    packer, piece = zlib.compressobj(9), bytes(MEBIBYTE)
    packed = b"".join(packer.compress(piece) for _ in range(size // MEBIBYTE))
    return packed + packer.flush()


def _zigzag(value: int) -> bytes:
    """A number as Parquet writes it."""
    rest, written = value << 1, bytearray()
    while rest > 0x7F:
        written.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*written, rest])
