"""Where the lines of a job go besides the log file: to whoever records the job that runs here.

The job's context says who that is. So a thread that a job starts is recorded only where it runs in
a copy of it (`contextvars.copy_context`, as `asyncio.to_thread` does).

A job's own log is for who may see the job, so it gets events as they were before anything was taken
out of them for the file, with the errors and what they say.
"""

from collections.abc import Callable, Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any

ERROR, MESSAGE = "captured_error", "captured_message"
"""Fields of an event on its way to the job's log: the error, a record's message with all in it."""

Append = Callable[[Mapping[str, Any]], None]

_append: ContextVar[Append | None] = ContextVar("job_log", default=None)


class Capture:
    """In the block this is whom the context's events are handed to. Each attempt makes one."""

    __slots__ = ("_taker", "_token")

    def __init__(self, taker: Append | None) -> None:
        self._taker = taker

    def __enter__(self) -> None:
        self._token = _append.set(self._taker)

    def __exit__(self, *_: object) -> None:
        _append.reset(self._token)


def capturing(append: Append) -> Capture:
    """Hand every event that is logged in the block to `append` as well.

    It must raise nothing, must not log, and must not change the event.
    """
    return Capture(append)


def releasing() -> Capture:
    """What is logged in the block is ours, and not what the job's code has to say."""
    return Capture(None)


def is_capturing() -> bool:
    """Whether a job's own log is kept here."""
    return _append.get() is not None


def record_line(event: MutableMapping[str, Any]) -> None:
    """Called by the pipeline with each event, its level and time included, before the redaction."""
    append = _append.get()
    if append is not None:
        append(event)
        event.pop(ERROR, None)
        event.pop(MESSAGE, None)
