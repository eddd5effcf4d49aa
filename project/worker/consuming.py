"""What the worker's first process does with a message, where Celery would do something else.

Celery acknowledges a message that it cannot decode, and records a failure of a job that has never
run: here both go to the dead letters. Of an attempt that it ends because the worker stops, or has
lost its connection, Celery says nothing: here the ledger hears that the job was put back.

Both classes are Celery's own extension points: `worker_consumer` and `Task.Request`.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import structlog
from billiard.einfo import ExceptionWithTraceback
from billiard.exceptions import Terminated, TimeLimitExceeded, WorkerLostError
from celery.exceptions import Ignore, Reject, Retry
from celery.worker.consumer import Consumer
from celery.worker.request import Request
from celery.worker.state import task_ready
from redis import RedisError

from project.broker import DEAD_EXCHANGE
from project.errors import JobsError, UnreadableMessageError
from project.jobs import KINDS
from project.message import Message
from project.message_reader import (
    UNREADABLE_HEADER,
    can_be_dead_lettered,
    is_job_id,
    own_headers,
    read_call,
    read_message,
)
from project.observability.binding import about_message
from project.observability.context import Trace
from project.worker.acks import Acks
from project.worker.holder import has_ended
from project.worker.telling import tell_end

_EXPECTED = (
    Ignore,
    MemoryError,
    Reject,
    Retry,
    Terminated,
    TimeLimitExceeded,
    WorkerLostError,
)
"""Ends of an attempt that Celery itself knows what to do with."""

PUT_ASIDE_SECONDS = 5
"""For RabbitMQ's confirm; the worker takes no other message meanwhile."""

END_SECONDS = 0.5
"""A process that was told to end is waited for so long, before its job can run elsewhere."""

_log = structlog.get_logger()


class JobsConsumer(Consumer):  # type: ignore[misc]  # Celery has no types
    """Rejects what cannot be decoded, and what is no task message at all; waits for no clock."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        errors = (*self.connection_errors, *self.channel_errors)
        call_later = self.hub.call_later if self.hub else _call_now
        self._acks = Acks(call_later, errors, self.initial_prefetch_count)
        self.pool.on_settled = self._acks.flush

    def create_task_handler(self, *args: Any, **options: Any) -> Callable[[Any], Any]:
        """Celery ends the worker at a message whose headers lack what it takes for granted."""
        handle = super().create_task_handler(*args, **options)

        def on_task_received(message: Any) -> Any:
            self._acks.note(message)
            if not can_be_dead_lettered(message.headers):
                return self._put_aside(message)
            try:
                _forget_time(message)
                _read(message)
                return handle(message)
            except (*self.connection_errors, *self.channel_errors):
                raise
            except Exception as error:  # noqa: BLE001 - no message may end the worker
                return self.on_decode_error(message, error)

        return on_task_received

    def _put_aside(self, message: Any) -> None:
        """Send a copy that RabbitMQ can read to the dead letters, in place of a refusal."""
        body = message.body
        copy = Message(
            job_id="",
            exchange=DEAD_EXCHANGE.name,
            routing_key=str(message.delivery_info["routing_key"]),
            headers=own_headers(message.headers),
            body=body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass"),
        )
        publisher = self.app.equipment.submitter.publisher
        try:
            (error,) = publisher.publish([copy], PUT_ASIDE_SECONDS)
        except Exception:  # noqa: BLE001 - whatever its headers cannot be encoded for
            bare = replace(copy, headers={UNREADABLE_HEADER: True})
            (error,) = publisher.publish([bare], PUT_ASIDE_SECONDS)
        if error is None:
            self._acks.add(message)
        # Else it stays unacknowledged, and comes again with the next connection.
        _log.error("message_put_aside", outcome="failure" if error else "success")

    def call_soon_ack(self, p: Any, *args: Any, **options: Any) -> Any:
        """Acknowledgements go together, refusals each at once."""
        message = getattr(p, "__self__", None)
        if message is not None and p.__name__ == "ack_log_error":
            return self._acks.add(message)
        return super().call_soon_ack(p, *args, **options)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """What has not begun is not begun: its message comes again."""
        self.pool.flush()
        super().on_connection_error_after_connected(exc)

    def cancel_active_requests(self) -> None:
        """The worker stops: it may have been told meanwhile that jobs have ended."""
        self.pool.flush()
        self._acks.flush()
        super().cancel_active_requests()

    def shutdown(self) -> None:
        """The last acknowledgements, before the connection is closed."""
        self._acks.flush()
        super().shutdown()

    def ensure_connected(self, conn: Any) -> Any:
        """Celery's pauses between two tries grow to half a minute: the lane would stand still."""
        conn.ensure_connection = partial(
            conn.ensure_connection, interval_start=0.2, interval_step=0.2, interval_max=2
        )
        return super().ensure_connected(conn)

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        """What Celery does about a kind that this worker does not know is of that job's trace."""
        with _about(message.headers):
            _log.error("kind_unknown", kind=str(message.headers.get("task")))
            super().on_unknown_task(body, message, exc)

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Celery would acknowledge it."""
        with _about(message.headers):
            _log.error("message_undecodable", **_tell(exc))
        if not message.acknowledged:
            message.reject_log_error(_log, self.connection_errors)


class JobRequest(Request):  # type: ignore[misc]  # Celery has no types
    """Rejects what failed before the job's own code was reached; puts jobs back in the ledger."""

    def on_failure(
        self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False
    ) -> Any:
        """`return_ok`: the error came through the tracer, as a job's own error does."""
        if isinstance(_find_error(exc_info), Terminated) and not self._was_told_to_end:
            # The pool says so of each job of a process that was once told to end, for another job,
            # and went on. This one's process was killed; Celery would record a cancel.
            exc_info = self._worker_lost_info(_find_error(exc_info))
        error = _find_error(exc_info)
        if return_ok or isinstance(error, _EXPECTED) or not isinstance(error, Exception):
            return super().on_failure(exc_info, send_failed_event, return_ok)
        task_ready(self)
        with about_message(self.request_dict, self.id):
            _log.error("message_undecodable", job_id=self.id, **_tell(error))
        return self.reject(requeue=False)

    @property
    def _was_told_to_end(self) -> bool:
        """Whether the attempt's process was told to end because of this very job."""
        return bool(self._already_cancelled or self._already_revoked)

    def _announce_cancelled(self, emit_retry: bool = True) -> None:  # noqa: ARG002 - Celery's name
        """The attempt's process has been told to end; its message goes back to the queue."""
        super()._announce_cancelled(emit_retry=False)
        is_over = has_ended(self.worker_pid, END_SECONDS)
        try:
            job = self.app.equipment.quick_ledger.put_back(
                self.id, worker=self.hostname, is_over=is_over
            )
        except (JobsError, RedisError) as error:
            # It has ended just before, or it will count as lost, as if the process had been killed.
            with about_message(self.request_dict, self.id):
                _log.info("job_not_put_back", job_id=self.id, reason=str(error))
        else:
            submitted = Trace.of_message(self.request_dict, self.id)
            tell_end(job, submitted, self.app.equipment.spans)


def _call_now(_seconds: float, call: Callable[[], None]) -> None:
    call()


def _find_error(exc_info: Any) -> BaseException:
    """The error as it was raised, not as it came out of the pool's process."""
    error: BaseException = exc_info.exception
    return error.exc if isinstance(error, ExceptionWithTraceback) else error


def _tell(error: BaseException) -> dict[str, Any]:
    """The reason in words of ours; where we have none, the place."""
    if isinstance(error, UnreadableMessageError):
        return {"reason": str(error)}
    return {"reason": type(error).__name__, "exc_info": error}


def _about(headers: Any) -> AbstractContextManager[Any]:
    """Inside this, lines are about the job that the headers name, where they do."""
    job_id = headers.get("id") if isinstance(headers, Mapping) else None
    return about_message(headers, job_id) if is_job_id(job_id) else nullcontext()


def _read(message: Any) -> None:
    """Leave of its headers what a worker can use, whatever protocol it is of."""
    message.headers, message.body = read_message(
        message.headers, message.body, message.content_type, message.content_encoding
    )
    if message.headers["task"] in KINDS:
        message.headers.pop("ignore_result", None)  # the ledger wants every outcome
    else:
        # Celery would take the names of an object for a call. What it writes may be more than JSON.
        message.body = json.dumps(read_call(message.payload))


def _forget_time(message: Any) -> None:
    """A message that has waited in RabbitMQ is due, whatever the time is.

    Celery sends the time along, and the worker would hold on to the message until then: for an
    hour, where its sender's clock was an hour ahead.
    """
    if "." in message.delivery_info["routing_key"] and "eta" in message.headers:
        message.headers["eta"] = None
