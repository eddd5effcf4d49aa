"""A message as Celery's `Request`, in the process that runs it and in the worker's main process.

It differs from Celery in two ways. Celery records a failure of a job that has never run; here the
message goes to the dead letters. Celery kills a job's process before it records why; here the
outcome is recorded first, because RabbitMQ redelivers the message as soon as the process is gone.
"""

from typing import Any

import structlog
from billiard.einfo import ExceptionWithTraceback
from billiard.exceptions import TimeLimitExceeded
from celery.exceptions import Ignore, Reject, Retry
from celery.platforms import signals
from celery.worker.request import Request
from celery.worker.state import task_ready

from project.errors import UnreadableMessageError
from project.observability.binding import about_message

_EXPECTED = (Ignore, MemoryError, Reject, Retry, TimeLimitExceeded)
"""Exceptions that Celery itself handles."""

_log = structlog.get_logger()


class JobRequest(Request):  # type: ignore[misc]  # Celery has no types
    """A request in its worker process: rejects a message that fails before the job's own code."""

    def on_failure(
        self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False
    ) -> Any:
        """`return_ok`: the error came through the tracer, so the job's own code raised it."""
        error = find_error(exc_info)
        if return_ok or isinstance(error, _EXPECTED) or not isinstance(error, Exception):
            return super().on_failure(exc_info, send_failed_event, return_ok)
        task_ready(self)
        with about_message(self.request_dict, self.id):
            _log.error("message_undecodable", job_id=self.id, **describe_error(error))
        return self.reject(requeue=False)


class RunningRequest(Request):  # type: ignore[misc]  # Celery has no types
    """A request in the main process, for a job that a worker process runs.

    It is built from the process's slot, for remote control or to stop the job.
    """

    process: Any
    """The `WorkerProcess` that runs it."""
    token: int

    def terminate(self, pool: Any, signal: Any = None) -> None:  # noqa: ARG002 - Celery's names
        """Celery's `revoke(terminate=True)`: cancel the job, and ask its process to exit."""
        number = signals.signum(signal or "SIGTERM")
        with self.process.halted(self.token) as is_running:
            if is_running:
                self._announce_revoked("terminated", True, number, False)
                self.process.signal(number)

    def acknowledge(self) -> None:
        """Do nothing: the worker process settles its message."""

    def reject(self, requeue: bool = False) -> None:
        """Do nothing: the worker process settles its message."""


def find_error(exc_info: Any) -> BaseException:
    """The error that was originally raised."""
    error: BaseException = exc_info.exception
    return error.exc if isinstance(error, ExceptionWithTraceback) else error


def describe_error(error: BaseException) -> dict[str, Any]:
    """The reason as a sentence; for an error that has no such sentence, its traceback."""
    if isinstance(error, UnreadableMessageError):
        return {"reason": str(error)}
    return {"reason": type(error).__name__, "exc_info": error}
