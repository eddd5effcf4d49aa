"""Passes a job's lines to the recorder of the job's own log, in addition to the log file.

The job's context has the recorder. So the lines of a thread that a job starts are recorded only if
the thread runs in a copy of the context (`contextvars.copy_context`, as `asyncio.to_thread` does).

A job's own log is for people who may see the job, so it gets events before redaction, with their
errors and the errors' messages.
"""

from collections.abc import Callable, Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any

ERROR, MESSAGE = "captured_error", "captured_message"
"""Fields of an event on its way to the job's log: the error, and a record's full message."""

Append = Callable[[Mapping[str, Any]], None]

_append: ContextVar[Append | None] = ContextVar("job_log", default=None)


class Capture:
    """Passes the context's events to a recorder inside the block. Each attempt makes one."""

    __slots__ = ("_taker", "_token")

    def __init__(self, taker: Append | None) -> None:
        self._taker = taker

    def __enter__(self) -> None:
        self._token = _append.set(self._taker)

    def __exit__(self, *_: object) -> None:
        _append.reset(self._token)


def capturing(append: Append) -> Capture:
    """Pass every event that is logged in the block to `append` as well.

    `append` must not raise, log, or change the event.
    """
    return Capture(append)


def releasing() -> Capture:
    """Keep lines of the block out of the job's own log: they are ours, not the job code's."""
    return Capture(None)


def is_capturing() -> bool:
    """Whether a job's own log is being recorded in this context."""
    return _append.get() is not None


def record_line(event: MutableMapping[str, Any]) -> None:
    """Record an event; the pipeline calls this with its level and time, before redaction."""
    append = _append.get()
    if append is not None:
        append(event)
        event.pop(ERROR, None)
        event.pop(MESSAGE, None)
