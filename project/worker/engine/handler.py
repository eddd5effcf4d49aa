"""Handles a message that a worker process has taken: runs, drops, requeues or dead-letters it.

1. read    its headers and body, by the same rules as the dead letter consumer
2. run     plain messages of kinds with `tracer`, all others with Celery's own tracer; short jobs of
           repeatable kinds begin together (`together`)
3. settle  acknowledge it once its outcome is written; reject it if nobody can run it
"""

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from os import getpid
from time import monotonic
from typing import Any, Protocol

import structlog
from billiard.einfo import ExceptionInfo
from celery import signals
from celery.app.trace import fast_trace_task
from celery.exceptions import Ignore, NotRegistered, Reject
from celery.utils.time import rate
from celery.worker import state
from kombu.utils.limits import TokenBucket
from redis import RedisError

from project.broker.message import Message, delayed_address
from project.broker.message_reader import (
    UNREADABLE_HEADER,
    WAITS_HEADER,
    Call,
    can_be_dead_lettered,
    is_job_id,
    own_headers,
    read_body,
    read_call,
    read_message,
)
from project.broker.topology import DEAD_EXCHANGE, JOBS_EXCHANGE
from project.errors import JobsError, NewerMessageError
from project.jobs import KINDS
from project.ledger import Ledger
from project.ledger.record_format import MOST_WAITS, WAIT_SECONDS
from project.observability.binding import about_message, leave
from project.observability.sink import lines_together
from project.worker.engine.delivery import Delivery
from project.worker.engine.request import JobRequest, describe_error
from project.worker.engine.slot import Slot
from project.worker.engine.together import Together
from project.worker.engine.tracer import Outcome, describe, run_plain

PUBLISH_SECONDS = 5
"""How long RabbitMQ may take to confirm a message that replaces another."""

_FOLLOWING = ("callbacks", "errbacks", "chain", "chord")

_log = structlog.get_logger()


LookAhead = Callable[[], Iterable[Delivery]]


class MessageLostError(ConnectionError):
    """A message could be neither run nor rejected: the next connection gets it again."""


class Eventer(Protocol):
    """Sends Celery's events of jobs."""

    @property
    def enabled(self) -> bool: ...
    def send(self, type: str, **fields: Any) -> None: ...  # noqa: A002 - Celery's name


class Handler:
    """Handles one message after another."""

    def __init__(
        self, app: Any, hostname: str, slot: Slot, eventer: Eventer, processes: Callable[[], int]
    ) -> None:
        """`processes` returns how many processes share the rate limits."""
        self._app, self._hostname, self._slot, self._eventer = app, hostname, slot, eventer
        self._ledger: Ledger = app.equipment.ledger
        self._quick_ledger: Ledger = app.equipment.quick_ledger
        self._tasks: Mapping[str, Any] = app.tasks
        self._processes = processes
        self._buckets: dict[str, tuple[str, Any]] = {}
        self._together = Together(app.equipment)
        self._running: Delivery | None = None
        self.code_seconds = 0.0
        """How long the last job's code took; 0 if the last message was not run by `tracer`."""
        self.is_running = False
        """Whether a job's code runs now, and a signal may interrupt it."""

    @property
    def is_settled(self) -> bool:
        """Whether all outcomes are written."""
        return not self._ledger.steps.has_deferred

    def settle(self) -> None:
        """Write all outcomes."""
        with lines_together():
            self._ledger.steps.flush()

    def handle(self, delivery: Delivery, look_ahead: LookAhead = tuple) -> None:
        """Handle the message; `look_ahead` returns the next ones.

        MessageLostError: the caller must close the connection.
        """
        self.code_seconds = 0.0
        try:
            self._handle(delivery, look_ahead)
        except MessageLostError:
            raise
        except Exception as error:  # noqa: BLE001 - no message may end the process
            self._refuse(delivery, error)
        finally:
            leave()

    def _handle(self, delivery: Delivery, look_ahead: LookAhead) -> None:
        if not can_be_dead_lettered(delivery.headers):
            self._put_aside(delivery)
            return
        try:
            reading = self._read(delivery)
        except NewerMessageError as error:
            self._leave_to_newer(delivery, error)
            return
        if reading is None:
            self._refuse_unknown(delivery)
            return
        task, call = reading
        if call is not None and self._is_together(reading, delivery):
            self._reserve(delivery, look_ahead)
        limits = _limits(task, delivery.headers)
        self._slot.begin(delivery, *limits, needs_claim=call is not None)
        if call is None:
            # Celery would take an object's keys for a call. Celery's own tasks may carry values
            # that are not plain JSON.
            delivery.body = json.dumps(read_call(json.loads(delivery.body)))
            self._run_celerys_way(task, delivery)
        elif _is_plain(task, delivery.headers, call):
            self._run_plain(task, delivery, call)
        else:
            delivery.body = json.dumps(
                call
            )  # in the form that Celery accepts: our reader accepts more
            self._run_celerys_way(task, delivery)

    def _read(self, delivery: Delivery) -> "tuple[Any, Call | None] | None":
        """The task that it calls, and the call if the task is a kind; None: no such task."""
        if delivery.reading is None:
            _forget_time(delivery)
            delivery.decompress()
            delivery.headers, delivery.body = read_message(
                delivery.headers, delivery.body, delivery.content_type, delivery.content_encoding
            )
            task = self._tasks.get(delivery.headers["task"])
            if task is None:
                return None
            call = None
            if task.name in KINDS:
                delivery.headers.pop("ignore_result", None)  # the ledger records every outcome
                call = read_body(delivery.body)
            delivery.reading = task, call
        reading: tuple[Any, Call | None] = delivery.reading
        return reading

    # ── Short jobs that may be repeated ────────────────────────────────────────────────────────

    def _is_together(self, reading: Any, delivery: Delivery) -> bool:
        """Whether the job may begin without a claim, together with others."""
        task, call = reading
        headers = delivery.headers
        return (
            call is not None
            and self._together.is_short(task.name)
            and not headers.get("retries")
            and "repair" not in headers
            and _is_plain(task, headers, call)
            and headers["id"] not in state.revoked
        )

    def _reserve(self, delivery: Delivery, look_ahead: LookAhead) -> None:
        if delivery.reservation is not None or self._eventer.enabled:
            return
        batch = {delivery.headers["id"]: delivery}
        most = self._together.count(delivery.reading[0].name)
        for other in islice(look_ahead(), most - 1):
            try:
                reading = self._read(other) if can_be_dead_lettered(other.headers) else None
            except Exception:  # noqa: BLE001 - handled when it is that message's turn
                break
            if reading is None or other.reservation or not self._is_together(reading, other):
                break
            batch.setdefault(other.headers["id"], other)
        if len(batch) > 1:
            self._together.reserve(batch)

    def release(self, deliveries: list[Delivery]) -> None:
        """Release the reservations of requeued messages, so that other workers may run them now."""
        self._together.release(deliveries)

    def hurry(self) -> None:
        """Write outcomes and the running job's claim, from another thread, because it runs long."""
        running = self._running
        try:
            self._ledger.steps.flush_by(self._quick_ledger.steps)
            if running is not None and running.reservation is not None:
                running.reservation.claim_from_outside(self._quick_ledger)
        except (JobsError, RedisError, Ignore, Reject) as error:
            _log.info("job_not_claimed", reason=str(error))

    # ── Running ────────────────────────────────────────────────────────────────────────────────

    def _run_plain(self, task: Any, delivery: Delivery, call: Call) -> None:
        headers = delivery.headers
        job_id = headers["id"]
        if self._eventer.enabled or signals.task_received.receivers or job_id in state.revoked:
            self._run_watched(task, delivery, call)
            return
        state.total_count[task.name] += 1  # what Celery does for a request
        properties = delivery.properties
        request = headers | {
            "properties": properties,
            "reply_to": properties.get("reply_to"),
            "correlation_id": properties.get("correlation_id"),
            "hostname": self._hostname,
            "delivery_info": delivery.delivery_info,
        }
        if delivery.reservation is not None:
            request["reservation"] = delivery.reservation
        self._running = delivery
        self.is_running = True
        try:
            is_failed, value, seconds = run_plain(task, request, call.args, call.kwargs)
        finally:
            self.is_running = False
            self._running = None
        if seconds is not None:
            self.code_seconds = seconds
            self._together.note(task.name, seconds)
        if is_failed:
            delivery.body = json.dumps(call)
            self._request(task, delivery).on_failure(value, return_ok=True)
        else:
            self._acknowledge(delivery)

    def _run_watched(self, task: Any, delivery: Delivery, call: Call) -> None:
        """Like `_run_plain`, and send Celery's events about it."""
        delivery.body = json.dumps(call)
        request = self._request(task, delivery)
        if request.revoked():
            return
        self._log_received(request)

        def run() -> Outcome:
            is_failed, value, seconds = run_plain(
                task, request.request_dict, call.args, call.kwargs
            )
            return (
                is_failed,
                value if is_failed else describe(value, task.resultrepr_maxsize),
                seconds,
            )

        self._run_request(request, run)

    def _run_celerys_way(self, task: Any, delivery: Delivery) -> None:
        self.settle()  # such a message may make no claim, which would write the outcomes
        request = self._request(task, delivery)
        if request.expires and request.revoked():
            return
        seconds = self._seconds_to_wait(task, request)
        if seconds > 1:
            self._requeue_later(delivery, math.ceil(seconds))
            return
        time.sleep(max(0.0, seconds))
        if request.revoked():
            return
        self._log_received(request)
        arguments = (
            *(task.name, request.id, request.request_dict, request.body),
            *(request.content_type, request.content_encoding),
        )
        self._run_request(request, lambda: fast_trace_task(*arguments))

    def _run_request(self, request: JobRequest, run: Callable[[], Outcome]) -> None:
        state.task_reserved(request)
        request.on_accepted(getpid(), monotonic())
        self.is_running = True
        try:
            outcome = run()
        except Exception:  # noqa: BLE001 - Celery's tracer failed: the job has not begun
            request.on_failure(ExceptionInfo())
        else:
            self.is_running = False
            request.on_success(outcome)
        finally:
            self.is_running = False

    def _request(self, task: Any, delivery: Delivery) -> JobRequest:
        return JobRequest(
            delivery,
            on_ack=lambda *_: self._acknowledge(delivery),
            on_reject=delivery.reject_log_error,
            hostname=self._hostname,
            eventer=self._eventer,
            app=self._app,
            task=task,
        )

    def _seconds_to_wait(self, task: Any, request: JobRequest) -> float:
        """Seconds until it is due, or until its kind's rate limit allows it."""
        if request.eta:
            return float((request.eta - datetime.now(UTC)).total_seconds())
        limit = getattr(task, "rate_limit", None)
        if not limit:
            return 0
        known, bucket = self._buckets.get(task.name, ("", None))
        if known != limit:
            bucket = TokenBucket(rate(limit) / max(1, self._processes()), capacity=1)
            self._buckets[task.name] = limit, bucket
        return 0 if bucket.can_consume(1) else float(bucket.expected_time(1))

    def _log_received(self, request: JobRequest) -> None:
        """Send the event from which Flower adds a row."""
        if signals.task_received.receivers:
            signals.task_received.send(sender=self, request=request)
        request.send_event(
            "task-received",
            name=request.name,
            args=request.argsrepr,
            kwargs=request.kwargsrepr,
            root_id=request.root_id,
            parent_id=request.parent_id,
            retries=request.request_dict.get("retries", 0),
            eta=request.eta and request.eta.isoformat(),
            expires=request.expires and request.expires.isoformat(),
        )

    # ── Settling ───────────────────────────────────────────────────────────────────────────────

    def _acknowledge(self, delivery: Delivery) -> None:
        """Acknowledge the message once its outcome is written."""
        self._ledger.steps.when_written(delivery.ack)

    def _refuse(self, delivery: Delivery, error: Exception) -> None:
        """Reject a message that nobody can run."""
        self.settle()
        with _about(delivery.headers):
            _log.error("message_undecodable", **describe_error(error))
        delivery.reject(requeue=False)

    def _refuse_unknown(self, delivery: Delivery) -> None:
        """Reject a message whose task is unknown, as Celery does, within that job's trace."""
        self.settle()
        headers = delivery.headers
        name, job_id = headers["task"], headers["id"]
        with _about(headers):
            _log.error("kind_unknown", kind=str(name))
            delivery.reject(requeue=False)
            self._app.backend.mark_as_failure(
                job_id, NotRegistered(name), request=_UnknownRequest(headers, delivery.properties)
            )
        if self._eventer.enabled:
            self._eventer.send("task-failed", uuid=job_id, exception=f"NotRegistered({name!r})")

    def _put_aside(self, delivery: Delivery) -> None:
        """Send a copy that RabbitMQ can read to the dead letters, instead of rejecting it."""
        self.settle()
        copy = Message(
            job_id="",
            exchange=DEAD_EXCHANGE.name,
            routing_key=str(delivery.delivery_info["routing_key"]),
            headers=own_headers(delivery.headers),
            body=delivery.raw_body,
        )
        try:
            self._publish(copy)
        except MessageLostError:
            raise
        except Exception:  # noqa: BLE001 - its headers cannot be encoded, for whatever reason
            self._publish(replace(copy, headers={UNREADABLE_HEADER: True}))
        _log.error("message_put_aside", outcome="success")
        delivery.ack()

    def _leave_to_newer(self, delivery: Delivery, error: NewerMessageError) -> None:
        """A newer worker may take it in a moment; where none has come, it is a dead letter."""
        waits = delivery.headers.get(WAITS_HEADER)
        waits = waits if isinstance(waits, int) else 0
        if waits >= MOST_WAITS:
            raise error
        self.settle()
        with _about(delivery.headers):
            _log.info("job_requeued_later", reason=str(error))
        delivery.headers[WAITS_HEADER] = waits + 1
        delivery.body = delivery.raw_body
        self._requeue_later(delivery, WAIT_SECONDS)

    def _requeue_later(self, delivery: Delivery, seconds: int) -> None:
        """Have RabbitMQ hold a copy of the message until it is due."""
        headers = own_headers(delivery.headers)
        queue = str(delivery.delivery_info["routing_key"]).rpartition(".")[2]
        exchange, routing_key = delayed_address(queue, seconds)
        body = delivery.body if isinstance(delivery.body, bytes) else delivery.body.encode()
        self._publish(Message(headers["id"], exchange, routing_key, headers, body))
        delivery.ack()

    def send_again(self, deliveries: list[Delivery]) -> list[Delivery]:
        """Publish copies of messages that have come back often; returns those that were confirmed.

        Only for jobs: the ledger counts the processes that a job has killed. For other tasks there
        is only RabbitMQ's count, which a copy would reset.
        """
        jobs = [delivery for delivery in deliveries if _is_job(delivery.headers)]
        try:
            errors = self._app.equipment.submitter.publisher.publish(
                [_copy_of(delivery) for delivery in jobs], PUBLISH_SECONDS
            )
        except Exception:  # noqa: BLE001 - some headers cannot be encoded, for whatever reason
            return []
        return [delivery for delivery, error in zip(jobs, errors, strict=True) if error is None]

    def _publish(self, message: Message) -> None:
        (error,) = self._app.equipment.submitter.publisher.publish([message], PUBLISH_SECONDS)
        if error is not None:
            _log.error("message_put_aside", outcome="failure")
            raise MessageLostError(str(error))


class _UnknownRequest:
    """What Celery's backend needs to know about a message with an unknown task."""

    chord = errbacks = None

    def __init__(self, headers: Mapping[str, Any], properties: Mapping[str, Any]) -> None:
        self.name, self.root_id = headers["task"], headers.get("root_id")
        self.correlation_id = properties.get("correlation_id")
        self.reply_to = properties.get("reply_to")


def _is_job(headers: Mapping[str, Any]) -> bool:
    name = headers.get("task")
    return isinstance(name, str) and name in KINDS and is_job_id(headers.get("id"))


def _copy_of(delivery: Delivery) -> Message:
    queue = str(delivery.delivery_info["routing_key"]).rpartition(".")[2]
    headers = own_headers(delivery.headers)
    return Message(headers["id"], JOBS_EXCHANGE.name, queue, headers, delivery.raw_body)


def _is_plain(task: Any, headers: Mapping[str, Any], call: Call) -> bool:
    return not (
        headers.get("eta")
        or headers.get("expires")
        or headers.get("stamped_headers")
        or headers.get("group")
        or any(call.embed.get(field) for field in _FOLLOWING)
        or task.rate_limit
    )


def _limits(task: Any, headers: Mapping[str, Any]) -> tuple[float, float]:
    """Soft and hard limit, in seconds; 0: no limit."""
    hard, soft = headers.get("timelimit") or (None, None)
    return soft or task.soft_time_limit or 0, hard or task.time_limit or 0


def _about(headers: Any) -> AbstractContextManager[Any]:
    """Bind log lines to the job that the headers name, if they name one."""
    job_id = headers.get("id") if isinstance(headers, Mapping) else None
    return about_message(headers, job_id) if is_job_id(job_id) else nullcontext()


def _forget_time(delivery: Delivery) -> None:
    """Drop the due time of a message that has waited in RabbitMQ: it is due now.

    Celery also sends the due time in the headers, and the worker would wait for it: for an hour,
    if the sender's clock was an hour ahead.
    """
    if "." in str(delivery.delivery_info["routing_key"]) and "eta" in delivery.headers:
        delivery.headers["eta"] = None
