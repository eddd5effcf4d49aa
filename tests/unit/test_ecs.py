"""The mapping to the Elastic Common Schema."""

from itertools import permutations
from typing import Any

import pytest

from project.observability.ecs import ECS_VERSION, FIELDS, to_ecs

EVENT = {"event": "job_started", "timestamp": "2026-05-04T12:00:00.000000Z", "level": "info"}


def document_of(**fields: Any) -> dict[str, Any]:
    return to_ecs({**EVENT, **fields})


def test_every_document_has_the_core_keys() -> None:
    assert document_of() == {
        "@timestamp": "2026-05-04T12:00:00.000000Z",
        "log.level": "info",
        "message": "job_started",
        "ecs.version": ECS_VERSION,
        "event": {"action": "job_started", "category": ["process"], "type": ["start"]},
    }


def test_foreign_record_keeps_its_sentence_and_names_no_event() -> None:
    document = document_of(message="Booting worker", event="log")

    assert document["message"] == "Booting worker"
    assert "event" not in document


def test_known_field_goes_to_its_place() -> None:
    document = document_of(job_id="j", trace_id="t", http_status=503)

    assert document["celery"]["task"]["id"] == "j"
    assert document["trace"]["id"] == "t"
    assert document["http"]["response"]["status_code"] == 503


@pytest.mark.parametrize("value", [1, 1.5, True, {"a": 1}, [1], "text"])
def test_unknown_field_becomes_a_label_of_text(value: Any) -> None:
    assert document_of(queue_depth=value)["labels"] == {"queue_depth": str(value)}


def test_label_with_a_dot_does_not_become_an_object() -> None:
    assert document_of(**{"a.b": 1})["labels"] == {"a_b": "1"}


def test_absent_value_is_left_out() -> None:
    assert "celery" not in document_of(job_id=None)


def test_event_is_not_changed() -> None:
    event = {**EVENT, "job_id": "j"}

    to_ecs(event)

    assert event == {**EVENT, "job_id": "j"}


def test_no_field_lies_inside_another() -> None:
    """Elasticsearch refuses a document in which a name is a value and an object."""
    conflicts = [
        (one, other)
        for one, other in permutations(FIELDS, 2)
        if FIELDS[other].path[: len(FIELDS[one].path)] == FIELDS[one].path
    ]

    assert conflicts == []
