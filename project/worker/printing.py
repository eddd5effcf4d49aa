"""Turns what job code prints into log lines: standard output at level info, standard error at
warning.

Celery's own redirection makes a record of each write, so `print("a", 1)` would become three.
"""

import io
import logging
import sys
import threading
from typing import TextIO

_LONGEST = 8192
"""A longer line is split, characters."""


def redirect_prints() -> None:
    """Send what this process prints to the logger `jobs.print` from now on."""
    logger = logging.getLogger("jobs.print")
    sys.stdout = PrintedLines(logger, logging.INFO, sys.stdout)
    sys.stderr = PrintedLines(logger, logging.WARNING, sys.stderr)


def flush_prints() -> None:
    """Log printed text that has no line end yet."""
    sys.stdout.flush()
    sys.stderr.flush()


class _Own(threading.local):
    """State of one thread."""

    rest = ""
    """The pieces of a line that has no end yet."""
    is_logging = False


class PrintedLines(io.TextIOBase):
    """A text file whose lines become log records. Each thread writes its own lines."""

    def __init__(self, logger: logging.Logger, level: int, original: TextIO) -> None:
        self._logger = logger
        self._level = level
        self.original = original
        self._own = _Own()

    def write(self, text: str) -> int:
        """Log the complete lines."""
        if self._own.is_logging:  # a log handler that failed has printed
            return self.original.write(text)
        *lines, self._own.rest = (self._own.rest + text).split("\n")
        if len(self._own.rest) > _LONGEST:
            lines.append(self._own.rest)
            self._own.rest = ""
        self._log(lines)
        return len(text)

    def flush(self) -> None:
        """Log the incomplete line."""
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
        """Always true."""
        return True

    def fileno(self) -> int:
        """The original's descriptor. Subprocesses inherit it; what they print is not logged."""
        return self.original.fileno()

    @property
    def buffer(self) -> object:
        """The original's buffer, for bytes, which are not logged."""
        return self.original.buffer

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has an attribute
        """The original's encoding."""
        return self.original.encoding
