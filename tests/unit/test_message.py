"""The message of a job: Celery's own, so that any Celery worker reads it."""

import json
import os
import socket
from datetime import timedelta
from typing import Any

import orjson
import pytest
from celery import Celery
from celery.app.task import Context

from project.broker.message import MAX_DELAY_SECONDS, encode_body, make_headers, make_message
from project.ledger import Job
from tests.builders import NOON, a_job, a_trace

# Who sent the message, and a text of its parameters, which are for the body only.
OUR_OWN_VALUE = {"origin", "argsrepr", "kwargsrepr", "ignore_result", "headers"}


def celerys_message(job: Job) -> Any:
    """What `delay(**parameters)` would publish."""
    return Celery("test", set_as_current=False).amqp.as_task_v2(
        job.id,
        job.kind,
        args=(),
        kwargs=dict(job.parameters),
        root_id=job.root_id or job.id,
        parent_id=job.parent_id or None,
    )


@pytest.mark.parametrize("line", [{}, {"parent_id": "parent", "root_id": "root"}])
def test_celery_reads_what_its_own_headers_would_tell_it(line: dict[str, str]) -> None:
    """Where ours leave one out, its absence means the same."""
    job = a_job(**line)
    theirs = Context(celerys_message(job).headers)

    ours = Context(make_headers(job, a_trace()))

    for name in vars(theirs).keys() - OUR_OWN_VALUE:
        assert getattr(ours, name) == _or_nothing(getattr(theirs, name)), name


def _or_nothing(value: Any) -> Any:
    """To Celery, limits of nothing are no limits, and stamps of nothing are no stamps."""
    return None if value in ([None, None], [], {}) else value


def test_headers_say_nothing_that_their_absence_says() -> None:
    headers = make_headers(a_job(owner=""), a_trace())

    assert not {"group", "shadow", "eta", "expires", "parent_id", "owner"} & headers.keys()
    assert None not in headers.values()


def test_message_of_a_forked_process_names_that_process_as_its_origin() -> None:
    """The application is imported before the web server forks, and the worker."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(writing, make_headers(a_job(), a_trace())["origin"].encode())
        os._exit(0)
    os.waitpid(pid, 0)
    with open(writing, "wb"), open(reading, "rb") as answer:  # noqa: PTH123 - descriptors
        origin = answer.read1().decode()

    assert origin == f"{pid}@{socket.gethostname()}"


def test_body_is_the_one_that_celery_makes() -> None:
    job = a_job(parameters={"recipient": "ada@example.org", "subject": "Grüße ☕"})

    assert json.loads(encode_body(job)) == json.loads(json.dumps(celerys_message(job).body))


def test_headers_hold_what_the_record_can_be_made_from() -> None:
    job, trace = a_job(owner="o" * 22, submitted_at=NOON), a_trace()

    headers = make_headers(job, trace)

    assert "tracestate" not in headers
    assert headers["id"] == job.id
    assert headers["owner"] == job.owner
    assert headers["submitted_at"] == "2026-05-04T12:00:00.123456Z"
    assert headers["traceparent"] == trace.traceparent
    assert headers["request_id"] == trace.request_id


def test_headers_say_what_the_job_repeats_and_when_it_is_due() -> None:
    job = a_job(rerun_of="earlier", run_at=NOON + timedelta(hours=1))

    headers = make_headers(job, a_trace())

    assert headers["rerun_of"] == "earlier"
    assert headers["run_at"] == "2026-05-04T13:00:00.123456Z"


def test_headers_of_an_ordinary_job_say_nothing_of_repeats_and_times() -> None:
    assert not {"rerun_of", "run_at"} & make_headers(a_job(), a_trace()).keys()


def test_parameters_are_in_the_body_only() -> None:
    job = a_job(parameters={"recipient": "ada@example.org"})

    message = make_message(job, a_trace())

    assert b"ada@example.org" in message.body
    assert b"ada@example.org" not in orjson.dumps(message.headers)


def test_message_goes_to_its_queue() -> None:
    job = a_job(queue="long")

    message = make_message(job, a_trace())

    assert (message.job_id, message.exchange, message.routing_key) == (job.id, "jobs", "long")


def test_headers_can_be_added_and_replaced() -> None:
    message = make_message(a_job(), a_trace(), headers={"repair": 1, "retries": 2})

    assert message.headers["repair"] == 1
    assert message.headers["retries"] == 2
    assert message.headers["lang"] == "py"


@pytest.mark.parametrize(("seconds", "bits"), [(1, "1"), (5, "101"), (MAX_DELAY_SECONDS, "1" * 28)])
def test_delayed_message_names_the_levels_that_make_its_delay(seconds: int, bits: str) -> None:
    """The level n holds a message for 2^n seconds; see `deploy/rabbitmq/topology.py`."""
    message = make_message(a_job(queue="short"), a_trace(), delay_seconds=seconds)

    assert message.exchange == "celery_delayed_27"
    assert message.routing_key == ".".join(bits.zfill(28)) + ".short"


def test_delayed_message_carries_no_time_that_a_worker_would_wait_for() -> None:
    message = make_message(a_job(run_at=NOON), a_trace(), delay_seconds=60)

    assert not message.headers.get("eta")


def test_delay_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match=str(MAX_DELAY_SECONDS)):
        make_message(a_job(), a_trace(), delay_seconds=MAX_DELAY_SECONDS + 1)
