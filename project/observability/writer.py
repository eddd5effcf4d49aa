"""The end of the pipeline: completes an event and writes its line and a readable copy."""

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
from operator import itemgetter
from typing import Any

import orjson
import structlog

from project.observability.ecs import CATEGORIES, FIELDS, Value, arrange, describe_process, to_ecs
from project.observability.failures import STACK_LIMIT
from project.observability.job_log import record_line
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
"""Schema fields that may contain any text, with their length limits."""
LAYOUTS = 256
"""How many layouts are cached, a few KB each: a role's own events have fewer than a hundred."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_NOT_SHOWN = {"transaction_id", "span_id", "parent_id", "request_id", "error_stack_trace"}
_NOT_SHOWN |= {"event_id", "dataset"}
_SHOWN = (FIELDS.keys() | {"event", "timestamp", "level", "message"}) - _NOT_SHOWN


_TROUBLE = frozenset({"warning", "error", "critical"})


class Console(Enum):
    """Which lines are copied to stderr for people."""

    NOTHING = "nothing"
    TROUBLE = "trouble"
    """Warnings and worse."""
    EVERYTHING = "everything"


class Writer:
    """Writes events from structlog and from the standard library's loggers."""

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
        """Make line ids unique across processes: random at each start and fork, then counted."""
        self._boot = secrets.token_hex(6)
        self._numbers = itertools.count()
        self._suffix = _encode_suffix({"process_id": os.getpid(), **self._service})

    def __call__(self, _logger: Any, _method: str, event: Event) -> Event:
        self.write(event)
        return event

    def write(self, event: Event) -> None:
        """Write the event's line; never raises, whatever the values are."""
        if "timestamp" not in event:
            event["timestamp"] = format_time_ns(time.time_ns())
        record_line(event)
        layout = self._lay_out(event)
        event["event_id"] = f"{self._boot}-{next(self._numbers)}"
        self._clean(event, layout)
        self._file.write(self._render(event, layout))
        if self._console is Console.EVERYTHING or (
            self._console is Console.TROUBLE and event["level"] in _TROUBLE
        ):
            self._show(event, {label: event[name] for label, name in layout.labels})

    def _lay_out(self, event: Event) -> "_Layout":
        name = event["event"]
        if type(name) is not str:
            name = event["event"] = as_text(name)
        kind = name if name in CATEGORIES else ""
        types = tuple(map(type, event.values()))
        return _make_layout(kind, event["level"], self._dataset, tuple(event), types)

    def _clean(self, event: Event, layout: "_Layout") -> None:
        for name, limit in layout.free_texts:
            event[name] = self._redactor.text(as_text(event[name]), limit)
        for _, name in layout.labels:
            event[name] = self._redactor.field(name, event[name])

    def _render(self, event: Event, layout: "_Layout") -> bytes:
        try:
            parts = layout.parts.copy()
            parts[1::2] = map(orjson.dumps, layout.pick(event))
        except TypeError:  # one of the values has no JSON type
            event["dataset"] = self._dataset
            return _encode(to_ecs(event))[:-1] + self._suffix
        parts.append(self._suffix)
        return b"".join(parts)

    def _show(self, event: Event, labels: Mapping[str, str]) -> None:
        """Print to the original stderr: a worker's current one turns output into lines."""
        if sys.__stderr__ is None:
            return
        shown = {
            # Control characters in a request's path must not move the terminal's cursor.
            name: _CONTROL.sub("?", as_text(value))
            for name, value in event.items()
            if name in _SHOWN
        }
        with suppress(OSError, ValueError):  # the program that started us may have closed it
            print(self._renderer(None, "", {**shown, **labels}), file=sys.__stderr__, flush=True)


class _Layout:
    """What the lines of events with the same fields and types have in common.

    Made once and cached: looking up where each of twenty values goes, and building the objects
    around them, takes longer than everything else that a line needs.
    """

    __slots__ = ("free_texts", "labels", "parts", "pick")

    def __init__(self, arrangement: Mapping[str, Any], same: Mapping[str, str]) -> None:
        """`same`: fields that have the same value in all these lines."""
        labels: dict[str, Value] = arrangement.get("labels", {})
        self.labels = tuple((label, value.name) for label, value in labels.items())
        """Name in the line, and in the event."""
        names: list[str] = []
        self.parts = [b""]
        """The line's text up to its suffix; every second item is an empty slot for a value."""
        self._add(arrangement, same, names)
        self.parts[-1] = self.parts[-1][:-1]
        self.pick = itemgetter(*names)
        """The values, in their order in the line."""
        self.free_texts = tuple(
            (name, limit) for name, limit in _FREE_TEXTS.items() if name in names
        )

    def _add(self, node: Any, same: Mapping[str, str], names: list[str]) -> None:
        if isinstance(node, Value) and node.name in same:
            self.parts[-1] += orjson.dumps(same[node.name])
        elif isinstance(node, Value):
            names.append(node.name)
            self.parts += [b"", b""]
        elif isinstance(node, Mapping):
            before = b"{"
            for name, inner in node.items():
                self.parts[-1] += before + _encode_name(name) + b":"
                self._add(inner, same, names)
                before = b","
            self.parts[-1] += b"}"
        else:
            self.parts[-1] += orjson.dumps(node)


@lru_cache(maxsize=LAYOUTS)
def _make_layout(
    kind: str, level: str, dataset: str, fields: tuple[str, ...], types: tuple[type, ...]
) -> _Layout:
    """`kind`: the event's name if it is a main event; otherwise empty."""
    given = dict(zip(fields, types, strict=True)) | {"event_id": str, "dataset": str}
    same = {"level": level, "dataset": dataset} | ({"event": kind} if kind else {})
    return _Layout(arrange(kind, tuple(given), tuple(given.values())), same)


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
    except TypeError:  # a lone surrogate, an integer beyond 64 bits: no line may be lost
        text = json.dumps(document, default=as_text, skipkeys=True, ensure_ascii=False)
        return text.encode(errors="replace")


def _encode_name(name: str) -> bytes:
    return orjson.dumps(name.encode(errors="replace").decode())


def _encode_suffix(facts: Mapping[str, Any]) -> bytes:
    """The end of every line of a process, which never changes, from the comma on."""
    return b"," + orjson.dumps(describe_process(facts))[1:] + b"\n"


def _has_colours() -> bool:
    return sys.__stderr__ is not None and sys.__stderr__.isatty()
