"""The judge of log lines finds what is wrong: each of these lines has one fault."""

from copy import deepcopy
from typing import Any

import pytest

from tests.log_lines import find_problems

GOOD: dict[str, Any] = {
    "@timestamp": "2026-05-04T12:00:00.000000Z",
    "log.level": "info",
    "message": "job_started",
    "ecs.version": "9.4.0",
    "event": {
        "action": "job_started",
        "category": ["process"],
        "type": ["start"],
        "id": "72ff802cafda-0",
        "dataset": "jobs.worker-short",
    },
    "trace": {"id": "a" * 32},
    "celery": {"task": {"id": "j", "attempt": 1, "wait_seconds": 0.5}},
    "client": {"ip": "::1"},
    "process": {"pid": 7},
    "service": {
        "name": "jobs",
        "version": "0.1.0",
        "environment": "production",
        "node": {"name": "worker-short@host", "roles": ["worker-short"]},
    },
    "host": {"name": "host"},
}
ABSENT = object()


def changed(path: str, value: Any) -> dict[str, Any]:
    """The good line with another value at that place, or with none."""
    line = deepcopy(GOOD)
    *parents, last = path.split("/")
    inner = line
    for part in parents:
        inner = inner.setdefault(part, {})
    if value is ABSENT:
        del inner[last]
    else:
        inner[last] = value
    return line


def test_good_line_has_no_problem() -> None:
    assert find_problems(GOOD) == []


def test_record_of_a_library_is_a_good_line_too() -> None:
    line = changed("event/action", ABSENT)
    line["log"] = {"logger": "celery.beat"}

    assert find_problems(line) == []


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("@timestamp", "2026-05-04T12:00:00Z", "is no date"),
        ("log.level", "warn", "has the level warn"),
        ("ecs.version", "1.6.0", "is of the schema 1.6.0"),
        ("event/id", ABSENT, "has no event.id"),
        ("process/pid", ABSENT, "has no process.pid"),
        ("event/category", "process", "must be a list"),
        ("event/category", ["jobs"], "may not be 'jobs'"),
        ("event/outcome", "unsure", "may not be 'unsure'"),
        ("event/duration", 0.5, "is no long"),
        ("event/duration", 2**63, "is no long"),
        ("event/dataset", ["jobs"], "must not be a list"),
        ("celery/task/attempt", "1", "is no long"),
        ("celery/task/attempt", True, "is no long"),
        ("celery/task/wait_seconds", "0.5", "is no double"),
        ("celery/task/colour", "red", "is in no schema"),
        ("client/ip", "localhost", "is no ip"),
        ("trace/id", "A" * 32, "is malformed"),
        ("transaction/id", "a" * 32, "is malformed"),
        ("event/reason", "x" * 1025, "is no keyword"),
        ("labels", {"n": 1}, "is no text"),
        ("labels", {"colour": "red"}, "has a field colour"),
        ("type", "log", "is in no schema"),
        ("trace.id", "a" * 32, "is nested and dotted"),
        ("event/action", "job_begun", "is not in the table"),
        ("log.level", "error", "comes at the level error"),
        ("error", {"type": "ValueError"}, "tells of an error"),
        ("event/action", ABSENT, "has no logger"),
    ],
)
def test_fault_is_found(path: str, value: Any, problem: str) -> None:
    found = find_problems(changed(path, value))

    assert any(problem in one for one in found), found


def test_order_of_the_first_keys_matters() -> None:
    assert find_problems(dict(reversed(GOOD.items())))
