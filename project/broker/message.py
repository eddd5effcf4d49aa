"""Builds the message of a job: its content and its address in RabbitMQ. Opens no connection.

The message is Celery's own, protocol 2
(https://docs.celeryq.dev/en/stable/internals/protocol.html), so that any Celery worker reads it.
A delayed message goes to Celery's native delayed delivery, where it waits in RabbitMQ itself
(https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/rabbitmq.html).
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from kombu.transport.native_delayed_delivery import (
    MAX_LEVEL,
    MAX_NUMBER_OF_BITS_TO_USE,
    calculate_routing_key,
    level_name,
)

from project.broker.topology import JOBS_EXCHANGE
from project.ledger.job import Job, format_time
from project.ledger.record_format import FORMAT_TEXT
from project.observability.context import Trace

MAX_DELAY_SECONDS = 2**MAX_NUMBER_OF_BITS_TO_USE - 1
"""The longest delay of delayed delivery, the sum of its 28 levels: about eight and a half years.

Level n holds a message for 2^n seconds; the bits of the delay determine which levels it passes.
"""

_HOST = socket.gethostname()


@dataclass(frozen=True, slots=True)
class Message:
    """A message to publish. `headers` and `body` are in Celery's format; see `make_message`."""

    job_id: str
    exchange: str
    routing_key: str
    headers: Mapping[str, Any]
    body: bytes


def make_message(
    job: Job,
    submitted: Trace,
    *,
    delay_seconds: int = 0,
    headers: dict[str, Any] | None = None,
) -> Message:
    """The message that makes a worker run the job: at once, or after `delay_seconds`.

    `submitted` is the span of the job's submit, the parent of its attempts. `headers` are added,
    and replace headers of the same name. ValueError: the delay exceeds MAX_DELAY_SECONDS.
    """
    exchange, routing_key = delayed_address(job.queue, delay_seconds)
    own = make_headers(job, submitted)
    return Message(
        job_id=job.id,
        exchange=exchange,
        routing_key=routing_key,
        headers=own | headers if headers else own,
        body=encode_body(job),
    )


def make_headers(job: Job, submitted: Trace) -> dict[str, Any]:
    """Celery's headers and our own, so that the message alone describes the job.

    Celery's headers without a value are left out: their absence means the same to Celery, and the
    message is shorter. `eta` is left out even if the job is delayed: a worker would hold back a
    message with that header, but this one arrives when the job is due.
    """
    headers = {
        "lang": "py",
        "task": job.kind,
        # Empty: Flower and logs show headers, so parameters do not belong there.
        "argsrepr": "",
        "kwargsrepr": "",
        "origin": f"{os.getpid()}@{_HOST}",  # per call: processes are forked after the import
        "id": job.id,
        "root_id": job.root_id or job.id,
        "submitted_at": format_time(job.submitted_at),
        "format": FORMAT_TEXT,
        **submitted.message_headers,
    }
    _add_occasional_headers(headers, job)
    return headers


def encode_body(job: Job) -> bytes:
    """`[args, kwargs, embed]`, with parameters as keywords, like `delay(**parameters)` sends."""
    embed = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    return orjson.dumps([[], job.parameters, embed])


def _add_occasional_headers(headers: dict[str, Any], job: Job) -> None:
    if job.owner:
        headers["owner"] = job.owner
    if job.parent_id:
        headers["parent_id"] = job.parent_id
    if job.key:
        headers["key"] = job.key
    if job.rerun_of:
        headers["rerun_of"] = job.rerun_of
    if job.request_digest:
        headers["request_digest"] = job.request_digest
    if job.run_at:
        headers["run_at"] = format_time(job.run_at)


def delayed_address(queue: str, delay_seconds: int) -> tuple[str, str]:
    """Exchange and routing key of a message that reaches its queue after `delay_seconds`."""
    if delay_seconds <= 0:
        return JOBS_EXCHANGE.name, queue
    if delay_seconds > MAX_DELAY_SECONDS:
        raise ValueError(
            f"A delay may be at most {MAX_DELAY_SECONDS} seconds, not {delay_seconds}."
        )
    return level_name(MAX_LEVEL), calculate_routing_key(delay_seconds, queue)
