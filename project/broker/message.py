"""The message of a job: what goes to RabbitMQ, and where to. Opens no connection.

The message is Celery's own, protocol 2
(https://docs.celeryq.dev/en/stable/internals/protocol.html), so that any Celery worker reads it.
A delayed one goes to Celery's native delayed delivery, where it waits in RabbitMQ itself
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
"""The longest delay that delayed delivery's 28 levels make together: about eight and a half years.

The level n holds a message for 2^n seconds; the bits of the delay say which levels it passes.
"""

_HOST = socket.gethostname()


@dataclass(frozen=True, slots=True)
class Message:
    """What is published. `headers` and `body` are Celery's; see `make_message`."""

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
    """The message that has the job run: at once, or after `delay_seconds`.

    `submitted` is the span of the job's submit, the parent of its attempts. `headers` are added,
    and replace those of the same name. ValueError: the delay is longer than MAX_DELAY_SECONDS.
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
    """Celery's headers, and ours: with them the message alone describes the job.

    Those of Celery's that would say nothing are left out: to Celery their absence means the same,
    and all who read a message have less to read. A time (`eta`) is left out even where there is a
    delay: a worker would hold on to a message that comes with one, and ours comes when it is due.
    """
    headers = {
        "lang": "py",
        "task": job.kind,
        # Empty: parameters do not belong into headers, where Flower and logs show them.
        "argsrepr": "",
        "kwargsrepr": "",
        "origin": f"{os.getpid()}@{_HOST}",  # not made once: processes are forked after the import
        "id": job.id,
        "root_id": job.root_id or job.id,
        "submitted_at": format_time(job.submitted_at),
        "format": FORMAT_TEXT,
        **submitted.message_headers,
    }
    _add_occasional_headers(headers, job)
    return headers


def encode_body(job: Job) -> bytes:
    """`[args, kwargs, embed]`: parameters go as keywords, as `delay(**parameters)` sends them."""
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
        raise ValueError(f"A delay is at most {MAX_DELAY_SECONDS} seconds, not {delay_seconds}.")
    return level_name(MAX_LEVEL), calculate_routing_key(delay_seconds, queue)
