"""What is wrong with a log line: by the schema's own table, by ours, and by the rules for loggers.

`ecs-9.4.0.csv` is the Elastic Common Schema's list of fields, as the package `@elastic/ecs` 9.4.0
holds it (Apache License 2.0). The rules for loggers are those of
https://github.com/elastic/ecs-logging/blob/main/spec/spec.json: which fields must be there, which
come first and in which order, and which stand at the top by their dotted name.
"""

import csv
import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from project.observability.ecs import ECS_VERSION, FIELDS

ROOT = Path(__file__).parent.parent
FIRST_KEYS = ["@timestamp", "log.level", "message"]
LEVELS = {"debug", "info", "warning", "error", "critical"}
ERROR_FIELDS = {"error_type", "error_message", "error_stack_trace"}

_EVENT_ROW = re.compile(r"^\| `(\w+)` \| ([\w, ]+) \| (.*?) ?\| (.+?) \|$", re.MULTILINE)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_HEX = {"trace.id": 32, "transaction.id": 16, "span.id": 16, "parent.id": 16}
_IN_EVERY_LINE = (
    *("ecs.version", "service.name", "service.version", "service.environment"),
    *("service.node.name", "service.node.roles", "event.id", "event.dataset", "host.name"),
    "process.pid",
)


@dataclass
class Event:
    """A row of the table of events."""

    levels: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    has_error: bool = False


@dataclass(frozen=True)
class Rule:
    """What a field's value must be."""

    type: str
    is_array: bool = False
    allowed: frozenset[str] = frozenset()


@cache
def read_event_table() -> dict[str, Event]:
    """The events of `logs/README.md`."""
    rows = _EVENT_ROW.findall((ROOT / "logs/README.md").read_text())
    return {
        name: Event(
            set(levels.split(", ")),
            set(re.findall(r"`(\w+)`", fields)),
            "error" in re.sub(r"`\w+`", "", fields),
        )
        for name, levels, fields, _ in rows
    }


@cache
def read_schema() -> dict[str, Rule]:
    """The rule for each field of the schema, and for ours."""
    with (ROOT / "tests/ecs-9.4.0.csv").open() as file:
        rules = {
            row["field"]: Rule(
                row["type"], row["normalize"] == "array", frozenset(row["allowed"].split())
            )
            for row in csv.DictReader(file)
        }
    ours = {".".join(one.path): Rule(one.type) for one in FIELDS.values() if one.is_ours}
    assert not ours.keys() & rules.keys(), "a field of ours has a name of the schema's"
    return rules | ours


def find_problems(line: dict[str, Any]) -> list[str]:
    """What is wrong with a line of one of our processes; nothing, if all is well."""
    return [
        *_find_in_order(line),
        *(problem for name, value in flatten(line) for problem in _find_in_field(name, value)),
        *_find_in_event(line),
    ]


def flatten(document: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf with its dotted name."""
    for key, value in document.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _find_in_order(line: dict[str, Any]) -> Iterator[str]:
    if list(line)[:3] != FIRST_KEYS:
        yield f"begins with {list(line)[:3]}"
    if "ecs.version" not in line:
        yield "ecs.version is not at the top"
    if line.get("ecs.version") != ECS_VERSION:
        yield f"is of the schema {line.get('ecs.version')}"
    if line.get("log.level") not in LEVELS:
        yield f"has the level {line.get('log.level')}"
    names = {name for name, _ in flatten(line)}
    yield from (f"has no {name}" for name in _IN_EVERY_LINE if name not in names)
    yield from (f"{key} is nested and dotted" for key in line if "." in key and key not in _DOTTED)


_DOTTED = {"log.level", "ecs.version"}


def _find_in_field(name: str, value: Any) -> Iterator[str]:
    if name.startswith("labels."):
        if not isinstance(value, str):
            yield f"{name} is no text: {value!r}"
        return
    rule = read_schema().get(name)
    if rule is None:
        yield f"{name} is in no schema"
        return
    if isinstance(value, list) != rule.is_array:
        yield f"{name} must {'' if rule.is_array else 'not '}be a list"
        return
    for one in value if isinstance(value, list) else [value]:
        if not _TYPES[rule.type](one):
            yield f"{name} is no {rule.type}: {one!r}"
        if rule.allowed and one not in rule.allowed:
            yield f"{name} may not be {one!r}"
    if name in _HEX and not re.fullmatch(f"[0-9a-f]{{{_HEX[name]}}}", str(value)):
        yield f"{name} is malformed: {value!r}"


def _find_in_event(line: dict[str, Any]) -> Iterator[str]:
    """Whether the event is in our table, at this level, with these fields."""
    name = line.get("event", {}).get("action")
    if name is None:
        if "logger" not in line.get("log", {}):
            yield "is no event, and has no logger"
        return
    event = read_event_table().get(name)
    if event is None:
        yield f"{name} is not in the table of events"
    elif line["log.level"] not in event.levels:
        yield f"{name} comes at the level {line['log.level']}"
    elif "error" in line and not event.has_error:
        yield f"{name} tells of an error"
    else:
        unlisted = set(line.get("labels", {})) - event.fields
        yield from (f"{name} has a field {label}" for label in sorted(unlisted))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_whole_number(value: Any) -> bool:
    return type(value) is int and -(2**63) <= value < 2**63


def _is_number(value: Any) -> bool:
    return type(value) in {int, float}


def _is_address(value: Any) -> bool:
    try:
        return bool(ipaddress.ip_address(value))
    except ValueError:
        return False


_TYPES: dict[str, Callable[[Any], bool]] = {
    "date": lambda value: _is_text(value) and bool(_TIME.fullmatch(value)),
    "keyword": lambda value: _is_text(value) and len(value) <= 1024,
    "wildcard": _is_text,
    "match_only_text": _is_text,
    "long": _is_whole_number,
    "double": _is_number,
    "ip": _is_address,
}
