"""Stores what a job has made and returns the links that its result shows."""

from typing import Protocol

from project.kinds.context import Context
from project.kinds.result_view import FileLink, Picture


class Drawn(Protocol):
    """A picture that can be written as a PNG file."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""

    def as_png(self) -> bytes:
        """The content of the PNG file."""


def keep(context: Context, content: bytes, name: str) -> FileLink:
    """Store the bytes as a file; `name` is what people see, with its suffix."""
    suffix = name[name.rindex(".") :]
    return {"file": context.files.write(content, suffix), "name": name, "bytes": len(content)}


def keep_file(context: Context, name: str) -> FileLink:
    """Move the file of that name from the attempt's folder to the store."""
    path = context.files.folder / name
    size = path.stat().st_size
    return {"file": context.files.add(path), "name": name, "bytes": size}


def keep_picture(context: Context, drawn: Drawn, title: str) -> Picture:
    """Store the picture as a PNG file."""
    width, height = drawn.size
    file_id = context.files.write(drawn.as_png(), ".png")
    return {"file": file_id, "title": title, "width": width, "height": height}
