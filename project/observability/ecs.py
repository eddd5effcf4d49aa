"""Our field names in the Elastic Common Schema. Pure: takes an event, returns the document.

Where the values go depends only on an event's fields and their types. `arrange` returns it, so that
a writer of many lines can cache it.

Fields that FIELDS does not list, and number fields whose value is not a number, become
`labels.<name>` as text, so that no event can break a mapping.
Source: ECS 9.4 field reference (https://www.elastic.co/docs/reference/ecs). Where it has no field
we add our own: `celery.*`, and `parent.id`, a name that Elastic's APM uses too.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

ECS_VERSION = "9.4.0"


class Field(NamedTuple):
    """Where a value goes, and the type under which Elasticsearch indexes it."""

    path: tuple[str, ...]
    type: str
    is_ours: bool = False
    """Whether the field is not in the schema, so that our index template must define it."""


def _ecs(name: str, type_: str = "keyword") -> Field:
    return Field(tuple(name.split(".")), type_)


def _ours(name: str, type_: str = "keyword") -> Field:
    return Field(tuple(name.split(".")), type_, is_ours=True)


FIELDS: Mapping[str, Field] = {
    "logger": _ecs("log.logger"),
    # The event
    "event_id": _ecs("event.id"),
    "dataset": _ecs("event.dataset"),
    "event_kind": _ecs("event.kind"),
    "category": _ecs("event.category"),
    "event_type": _ecs("event.type"),
    "outcome": _ecs("event.outcome"),
    "reason": _ecs("event.reason"),
    "duration_ns": _ecs("event.duration", "long"),
    # The way back to the click
    "trace_id": _ecs("trace.id"),
    "transaction_id": _ecs("transaction.id"),
    "span_id": _ecs("span.id"),
    "parent_id": _ours("parent.id"),
    "request_id": _ecs("http.request.id"),
    # The request
    "http_method": _ecs("http.request.method"),
    "http_status": _ecs("http.response.status_code", "long"),
    "response_bytes": _ecs("http.response.body.bytes", "long"),
    "path": _ecs("url.path", "wildcard"),
    "client_ip": _ecs("client.ip", "ip"),
    # The error
    "error_type": _ecs("error.type"),
    "error_message": _ecs("error.message", "match_only_text"),
    "error_stack_trace": _ecs("error.stack_trace", "wildcard"),
    # Where the line was written
    "process_id": _ecs("process.pid", "long"),
    "process_name": _ecs("process.name"),
    "thread_name": _ecs("process.thread.name"),
    "host": _ecs("host.name"),
    "service_name": _ecs("service.name"),
    "service_version": _ecs("service.version"),
    "service_environment": _ecs("service.environment"),
    "node_name": _ecs("service.node.name"),
    "node_roles": _ecs("service.node.roles"),
    # The job
    "job_id": _ours("celery.task.id"),
    "kind": _ours("celery.task.name"),
    "root_job_id": _ours("celery.task.root_id"),
    "parent_job_id": _ours("celery.task.parent_id"),
    "status": _ours("celery.task.state"),
    "attempt": _ours("celery.task.attempt", "long"),
    "wait_seconds": _ours("celery.task.wait_seconds", "double"),
    "queue": _ours("celery.queue"),
    "worker": _ours("celery.worker"),
    "jobs": _ours("celery.jobs", "long"),
    # A queue, measured regularly
    "queue_waiting": _ours("celery.queue_waiting", "long"),
    "queue_consumers": _ours("celery.queue_consumers", "long"),
    "queue_oldest_seconds": _ours("celery.queue_oldest_seconds", "double"),
}

CATEGORIES: Mapping[str, Mapping[str, Any]] = {
    "http_request": {"category": ["web"], "event_type": ["access"]},
    "job_submitted": {"category": ["process"], "event_type": ["creation"]},
    "job_started": {"category": ["process"], "event_type": ["start"]},
    "job_finished": {"category": ["process"], "event_type": ["end"]},
    "job_retrying": {"category": ["process"], "event_type": ["end"]},
    "job_requeued": {"category": ["process"], "event_type": ["end"]},
    "job_stopped": {"category": ["process"], "event_type": ["end"]},
    "job_suspended": {"category": ["process"], "event_type": ["end"]},
    "job_died": {"category": ["process"], "event_type": ["end"]},
    "queue_measured": {"event_kind": "metric"},
}
"""ECS's classification of the main events (`event.kind`, `.category`, `.type`)."""

_PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {"long": (int,), "double": (int, float)}
_CORE = frozenset({"event", "timestamp", "level", "message"})
_OF_PROCESS = ("process", "service", "host")
"""Objects that are the same in all lines of a process; an event's field of such a name is a label.
"""

# The contents of `event` by event name; below, where a field goes and its permitted types.
_KINDS_OF_EVENT: Mapping[str, Mapping[str, Any]] = {
    name: {FIELDS[key].path[1]: value for key, value in kinds.items()}
    for name, kinds in CATEGORIES.items()
}
_PLACES = {
    name: (field.path, _PYTHON_TYPES.get(field.type))
    for name, field in FIELDS.items()
    if field.path[0] not in _OF_PROCESS
}


class Value(NamedTuple):
    """Placeholder in an arrangement for the event's value of this name."""

    name: str
    is_label: bool = False
    """Whether the field is not in the schema; its value is then written as text."""


def to_ecs(event: Mapping[str, Any]) -> dict[str, Any]:
    """The ECS document of one event.

    The event must have `event` (its name), `timestamp` and `level`; these and `message` are text.
    """
    arrangement = arrange(event["event"], tuple(event), tuple(map(type, event.values())))
    return {name: _fill(node, event) for name, node in arrangement.items()}


def _fill(node: Any, event: Mapping[str, Any]) -> Any:
    if isinstance(node, Value):
        value = event[node.name]
        return str(value) if node.is_label else value
    if isinstance(node, dict):
        return {name: _fill(inner, event) for name, inner in node.items()}
    return node


def arrange(name: str, fields: tuple[str, ...], types: tuple[type, ...]) -> dict[str, Any]:
    """The document of events with these fields and types, with a Value in place of each value.

    `name` is the event's name; all names outside CATEGORIES give the same document. The first three
    keys come first, in the order of Elastic's own loggers.
    """
    present = {
        field: type_ for field, type_ in zip(fields, types, strict=True) if type_ is not _ABSENT
    }
    document = _begin(name, has_message="message" in present)
    labels: dict[str, Value] = {}
    for field, type_ in present.items():
        path, types_there = _PLACES.get(field, _NOWHERE)
        if path and (types_there is None or type_ in types_there):
            _put(document, path, Value(field))
        elif field not in _CORE:
            labels[field.replace(".", "_")] = Value(field, is_label=True)
    return {**document, "labels": labels} if labels else document


_ABSENT = type(None)
_NOWHERE: tuple[tuple[str, ...], None] = ((), None)


def _begin(name: str, *, has_message: bool) -> dict[str, Any]:
    """The fields of every document, and the classification of a named event."""
    document: dict[str, Any] = {
        "@timestamp": Value("timestamp"),
        "log.level": Value("level"),
        "message": Value("message" if has_message else "event"),
        "ecs.version": ECS_VERSION,
    }
    if not has_message:
        document["event"] = {"action": Value("event"), **_KINDS_OF_EVENT.get(name, {})}
    return document


def describe_process(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The objects that are the same in all lines of a process, made from the process's facts."""
    document: dict[str, Any] = {}
    for name, value in facts.items():
        _put(document, FIELDS[name].path, value)
    return document


def _put(document: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    *outer, last = path
    for part in outer:
        document = document.setdefault(part, {})
    document[last] = value
