"""One pipeline for every line: our own events and the records of Celery, gunicorn and the rest.

The entry point of each process tree calls `configure_logging` once. Files get JSON. In development,
stderr gets a readable copy of every line if it is a terminal, otherwise of warnings and worse.

An event goes from structlog's processors straight to the file; `foreign` takes in lines that are
logged in other ways.
"""

import logging
import random
import re
import socket
import sys
from collections.abc import Callable
from typing import Any

import structlog

from project.config import Settings
from project.observability import foreign
from project.observability.binding import read_bound
from project.observability.failures import describe_error
from project.observability.job_log import ERROR, is_capturing
from project.observability.redaction import Redactor, as_text
from project.observability.sink import LogFile, Rotation
from project.observability.writer import Console, Event, Writer

VERSION = "0.1.0"

_TRACE_ID = re.compile(r"([0-9a-f]{8})[0-9a-f]{24}")


def configure_logging(settings: Settings, *, is_watched: bool | None = None) -> None:
    """Send every line of this process and of processes that it forks to the role's file.

    `is_watched`: whether people read stderr; None means if it is a terminal.
    """
    host = socket.gethostname()
    writer = Writer(
        LogFile(
            settings.log_dir.absolute() / f"{settings.role}.{host}.jsonl",
            Rotation(settings.log_max_bytes, settings.log_max_age_seconds, settings.log_files_kept),
        ),
        {
            "service_name": "jobs",
            "service_version": VERSION,
            "service_environment": settings.environment,
            "node_name": f"{settings.role}@{host}",
            "node_roles": [settings.role],
            "host": host,
            "dataset": f"jobs.{settings.role}",
        },
        Redactor(settings.secret_key),
        console=_choose_console(settings, is_watched),
    )
    level = logging.getLevelNamesMapping()[settings.log_level]
    structlog.configure(
        processors=[
            *([sample_debug(settings.log_debug_share)] if settings.log_debug_share < 1 else []),
            _add_error,
            writer,
        ],
        wrapper_class=make_logger_class(level),
        cache_logger_on_first_use=True,
    )
    foreign.install(writer, level)


def make_logger_class(level: int) -> type[Any]:
    """A structlog logger class that adds the bound fields when it makes the event.

    The wrapped logger is never called, because the last processor writes the line. So an event's
    fields are copied once instead of four times, and nothing is raised at the end.
    """
    base: Any = structlog.make_filtering_bound_logger(level)

    class EventLogger(base):  # type: ignore[misc]  # made at run time
        def _proxy_to_logger(self, method_name: str, event: Any = None, /, **fields: Any) -> None:
            line = {
                **read_bound(),
                **self._context,
                **fields,
                "event": event,
                "level": method_name,
            }
            try:
                for process in self._processors:
                    line = process(None, method_name, line)
            except structlog.DropEvent:
                pass

    return EventLogger


def _choose_console(settings: Settings, is_watched: bool | None) -> Console:
    """What to copy to stderr: nothing in production, as a copy costs more time than the line."""
    if settings.environment == "production":
        return Console.NOTHING
    if is_watched is None:
        is_watched = sys.__stderr__ is not None and sys.__stderr__.isatty()
    return Console.EVERYTHING if is_watched else Console.TROUBLE


def sample_debug(
    share: float, chance: Callable[[], float] = random.random
) -> Callable[[Any, str, Event], Event]:
    """A processor that keeps this share of debug events; of a trace it keeps all or none."""

    def keep(_logger: Any, method: str, event: Event) -> Event:
        if method == "debug":
            # A job's own code may have bound any value.
            found = _TRACE_ID.fullmatch(as_text(event.get("trace_id")))
            point = int(found[1], 16) / 2**32 if found else chance()
            if point >= share:
                raise structlog.DropEvent
        return event

    return keep


def _add_error(_logger: Any, _method: str, event: Event) -> Event:
    """`exc_info=…` becomes the error's fields."""
    if "exc_info" not in event:
        return event
    given = event.pop("exc_info")
    error = sys.exc_info()[1] if given is True else given
    if isinstance(error, BaseException):
        event.update(describe_error(error))
        if is_capturing():
            event[ERROR] = error
    return event
