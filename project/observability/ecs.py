"""Our field names in the Elastic Common Schema. Pure: takes an event, returns the document.

Fields without a row in FIELDS, and numbers that are none, become `labels.<name>` as text: so no
event can break a mapping.
Source: ECS 9.4 field reference (https://www.elastic.co/docs/reference/ecs). Where it has no field
there is one of our own: `celery.*`, and `parent.id`, which Elastic's APM calls so too.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

ECS_VERSION = "9.4.0"


class Field(NamedTuple):
    """Where a value goes, and as what Elasticsearch is to index it."""

    path: tuple[str, ...]
    type: str
    is_ours: bool = False
    """Whether the schema does not know it: then our index template must."""


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
    "lane": _ours("celery.queue"),
    "worker": _ours("celery.worker"),
    "jobs": _ours("celery.jobs", "long"),
    # A lane, measured now and then
    "lane_waiting": _ours("celery.lane.waiting", "long"),
    "lane_consumers": _ours("celery.lane.consumers", "long"),
    "lane_oldest_seconds": _ours("celery.lane.oldest_seconds", "double"),
}

CATEGORIES: Mapping[str, Mapping[str, Any]] = {
    "http_request": {"category": ["web"], "event_type": ["access"]},
    "job_submitted": {"category": ["process"], "event_type": ["creation"]},
    "job_started": {"category": ["process"], "event_type": ["start"]},
    "job_finished": {"category": ["process"], "event_type": ["end"]},
    "job_retrying": {"category": ["process"], "event_type": ["end"]},
    "job_put_back": {"category": ["process"], "event_type": ["end"]},
    "job_stopped": {"category": ["process"], "event_type": ["end"]},
    "job_suspended": {"category": ["process"], "event_type": ["end"]},
    "job_died": {"category": ["process"], "event_type": ["end"]},
    "lane_measured": {"event_kind": "metric"},
}
"""ECS's own words for what happened (`event.kind`, `.category`, `.type`), for the main events."""

_NONE: Mapping[str, Any] = {}
_PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {"long": (int,), "double": (int, float)}
_CORE = frozenset({"event", "timestamp", "level", "message"})
_OF_PROCESS = ("process", "service", "host")
"""Objects that are the same in all lines of a process; an event's own of such a name is a label."""


# Looked up once, because a line is made of twenty fields: what an event of a name has in `event`;
# of a field its object's path, as text and in parts, its name there, and its types.
_KINDS_OF_EVENT: Mapping[str, Mapping[str, Any]] = {
    name: {FIELDS[key].path[1]: value for key, value in kinds.items()}
    for name, kinds in CATEGORIES.items()
}
_PLACES = {
    name: (
        ".".join(field.path[:-1]),
        field.path[:-1],
        field.path[-1],
        _PYTHON_TYPES.get(field.type),
    )
    for name, field in FIELDS.items()
    if field.path[0] not in _OF_PROCESS
}


def _as_text(_name: str, value: Any) -> str:
    return str(value)


def to_ecs(event: Mapping[str, Any], label: Callable[[str, Any], str] = _as_text) -> dict[str, Any]:
    """The ECS document of one event; `event` names it, `timestamp` and `level` must be there.

    The first three keys come first, in the order that Elastic's own loggers write them. `label`
    makes the text of a field that the schema does not know, from its name and value.
    """
    document = _begin(event)
    objects: dict[str, dict[str, Any]] = {}
    labels: dict[str, Any] = {}
    for key, value in event.items():
        if value is None:
            continue
        place = _PLACES.get(key)
        if place is None:
            if key not in _CORE:
                labels[key] = value
            continue
        object_name, object_path, last, types = place
        if types and type(value) not in types:
            labels[key] = value
            continue
        inner = objects.get(object_name)
        if inner is None:
            inner = document
            for part in object_path:
                inner = inner.setdefault(part, {})
            objects[object_name] = inner
        inner[last] = value
    if labels:
        document["labels"] = {
            key.replace(".", "_"): label(key, value) for key, value in labels.items()
        }
    return document


def _begin(event: Mapping[str, Any]) -> dict[str, Any]:
    """What every document has, and what kind of event it is, where it has a name."""
    name, message = event["event"], event.get("message")
    document: dict[str, Any] = {
        "@timestamp": event["timestamp"],
        "log.level": event["level"],
        "message": str(name if message is None else message),
        "ecs.version": ECS_VERSION,
    }
    if message is None:
        document["event"] = {"action": str(name), **_KINDS_OF_EVENT.get(name, _NONE)}
    return document


def describe_process(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The objects that are the same in all lines of a process, of fields that are."""
    document: dict[str, Any] = {}
    for name, value in facts.items():
        *path, last = FIELDS[name].path
        inner = document
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return document
