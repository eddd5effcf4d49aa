"""One pipeline for every line: our own events and the records of Celery, gunicorn and the rest.

`configure_logging` is called once per process tree, at its entry point. Files get JSON; in
development, people at the terminal get a readable copy on stderr; where it is a file, warnings do.

An event takes the short way, from structlog's processors straight to the file; `foreign` brings in
what is logged in other ways.
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
    """Send every line of this process, and of those it forks, to the role's file.

    `is_watched`: whether stderr is read by people; None: where it is a terminal.
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
    """structlog's logger, which makes an event at once with all that every line has.

    What it wraps is never called: the last of the processors writes the line. So an event's fields
    are copied once instead of four times, and nothing is raised at the end.
    """
    base: Any = structlog.make_filtering_bound_logger(level)

    class EventLogger(base):  # type: ignore[misc]  # made at run time
        def _proxy_to_logger(self, method_name: str, event: Any = None, /, **fields: Any) -> None:
            told = {
                **read_bound(),
                **self._context,
                **fields,
                "event": event,
                "level": method_name,
            }
            try:
                for process in self._processors:
                    told = process(None, method_name, told)
            except structlog.DropEvent:
                pass

    return EventLogger


def _choose_console(settings: Settings, is_watched: bool | None) -> Console:
    """In production nobody is there. A readable copy takes longer than the line itself."""
    if settings.environment == "production":
        return Console.NOTHING
    if is_watched is None:
        is_watched = sys.__stderr__ is not None and sys.__stderr__.isatty()
    return Console.EVERYTHING if is_watched else Console.TROUBLE


def sample_debug(
    share: float, chance: Callable[[], float] = random.random
) -> Callable[[Any, str, Event], Event]:
    """A processor that keeps this share of the debug events, and of a trace all or none."""

    def keep(_logger: Any, method: str, event: Event) -> Event:
        if method == "debug":
            # A job's own code may have put anything there.
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
