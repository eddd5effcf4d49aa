"""What job code prints becomes log lines: standard output at level info, standard error at warning.

Celery's own redirection makes a record of each write, so that `print("a", 1)` would be three.
"""

import io
import logging
import sys
import threading
from typing import TextIO

_LONGEST = 8192
"""A line that is longer becomes several, characters."""


def redirect_prints() -> None:
    """From now on what this process prints goes to the logger `jobs.print`."""
    logger = logging.getLogger("jobs.print")
    sys.stdout = PrintedLines(logger, logging.INFO, sys.stdout)
    sys.stderr = PrintedLines(logger, logging.WARNING, sys.stderr)


def flush_prints() -> None:
    """Log what was printed without a line's end."""
    sys.stdout.flush()
    sys.stderr.flush()


class _Own(threading.local):
    """A thread's."""

    rest = ""
    """What it has printed of a line that has no end yet."""
    is_logging = False


class PrintedLines(io.TextIOBase):
    """A text file whose lines are log records. Each thread writes lines of its own."""

    def __init__(self, logger: logging.Logger, level: int, original: TextIO) -> None:
        self._logger = logger
        self._level = level
        self.original = original
        self._own = _Own()

    def write(self, text: str) -> int:
        """Log the lines that are whole by now."""
        if self._own.is_logging:  # who logs has printed: a handler that failed
            return self.original.write(text)
        *lines, self._own.rest = (self._own.rest + text).split("\n")
        if len(self._own.rest) > _LONGEST:
            lines.append(self._own.rest)
            self._own.rest = ""
        self._log(lines)
        return len(text)

    def flush(self) -> None:
        """Log the line that has no end yet."""
        rest = self._own.rest
        if rest:
            self._own.rest = ""
            self._log([rest])
        self.original.flush()

    def _log(self, lines: list[str]) -> None:
        self._own.is_logging = True
        try:
            for line in lines:
                if line.strip():
                    self._logger.log(self._level, "%s", line.rstrip("\r"))
        finally:
            self._own.is_logging = False

    def writable(self) -> bool:
        """It is a file to write to."""
        return True

    def fileno(self) -> int:
        """The descriptor that child processes inherit: what they print is not logged."""
        return self.original.fileno()

    @property
    def buffer(self) -> object:
        """For bytes, which are not logged."""
        return self.original.buffer

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has an attribute
        """As the original's."""
        return self.original.encoding
