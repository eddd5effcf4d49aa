"""The message we publish: Celery's own, so that any Celery worker reads it."""

import json
from typing import Any

import orjson
import pytest
from celery import Celery
from kombu.exceptions import KombuError

from project.errors import UnavailableError
from project.ledger import Job
from project.publisher import Publisher, encode_body, make_headers
from tests.builders import NOON, a_job, a_trace, an_unused_port

# Of Celery's headers, those that a worker does without; ours leave them out.
NOT_NEEDED = {"group_index", "replaced_task_nesting", "stamped_headers", "stamps"}
# Those that say who sent the message, and with which parameters, which are for the body only.
OUR_OWN_VALUE = {"origin", "argsrepr", "kwargsrepr", "ignore_result"}


def celerys_message(job: Job) -> Any:
    """What `delay(**parameters)` would publish."""
    return Celery("test", set_as_current=False).amqp.as_task_v2(
        job.id, job.kind, args=(), kwargs=dict(job.parameters), root_id=job.id
    )


def test_headers_are_those_that_celery_makes() -> None:
    job = a_job()
    theirs = celerys_message(job).headers

    ours = make_headers(job, a_trace())

    needed = theirs.keys() - NOT_NEEDED
    assert needed <= ours.keys()
    for name in needed - OUR_OWN_VALUE:
        assert ours[name] == theirs[name], name


def test_body_is_the_one_that_celery_makes() -> None:
    job = a_job(parameters={"recipient": "ada@example.org", "subject": "Grüße ☕"})

    assert json.loads(encode_body(job)) == json.loads(json.dumps(celerys_message(job).body))


def test_headers_hold_what_the_record_can_be_made_from() -> None:
    job, trace = a_job(owner="o" * 22, submitted_at=NOON), a_trace()

    headers = make_headers(job, trace)

    assert headers["id"] == job.id
    assert headers["owner"] == job.owner
    assert headers["submitted_at"] == "2026-05-04T12:00:00.123456Z"
    assert headers["traceparent"] == trace.traceparent
    assert headers["request_id"] == trace.request_id


def test_parameters_are_in_the_body_only() -> None:
    job = a_job(parameters={"recipient": "ada@example.org"})

    assert b"ada@example.org" not in orjson.dumps(make_headers(job, a_trace()))


def test_broker_that_is_not_there_is_unavailable() -> None:
    publisher = Publisher(f"amqp://jobs:x@127.0.0.1:{an_unused_port()}/jobs", "test")

    with pytest.raises(UnavailableError, match="RabbitMQ"):
        publisher.publish(a_job(), a_trace(), timeout_seconds=1)
    with pytest.raises(UnavailableError, match="RabbitMQ"):
        publisher.check(timeout_seconds=1)


def test_making_a_publisher_opens_no_connection() -> None:
    """gunicorn forks after the application is made."""
    Publisher(f"amqp://jobs:x@127.0.0.1:{an_unused_port()}/jobs", "test")


def test_unavailable_broker_is_chained_to_its_cause() -> None:
    publisher = Publisher(f"amqp://jobs:x@127.0.0.1:{an_unused_port()}/jobs", "test")

    with pytest.raises(UnavailableError) as caught:
        publisher.publish(a_job(), a_trace(), timeout_seconds=1)

    assert isinstance(caught.value.__cause__, KombuError | OSError)
