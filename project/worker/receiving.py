"""What the worker's first process does with a plain message: Celery's way, without what is rare.

Celery copies a message, decodes its body, and asks for its time, its expiry and its callbacks. A
plain one has none of these, and its body is decoded where the job runs. This is Celery's own
extension point, `Task.Strategy`; a message that is not plain goes Celery's way.
"""

import json
from collections.abc import Callable
from functools import cached_property
from time import monotonic, time
from typing import Any

from celery import signals
from celery.app.task import Context
from celery.worker import state
from celery.worker.strategy import default

from project.errors import UnreadableMessageError
from project.message_reader import Call, read_body
from project.worker.consuming import JobRequest
from project.worker.pool.lanes import LanePool

Receive = Callable[[Any, Any, Any, Any, Any], Any]


def strategy(task: Any, app: Any, consumer: Any) -> Receive:
    """How messages of the task are received; `Task.Strategy`."""
    usual: Receive = default(task, app, consumer)
    if not isinstance(consumer.pool, LanePool):
        return usual

    def receive(message: Any, body: Any, ack: Any, reject: Any, callbacks: Any) -> Any:
        headers = message.headers
        is_plain = body is None and not (
            callbacks
            or headers.get("eta")
            or headers.get("expires")
            or headers.get("stamped_headers")
            or consumer.task_buckets[task.name]  # the kind has a rate limit
        )
        if not is_plain:
            # As it was read: Celery takes less than our reader does.
            message.body = json.dumps(read_body(message.body))
            return usual(message, body, ack, reject, callbacks)
        request = PlainRequest(message, ack, reject, task, consumer)
        if request.id in state.revoked and request.revoked():
            return None
        if signals.task_received.receivers:
            signals.task_received.send(sender=consumer, request=request)
        request.tell_received()
        state.task_reserved(request)
        return consumer.on_task_request(request)

    return receive


class PlainRequest(JobRequest):
    """A request that costs little as long as nobody asks."""

    def __init__(self, message: Any, ack: Any, reject: Any, task: Any, consumer: Any) -> None:
        headers = message.headers
        self._message = message
        self._app = consumer.app
        self._utc = True
        self._decoded = False
        self._content_type, self._content_encoding = message.content_type, message.content_encoding
        self.id = headers["id"]
        self._type = headers["task"]
        self.name = headers.get("shadow") or self._type
        self._root_id, self._parent_id = headers.get("root_id"), headers.get("parent_id")
        self.time_limits = headers.get("timelimit") or (None, None)
        self._argsrepr, self._kwargsrepr = headers.get("argsrepr"), headers.get("kwargsrepr")
        self._on_ack, self._on_reject = ack, reject
        self._hostname = consumer.hostname
        self._eventer = consumer.event_dispatcher
        self._connection_errors = consumer.connection_errors
        self._task = task
        self._ignore_result = bool(headers.get("ignore_result"))
        self._eta = self._expires = None
        self._body = message.body
        delivery, properties = message.delivery_info, message.properties
        self._delivery_info = {
            "exchange": delivery.get("exchange"),
            "routing_key": delivery.get("routing_key"),
            "priority": properties.get("priority"),
            "redelivered": delivery.get("redelivered", False),
        }
        self._request_dict = headers | {
            "properties": properties,
            "reply_to": properties.get("reply_to"),
            "correlation_id": properties.get("correlation_id"),
            "hostname": self._hostname,
            "delivery_info": self._delivery_info,
        }

    @cached_property
    def _payload(self) -> Call:
        """For what is said of the job here; what cannot be read is refused where it is to run."""
        try:
            return read_body(self._message.body)
        except UnreadableMessageError:
            return Call([], {}, {})

    @property
    def _args(self) -> Any:
        return self._payload.args

    @property
    def _kwargs(self) -> Any:
        return self._payload.kwargs

    @cached_property
    def _context(self) -> Context:
        """What its outcome is stored with, where this process stores it."""
        args, kwargs, embed = self._payload
        return Context(self._request_dict | embed, args=args, kwargs=kwargs)

    def execute_using_pool(self, pool: Any, **_: Any) -> None:
        """Hand it to a child."""
        hard_limit, soft_limit = self.time_limits
        self._ticket = pool.on_apply(
            None,  # the child's own runner
            (
                self._type,
                self.id,
                self._request_dict,
                self._body,
                self._content_type,
                self._content_encoding,
            ),
            accept_callback=self.on_accepted,
            timeout_callback=self.on_timeout,
            callback=self.on_success,
            error_callback=self.on_failure,
            soft_timeout=soft_limit or self._task.soft_time_limit,
            timeout=hard_limit or self._task.time_limit,
            is_revoked=self._is_revoked,
        )

    def _apply_result(self) -> Any:
        """What Celery tells that the job's process is ended because of this job."""
        return self._ticket

    def _is_revoked(self) -> bool:
        """Whether it was revoked while it waited; then all is done about it."""
        return self.id in state.revoked and bool(self.revoked())

    def on_accepted(self, pid: int, time_accepted: float) -> None:
        """A child begins with it."""
        self.worker_pid = pid
        self.time_start = time() - (monotonic() - time_accepted)
        state.task_accepted(self)
        if self._is_watched:
            self.send_event("task-started")
        if self._terminate_on_ack is not None:
            self.terminate(*self._terminate_on_ack)

    def on_success(self, outcome: Any, **_: Any) -> Any:
        """A child is done with it: `(failed, result's text or error, seconds)`."""
        is_failed, value, seconds = outcome
        if is_failed:
            return self.on_failure(value, return_ok=True)
        state.task_ready(self)
        self.acknowledge()
        if self._is_watched:
            self.send_event("task-succeeded", result=value, runtime=seconds)
        return None

    def tell_received(self) -> None:
        """The event that Flower makes a row of."""
        if self._is_watched:
            self.send_event(
                "task-received",
                name=self.name,
                args=self._argsrepr,
                kwargs=self._kwargsrepr,
                root_id=self._root_id,
                parent_id=self._parent_id,
                retries=self._request_dict.get("retries", 0),
                eta=None,
                expires=None,
            )

    @property
    def _is_watched(self) -> bool:
        """Whether anybody wants events of jobs: Flower, say."""
        eventer = self._eventer
        return bool(
            eventer and eventer.enabled and (not eventer.groups or "task" in eventer.groups)
        )
