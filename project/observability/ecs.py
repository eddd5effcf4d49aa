"""Our field names in the Elastic Common Schema. Pure: takes an event, returns the document.

Fields without a row in FIELDS become `labels.<name>` as text, so that no event can break a mapping.
Source: ECS 9.4 field reference (https://www.elastic.co/docs/reference/ecs).
"""

from collections.abc import Mapping
from typing import Any

ECS_VERSION = "9.4.0"
FIELDS: Mapping[str, tuple[str, ...]] = {
    "logger": ("log", "logger"),
    "event_id": ("event", "id"),
    "outcome": ("event", "outcome"),
    "duration_ns": ("event", "duration"),
    "trace_id": ("trace", "id"),
    "span_id": ("transaction", "id"),
    "request_id": ("http", "request", "id"),
    "http_method": ("http", "request", "method"),
    "http_status": ("http", "response", "status_code"),
    "path": ("url", "path"),
    "client_ip": ("client", "ip"),
    "error_type": ("error", "type"),
    "error_message": ("error", "message"),
    "error_stack_trace": ("error", "stack_trace"),
    "process_id": ("process", "pid"),
    "process_name": ("process", "name"),
    "thread_name": ("process", "thread", "name"),
    "host": ("host", "name"),
    "service_name": ("service", "name"),
    "service_version": ("service", "version"),
    "service_environment": ("service", "environment"),
    "role": ("service", "node", "role"),
    "dataset": ("event", "dataset"),
    "job_id": ("celery", "task", "id"),
    "kind": ("celery", "task", "name"),
    "status": ("celery", "task", "state"),
    "attempt": ("celery", "task", "attempt"),
    "lane": ("celery", "queue"),
    "worker": ("celery", "worker"),
}


def to_ecs(event: Mapping[str, Any]) -> dict[str, Any]:
    """The ECS document of one event; `event` names it, `timestamp` and `level` must be there."""
    name = str(event["event"])
    document: dict[str, Any] = {
        "@timestamp": event["timestamp"],
        "log.level": event["level"],
        "message": str(event.get("message", name)),
        "ecs.version": ECS_VERSION,
    }
    if "message" not in event:
        _put(document, ("event", "action"), name)
    for key, value in event.items():
        if key in {"event", "timestamp", "level", "message"} or value is None:
            continue
        if key in FIELDS:
            _put(document, FIELDS[key], value)
        else:
            _put(document, ("labels", key.replace(".", "_")), str(value))
    return document


def _put(document: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for part in path[:-1]:
        document = document.setdefault(part, {})
    document[path[-1]] = value
