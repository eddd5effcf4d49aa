"""Values for tests: each builder fills in what the test at hand does not care about."""

import io
import socket
import struct
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from PIL import Image

from project.config import Settings
from project.ledger import Job, Status
from project.observability.context import Trace

NOON = datetime(2026, 5, 4, 12, 0, 0, 123456, tzinfo=UTC)

SECRETS = {
    "secret_key": "k" * 32,
    "broker_url": "amqp://jobs:own@broker/jobs",
    "redis_url": "redis://:own@redis/0",
    "management_url": "http://monitor:own@broker/api/",
    "admin_password": "own",
    "flower_login": "flower:own",
}
"""A value of one's own for every setting that production wants to be set."""


def a_job(**changes: Any) -> Job:
    """A job that was just accepted."""
    values: dict[str, Any] = {
        "id": str(uuid4()),
        "kind": "create_task",
        "queue": "short",
        "status": Status.ACCEPTED,
        "parameters": {"type": 0},
        "submitted_at": datetime.now(UTC),
    }
    return Job(**values | changes)


def a_trace() -> Trace:
    """The trace of a click."""
    return Trace.start()


def settings_in(folder: Path, **changes: Any) -> Settings:
    """Settings of a process that writes into this folder only."""
    return Settings(
        **{
            "log_dir": folder / "logs",
            "files_url": str(folder / "files"),
            "scratch_dir": folder / "scratch",
            "mail_dir": folder / "mail",
            "flower_database": folder / "flower.db",
            **changes,
        }
    )


CUT_OFF = b"\xff\xd8\xff\xe0 and no more"
"""A picture whose file ends after its first bytes."""


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """The picture as a file of that kind."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def a_picture(kind: str = "PNG", size: tuple[int, int] = (40, 30), colour: str = "red") -> bytes:
    """A small picture of one colour."""
    return encoded(Image.new("RGB", size, colour), kind)


def png(width: int, height: int, *extra_chunks: bytes) -> bytes:
    """A PNG whose header says it has that size; it holds next to no pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 64)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            png_chunk(b"IHDR", header),
            *extra_chunks,
            png_chunk(b"IDAT", pixels),
            png_chunk(b"IEND", b""),
        ]
    )


def png_chunk(name: bytes, content: bytes) -> bytes:
    """One chunk of a PNG file."""
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def an_unused_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
