"""Puts one job's message into its lane and waits until RabbitMQ has confirmed it.

The message is Celery's own, protocol 2
(https://docs.celeryq.dev/en/stable/internals/protocol.html), so that any Celery worker reads it.
"""

import os
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import orjson
from kombu import Connection, Producer
from kombu.exceptions import KombuError, LimitExceeded

from project.broker import JOBS_EXCHANGE, transport_options
from project.errors import UnavailableError
from project.lane import Lane
from project.ledger import Job
from project.ledger.job import format_time
from project.observability.context import Trace

POOL_SIZE = 16
"""Connections of one web process: as many submits wait for their confirm at the same time."""

_ORIGIN = f"{os.getpid()}@{socket.gethostname()}"


class Publisher:
    """A pool of confirming connections. Opens none before the first message (gunicorn forks)."""

    def __init__(self, broker_url: str, role: str) -> None:
        self._pool = Connection(
            broker_url,
            connect_timeout=1,
            transport_options={**transport_options(role), "read_timeout": 2, "write_timeout": 2},
        ).Pool(POOL_SIZE)
        self._errors = (
            *self._pool.connection.connection_errors,
            # A nack (MessageNacked) is found among these only.
            *self._pool.connection.recoverable_connection_errors,
            *self._pool.connection.channel_errors,
            KombuError,
            LimitExceeded,
            OSError,
        )

    def publish(self, job: Job, trace: Trace, timeout_seconds: float) -> None:
        """Publish, wait for the confirm. UnavailableError: not confirmed within the time."""
        deadline = monotonic() + timeout_seconds
        with self._connection(timeout_seconds) as connection:
            self._publish_on(connection, job, trace, max(0.1, deadline - monotonic()))

    def check(self, timeout_seconds: float) -> None:
        """UnavailableError unless the broker takes a connection and answers on it."""
        with self._connection(timeout_seconds) as connection:
            connection.default_channel.queue_declare(Lane.SHORT.value, passive=True)

    @contextmanager
    def _connection(self, timeout_seconds: float) -> Iterator[Any]:
        """A connection that works; one on which anything failed is not used again."""
        try:
            connection = self._acquire(timeout_seconds)
        except self._errors as error:
            raise UnavailableError("RabbitMQ") from error
        try:
            yield connection
        except self._errors as error:
            self._discard(connection)
            raise UnavailableError("RabbitMQ") from error
        except BaseException:
            self._discard(connection)  # a confirm may still be on its way
            raise
        self._pool.release(connection)

    def _acquire(self, timeout_seconds: float) -> Any:
        """From the pool, passing over those that the broker has closed meanwhile."""
        connection = self._pool.acquire(block=True, timeout=timeout_seconds)
        while connection.connected and not _is_usable(connection):
            self._discard(connection)
            connection = self._pool.acquire(block=True, timeout=timeout_seconds)
        try:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=timeout_seconds)
            # For calls without a time-out of their own; gevent's sockets ignore `read_timeout`.
            connection.connection.sock.settimeout(timeout_seconds)
        except BaseException:
            self._discard(connection)
            raise
        return connection

    def _discard(self, connection: Any) -> None:
        """Drop the socket as it is: a proper close would wait for the broker's answer."""
        connection.collect()
        self._pool.replace(connection)

    def _publish_on(self, connection: Any, job: Job, trace: Trace, seconds: float) -> None:
        Producer(connection, auto_declare=False).publish(
            encode_body(job),
            exchange=JOBS_EXCHANGE.name,
            routing_key=job.lane,
            headers=make_headers(job, trace),
            content_type="application/json",
            content_encoding="utf-8",
            delivery_mode=2,
            correlation_id=job.id,
            reply_to="",
            mandatory=True,
            retry=False,
            timeout=seconds,
            confirm_timeout=seconds,
        )


def make_headers(job: Job, trace: Trace) -> dict[str, Any]:
    """Celery's headers, and ours: with them the message alone describes the job."""
    return {
        "lang": "py",
        "task": job.kind,
        "id": job.id,
        "root_id": job.id,
        "parent_id": None,
        "group": None,
        "shadow": None,
        "eta": None,
        "expires": None,
        "retries": 0,
        "timelimit": [None, None],
        # Left empty: parameters do not belong into headers, where Flower and logs show them.
        "argsrepr": "",
        "kwargsrepr": "",
        "origin": _ORIGIN,
        "ignore_result": False,
        "submitted_at": format_time(job.submitted_at),
        "owner": job.owner,
        "traceparent": trace.traceparent,
        "request_id": trace.request_id,
    }


def encode_body(job: Job) -> bytes:
    """`[args, kwargs, embed]`: parameters go as keywords, as `delay(**parameters)` sends them."""
    embed = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    return orjson.dumps([[], job.parameters, embed])


def _is_usable(connection: Any) -> bool:
    """Take in what the broker has sent meanwhile; False where that was the connection's end."""
    arrivals = select.poll()  # not `select`: it refuses descriptors from 1024 on
    try:
        arrivals.register(connection.connection.sock, select.POLLIN)
        while arrivals.poll(0):
            connection.drain_events(timeout=0.1)
    except TimeoutError:
        return True  # half a frame; the rest comes with the next read
    except (OSError, ValueError, *connection.connection_errors):
        return False
    return True
