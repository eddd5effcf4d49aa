"""The end of the pipeline: completes an event, writes its line, and a readable copy for people."""

import itertools
import json
import os
import re
import secrets
import sys
import time
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Any

import orjson
import structlog

from project.observability.ecs import FIELDS, describe_process, to_ecs
from project.observability.failures import STACK_LIMIT
from project.observability.job_log import tell_job_log
from project.observability.redaction import KEYWORD_LIMIT, TEXT_LIMIT, Redactor, as_text
from project.observability.sink import LogFile

Event = MutableMapping[str, Any]

_FREE_TEXTS = {
    "message": TEXT_LIMIT,
    "reason": KEYWORD_LIMIT,
    "path": KEYWORD_LIMIT,
    "error_message": TEXT_LIMIT,
    "error_stack_trace": STACK_LIMIT,
}
"""Fields that the schema knows, and into which anything may get, with their longest text."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_NOT_SHOWN = {"transaction_id", "span_id", "parent_id", "request_id", "error_stack_trace"}
_NOT_SHOWN |= {"event_id", "dataset"}
_SHOWN = (FIELDS.keys() | {"event", "timestamp", "level", "message"}) - _NOT_SHOWN


_TROUBLE = frozenset({"warning", "error", "critical"})


class Console(Enum):
    """What is copied to stderr, for people."""

    NOTHING = "nothing"
    TROUBLE = "trouble"
    """Warnings and worse."""
    EVERYTHING = "everything"


class Writer:
    """Takes events from structlog and from the standard library's loggers."""

    def __init__(
        self, file: LogFile, service: Mapping[str, Any], redactor: Redactor, *, console: Console
    ) -> None:
        self._file = file
        self._dataset = service["dataset"]
        self._service = {name: value for name, value in service.items() if name != "dataset"}
        self._redactor = redactor
        self._renderer = structlog.dev.ConsoleRenderer(colors=_has_colours())
        self._console = console
        self._seed()
        os.register_at_fork(after_in_child=self._seed)

    def _seed(self) -> None:
        """A line's id is unique over processes: random at each start and fork, then counted."""
        self._boot = secrets.token_hex(6)
        self._numbers = itertools.count()
        self._suffix = _encode_suffix({"process_id": os.getpid(), **self._service})

    def __call__(self, _logger: Any, _method: str, event: Event) -> Event:
        self.write(event)
        return event

    def write(self, event: Event) -> None:
        """Write the event's line; nothing is raised, whatever its values are."""
        if "timestamp" not in event:
            event["timestamp"] = format_time_ns(time.time_ns())
        tell_job_log(event)
        self._clean(event)
        event["event_id"] = f"{self._boot}-{next(self._numbers)}"
        event["dataset"] = self._dataset
        document = to_ecs(event, self._redactor.field)
        self._file.write(_encode(document)[:-1] + self._suffix)
        if self._console is Console.EVERYTHING or (
            self._console is Console.TROUBLE and event["level"] in _TROUBLE
        ):
            self._show(event, document.get("labels", {}))

    def _clean(self, event: Event) -> None:
        text = self._redactor.text
        for name, limit in _FREE_TEXTS.items():
            value = event.get(name)
            if value is not None:
                event[name] = text(as_text(value), limit)

    def _show(self, event: Event, labels: Mapping[str, str]) -> None:
        """By the first stderr: what is printed to a worker's present one becomes lines itself."""
        if sys.__stderr__ is None:
            return
        shown = {
            # What a request has put into its path must not move the cursor of whoever reads it.
            name: _CONTROL.sub("?", as_text(value))
            for name, value in event.items()
            if name in _SHOWN
        }
        with suppress(OSError, ValueError):  # whoever started us may have gone, and closed it
            print(self._renderer(None, "", {**shown, **labels}), file=sys.__stderr__, flush=True)


def format_time_ns(time_ns: int) -> str:
    """Nanoseconds since 1970 as UTC, with microseconds."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return f"{_format_second(seconds)}.{rest // 1000:06}Z"


@lru_cache(maxsize=2)
def _format_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _encode(document: Mapping[str, Any]) -> bytes:
    """The document as JSON."""
    try:
        return orjson.dumps(document, default=as_text)
    except TypeError:  # half a surrogate pair, an integer beyond 64 bits: no line may be lost
        text = json.dumps(document, default=as_text, skipkeys=True, ensure_ascii=False)
        return text.encode(errors="replace")


def _encode_suffix(facts: Mapping[str, Any]) -> bytes:
    """What is the same in all lines of a process: the end of the line, from the comma on."""
    return b"," + orjson.dumps(describe_process(facts))[1:] + b"\n"


def _has_colours() -> bool:
    return sys.__stderr__ is not None and sys.__stderr__.isatty()
