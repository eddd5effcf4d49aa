"""Takes in lines from elsewhere: the standard library's loggers, warnings, uncaught errors.

It omits a record's `extra` and the texts of errors among its arguments, because both may contain a
client's data.
"""

import logging
import re
import sys
import threading
from typing import Any

import structlog

from project.observability.binding import read_bound
from project.observability.failures import describe_error, name_error
from project.observability.job_log import ERROR, MESSAGE, is_capturing
from project.observability.writer import Event, Writer, format_time_ns

# Loggers whose records repeat our own events, or would contain parameters and results.
QUIET = {
    "celery.worker.strategy": logging.WARNING,
    "celery.app.trace": logging.CRITICAL,
    "amqp": logging.WARNING,
    "PIL": logging.WARNING,
    "httpcore": logging.WARNING,  # at debug it writes every URL and header
    "mail.log": logging.WARNING,  # aiosmtpd writes the whole conversation, addresses included
    "werkzeug": logging.WARNING,
}

# The start of these records is worth a line; the rest quotes a message or a request.
_WORTH = {
    "celery.worker.consumer.consumer": re.compile(r"[^\n]*"),
    "gunicorn.error": re.compile(
        r"Invalid request from ip=\S*: [^:'\"]*|(?!Invalid request).*", re.S
    ),
}


def install(writer: Writer, level: int) -> None:
    """Send every record, warning and uncaught error to the writer."""
    root = logging.getLogger()
    root.handlers[:] = [Bridge(writer)]
    root.setLevel(level)
    for name, threshold in QUIET.items():
        logging.getLogger(name).setLevel(threshold)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda args: _log_uncaught(
        args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback
    )


class Bridge(logging.Handler):
    """Turns a record into an event."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self._writer = writer

    def handle(self, record: logging.LogRecord) -> bool:
        """Handle without logging's lock: a line is one write, so threads need not wait."""
        is_wanted = bool(self.filter(record))
        if is_wanted:
            self.emit(record)
        return is_wanted

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's line."""
        try:
            event = _describe(record)
        except Exception:  # noqa: BLE001 - logging's own rule: a record never harms its caller
            self.handleError(record)
        else:  # `write` raises nothing; a job's time limit, which may hit here, must get through
            self._writer.write(event)


def _describe(record: logging.LogRecord) -> Event:
    message = _render(record)
    event: Event = {
        **read_bound(),
        "event": "log",
        "message": _keep_what_is_worth(record.name, message),
        "level": record.levelname.lower(),
        "logger": record.name,
        "timestamp": format_time_ns(int(record.created * 1e9)),
    }
    error = record.exc_info and record.exc_info[1]
    if error:
        event.update(describe_error(error))
    if is_capturing():
        event[MESSAGE] = record.getMessage()
        event[ERROR] = error or None
    return event


def _render(record: logging.LogRecord) -> str:
    """The message, with `name_error` in place of each error."""
    template = _stand_in(record.msg)
    arguments: Any = record.args
    if isinstance(arguments, dict):
        arguments = {key: _stand_in(value) for key, value in arguments.items()}
    elif arguments:
        arguments = tuple(_stand_in(value) for value in arguments)
    return str(template) % arguments if arguments else str(template)


def _keep_what_is_worth(logger: str, message: str) -> str:
    worth = _WORTH.get(logger)
    found = worth.match(message) if worth else None
    return found[0] if found else message


def _stand_in(value: Any) -> Any:
    return name_error(value) if isinstance(value, BaseException) else value


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """Log the error, and print the full traceback on the terminal."""
    if not issubclass(kind, KeyboardInterrupt):
        structlog.get_logger().critical("process_failed", **describe_error(error))
    sys.__excepthook__(kind, error, trace)
