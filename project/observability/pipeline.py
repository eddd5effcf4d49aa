"""One pipeline for every line: our own events and the records of Celery, gunicorn and the rest.

`configure_logging` is called once per process tree, at its entry point. Files get JSON; in
development, people at the terminal get a readable copy on stderr.
"""

import itertools
import json
import logging
import os
import secrets
import socket
import sys
import threading
import traceback
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog

from project.config import Settings
from project.observability.ecs import to_ecs
from project.observability.sink import LogFile

VERSION = "0.1.0"
_Event = MutableMapping[str, Any]

# stdlib's records that repeat what our own events say, or would hold parameters and results.
_QUIET = {
    "celery.worker.strategy": logging.WARNING,
    "celery.app.trace": logging.CRITICAL,
    "amqp": logging.WARNING,
    "PIL": logging.WARNING,
    "mail.log": logging.WARNING,  # aiosmtpd writes the whole conversation, addresses included
    "werkzeug": logging.WARNING,
}

# Says what is wrong with a message in the first line, and quotes all of the message below it.
_FIRST_LINES = {"celery.worker.consumer.consumer"}


def configure_logging(settings: Settings) -> None:
    """Send every line of this process, and of those it forks, to the role's file."""
    host = socket.gethostname()
    writer = _Writer(
        LogFile(settings.log_dir.absolute() / f"{settings.role}.{host}.jsonl"),
        {
            "service_name": "jobs",
            "service_version": VERSION,
            "service_environment": settings.environment,
            "node_name": f"{settings.role}@{host}",
            "node_roles": [settings.role],
            "host": host,
            "dataset": f"jobs.{settings.role}",
        },
        is_console=settings.environment == "development",
    )
    level = logging.getLevelNamesMapping()[settings.log_level]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            _add_error,
            writer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Bridge(writer)]
    root.setLevel(level)
    for name, threshold in _QUIET.items():
        logging.getLogger(name).setLevel(threshold)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda args: _log_uncaught(
        args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback
    )


class _Writer:
    """The end of the pipeline: completes an event, writes its document, drops it."""

    def __init__(self, file: LogFile, service: Mapping[str, Any], *, is_console: bool) -> None:
        self._file = file
        self._service = service
        self._console = (
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if is_console else None
        )
        self._seed()
        os.register_at_fork(after_in_child=self._seed)

    def _seed(self) -> None:
        """A line's id is unique over processes: random at each start and fork, then counted."""
        self._boot = secrets.token_hex(6)
        self._numbers = itertools.count()

    def __call__(self, _logger: Any, _method: str, event: _Event) -> str:
        self.write(event)
        raise structlog.DropEvent

    def write(self, event: _Event) -> None:
        event.setdefault("timestamp", _format(datetime.now(UTC)))
        document = to_ecs(
            {
                **event,
                **self._service,
                "event_id": f"{self._boot}-{next(self._numbers)}",
                "process_id": os.getpid(),
            }
        )
        self._file.write(_encode(document))
        if self._console is not None:
            shown = {key: value for key, value in event.items() if key not in _NOT_SHOWN}
            print(self._console(None, "", shown), file=sys.stderr, flush=True)  # noqa: T201


def _encode(document: Mapping[str, Any]) -> bytes:
    """The document as one line of JSON."""
    try:
        return orjson.dumps(document, default=repr, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # half a surrogate pair, an integer beyond 64 bits: no line may be lost
        text = json.dumps(document, default=repr, skipkeys=True, ensure_ascii=False)
        return f"{text}\n".encode(errors="replace")


_NOT_SHOWN = {"transaction_id", "request_id", "error_stack_trace"}


class _Bridge(logging.Handler):
    """Turns a stdlib record into an event. What is in `extra` is left out: it may hold data."""

    def __init__(self, writer: _Writer) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._writer.write(self._describe(record))
        except Exception:  # noqa: BLE001 - logging's own rule: a record never hurts who logs
            self.handleError(record)

    def _describe(self, record: logging.LogRecord) -> _Event:
        message = record.getMessage()
        event: _Event = {
            **structlog.contextvars.get_contextvars(),
            "event": "log",
            "message": message.partition("\n")[0] if record.name in _FIRST_LINES else message,
            "level": record.levelname.lower(),
            "logger": record.name,
            "timestamp": _format(datetime.fromtimestamp(record.created, UTC)),
        }
        if record.exc_info and record.exc_info[1]:
            event.update(describe_error(record.exc_info[1]))
        return event


def describe_error(error: BaseException) -> dict[str, str]:
    """The fields by which a log line tells of an error."""
    return {
        "error_type": type(error).__name__,
        "error_message": str(error),
        "error_stack_trace": "".join(traceback.format_exception(error)),
    }


def _add_error(_logger: Any, _method: str, event: _Event) -> _Event:
    """`exc_info=…` becomes the error's fields."""
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given
    if isinstance(error, BaseException):
        event.update(describe_error(error))
    return event


def _log_uncaught(_type: Any, error: BaseException, _trace: Any) -> None:
    if isinstance(error, KeyboardInterrupt):
        return
    structlog.get_logger().critical("process_failed", **describe_error(error))


def _format(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
