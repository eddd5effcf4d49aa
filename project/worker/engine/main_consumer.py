"""Celery's consumer in the worker's main process. It consumes no jobs: the worker processes do.

It keeps only the connection for remote control and events, and answers commands about jobs from the
slots of the worker processes.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial, wraps
from typing import Any

from celery.apps.worker import Worker
from celery.exceptions import ImproperlyConfigured
from celery.worker import state
from celery.worker.consumer import Consumer
from celery.worker.control import Panel
from kombu import Queue

from project.worker.engine.consumer import MOST_AHEAD
from project.worker.engine.pool import EnginePool


class ProcessQueues:
    """The queues that the worker processes consume from; stands in for Celery's task consumer."""

    def __init__(self, pool: EnginePool, queues: Mapping[str, Queue]) -> None:
        self._pool = pool
        self._queues = dict(queues)
        self.on_message: Any = None
        self.channel: Any = None

    @property
    def queues(self) -> list[Queue]:
        """The queues, for `inspect active_queues`."""
        return list(self._queues.values())

    def consuming_from(self, queue: str) -> bool:
        """Whether the worker processes consume from the queue."""
        return queue in self._queues

    def add_queue(self, queue: Queue) -> None:
        """`control add_consumer`."""
        self._queues[queue.name] = queue
        self._send_queues()

    def cancel_by_queue(self, queue: str) -> None:
        """`control cancel_consumer`."""
        self._queues.pop(queue, None)
        self._send_queues()

    def _send_queues(self) -> None:
        self._pool.consume_from(self._queues)

    def consume(self, *_: Any, **__: Any) -> None:
        """Do nothing: the processes consume, whether or not this connection works."""

    def cancel(self) -> None:
        """Do nothing: the pool stops the processes."""

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def qos(self, **_: Any) -> None:
        """Do nothing: each process sets its own prefetch count."""


class JobsConsumer(Consumer):  # type: ignore[misc]  # Celery has no types
    """Celery's consumer, for remote control and events only."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not isinstance(self.pool, EnginePool):
            raise ImproperlyConfigured("Start the worker without --pool: it has its own pool.")
        queues = self.app.amqp.queues.consume_from
        self.pool.prepare(self.hostname, queues, self.prefetch_multiplier or MOST_AHEAD)
        self.app.amqp.TaskConsumer = lambda *_, **__: ProcessQueues(self.pool, queues)

    def create_task_handler(self, *_: Any, **__: Any) -> Callable[[Any], None]:
        """A handler that does nothing: no job's message arrives here."""
        return lambda _message: None

    def on_ready(self) -> None:
        """Give the pool the connection for events."""
        self.pool.eventer = self.event_dispatcher
        super().on_ready()

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Let jobs continue: the worker processes have their own connections."""
        self.pool.eventer = None
        super().on_connection_error_after_connected(exc)

    def reset_rate_limits(self) -> None:
        """`control rate_limit`: each process applies its share of the limit."""
        if getattr(self, "pool", None) and hasattr(self.pool, "processes"):
            for name, task in self.app.tasks.items():
                self.pool.send_to_all("limit", name, {"rate_limit": task.rate_limit})

    def ensure_connected(self, conn: Any) -> Any:
        """Reconnect with pauses of at most 2 seconds; Celery's grow to half a minute."""
        conn.ensure_connection = partial(
            conn.ensure_connection, interval_start=0.2, interval_step=0.2, interval_max=2
        )
        return super().ensure_connected(conn)


class JobsWorker(Worker):  # type: ignore[misc]  # Celery has no types
    """Celery's worker, except that a soft shutdown ends as soon as the running jobs have."""

    def wait_for_soft_shutdown(self) -> None:
        """Wait until the jobs end, up to the timeout. Celery always sleeps for all of it."""
        seconds = self.app.conf.worker_soft_shutdown_timeout
        if seconds > 0:
            self.pool.finish(seconds)


def connect_remote_control() -> None:
    """Let Celery's commands about jobs see what the processes run."""
    for name in ("active", "query_task", "revoke", "terminate", "revoke_by_stamped_headers"):
        Panel.data[name] = _with_running(Panel.data[name])
    for name in ("revoke", "terminate"):
        Panel.data[name] = _forwarding_revoked(Panel.data[name])
    Panel.data["time_limit"] = _forwarding_limits(Panel.data["time_limit"])


def _with_running(command: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(command)
    def answer(control: Any, *args: Any, **options: Any) -> Any:
        requests = list(control.consumer.pool.running())
        state.active_requests.update(requests)
        state.requests.update({request.id: request for request in requests})
        try:
            return command(control, *args, **options)
        finally:
            state.active_requests.clear()
            state.requests.clear()

    return answer


def _forwarding_revoked(command: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(command)
    def answer(control: Any, *args: Any, **options: Any) -> Any:
        before = set(state.revoked)
        try:
            return command(control, *args, **options)
        finally:
            new: Iterable[str] = set(state.revoked) - before
            control.consumer.pool.send_to_all("revoke", tuple(new))

    return answer


def _forwarding_limits(command: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(command)
    def answer(control: Any, task_name: str = "", **options: Any) -> Any:
        result = command(control, task_name=task_name, **options)
        task = control.app.tasks.get(task_name)
        if task is not None:
            limits = {"soft_time_limit": task.soft_time_limit, "time_limit": task.time_limit}
            control.consumer.pool.send_to_all("limit", task_name, limits)
        return result

    return answer
