"""Puts what a job has made into the store, as the links that a result shows."""

from typing import Protocol

from project.kinds.context import Context
from project.kinds.result_view import FileLink, Picture


class Drawn(Protocol):
    """A picture that can be written."""

    @property
    def size(self) -> tuple[int, int]:
        """In pixels."""

    def as_png(self) -> bytes:
        """The file."""


def keep(context: Context, content: bytes, name: str) -> FileLink:
    """The bytes as a file that a person would call that."""
    suffix = name[name.rindex(".") :]
    return {"file": context.files.write(content, suffix), "name": name, "bytes": len(content)}


def keep_file(context: Context, name: str) -> FileLink:
    """A file of that name in the attempt's folder, which is moved."""
    path = context.files.folder / name
    size = path.stat().st_size
    return {"file": context.files.add(path), "name": name, "bytes": size}


def keep_picture(context: Context, drawn: Drawn, title: str) -> Picture:
    """The picture as a PNG file."""
    width, height = drawn.size
    file_id = context.files.write(drawn.as_png(), ".png")
    return {"file": file_id, "title": title, "width": width, "height": height}
