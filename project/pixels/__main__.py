"""The process: JSON requests on stdin, JSON answers on stdout, one per line.

A request is `{"do": name, …}`. Its answer is `{"done": {…}}`, or `{"refused": sentence}` if the
picture is at fault. The process ends with its stdin.
"""

import json
import resource
import sys
from pathlib import Path
from typing import IO, Any, cast

from project.errors import PermanentError
from project.pixels.encoding import find_size, fit, write_picture
from project.pixels.reading import DAMAGED, Reading, read_picture
from project.pixels.sheet import Cell, draw_sheet

MEMORY_BYTES = 2 * 1024**3
"""Address space; a picture of 50 million pixels, the largest allowed, needs half of it."""
REQUEST_CPU_SECONDS = 90
"""AVIF's encoder needs a tenth of that for a thumbnail of 4096 × 4096 pixels."""
NEEDS_TOO_MUCH_MEMORY = (
    "The picture needs too much memory: make it smaller, or save it in another format."
)


class Desk:
    """Answers requests; keeps the picture that was read last."""

    def __init__(self) -> None:
        self._reading: Reading | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a request; faults of a picture become an answer, not an exception."""
        work: Any = {"read": self.read, "make": self.make, "sheet": self.draw}[request.pop("do")]
        try:
            return {"done": work(**request)}
        except PermanentError as error:
            return {"refused": str(error)}
        except MemoryError:
            self._reading = None
            return {"refused": NEEDS_TOO_MUCH_MEMORY}
        except Exception as error:  # noqa: BLE001 - the library's errors for damaged files are many
            print(type(error).__name__, error, file=sys.stderr)  # noqa: T201
            return {"refused": DAMAGED}

    def read(self, path: str, longest: int) -> dict[str, Any]:
        """Read a picture; no copy of it will be longer than `longest` pixels."""
        self._reading = None  # frees its memory before the next one is read
        self._reading = reading = read_picture(Path(path), longest)
        return {
            "width": reading.width,
            "height": reading.height,
            "format": reading.format,
            "colour": reading.colour,
        }

    def make(self, path: str, size: int, kind: str, quality: int) -> dict[str, Any]:
        """Write the picture in that size (its longest side) and format."""
        reading = cast(Reading, self._reading)  # `read` comes first
        width, height = find_size(reading.width, reading.height, size)
        thumbnail = fit(reading.picture, width, height)
        write_picture(thumbnail, Path(path), kind, quality)
        return {"width": width, "height": height, "bytes": Path(path).stat().st_size}

    def draw(self, path: str, cells: list[list[Any]], title: str) -> dict[str, Any]:
        """Write one page of a contact sheet; a cell is a number and a picture's path, or null."""
        page = draw_sheet([Cell(number, found and Path(found)) for number, found in cells], title)
        write_picture(page, Path(path), "webp", quality=88)
        return {"width": page.width, "height": page.height, "bytes": Path(path).stat().st_size}


def limit_memory(size_bytes: int = MEMORY_BYTES) -> None:
    """Limit the address space, so that more raises MemoryError, and write no core dumps."""
    resource.setrlimit(resource.RLIMIT_AS, (size_bytes, size_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit_time() -> None:
    """Let the kernel end the process if this request takes more processor time than allowed."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = round(used.ru_utime + used.ru_stime) + REQUEST_CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))


def serve(requests: IO[str], answers: IO[str]) -> None:
    """Answer requests until the input ends."""
    desk = Desk()
    for line in requests:
        limit_time()
        print(json.dumps(desk.answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    limit_memory()
    serve(sys.stdin, sys.stdout)
