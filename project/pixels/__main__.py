"""The process: a request a line on stdin, an answer a line on stdout, both JSON.

A request is `{"do": name, …}`. Its answer is `{"done": {…}}`, or `{"refused": sentence}` where the
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
"""Address space; a picture of 50 million pixels, the largest that is taken, needs half of it."""
REQUEST_CPU_SECONDS = 90
"""A thumbnail of 4096 × 4096 pixels takes AVIF's encoder a tenth of that."""
NEEDS_TOO_MUCH_MEMORY = "The picture needs too much memory: save it anew, or make it smaller."


class Desk:
    """Does what requests say; keeps the picture that was read last."""

    def __init__(self) -> None:
        self._reading: Reading | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request; what is wrong with a picture is an answer, too."""
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
        """Read a picture, of which nothing longer than `longest` pixels will be made."""
        self._reading = None  # its memory goes before the next one comes
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
    """What claims more ends with a MemoryError, and leaves no core dump."""
    resource.setrlimit(resource.RLIMIT_AS, (size_bytes, size_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit_time() -> None:
    """A request that takes longer than that from now ends the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = round(used.ru_utime + used.ru_stime) + REQUEST_CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))


def serve(requests: IO[str], answers: IO[str]) -> None:
    """Answer until there are no more requests."""
    desk = Desk()
    for line in requests:
        limit_time()
        print(json.dumps(desk.answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    limit_memory()
    serve(sys.stdin, sys.stdout)
