"""A message as Celery's `Request`, in the process that runs it and in the worker's main process.

Celery records a failure of a job that has never run: here its message goes to the dead letters. It
kills the process of a job before it records why: here the message, which comes back as soon as the
process is gone, must find the job's outcome already there.
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
"""Ends of an attempt that Celery itself knows what to do with."""

_log = structlog.get_logger()


class JobRequest(Request):  # type: ignore[misc]  # Celery has no types
    """In the process that runs it: rejects what failed before the job's own code was reached."""

    def on_failure(
        self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False
    ) -> Any:
        """`return_ok`: the error came through the tracer, as a job's own error does."""
        error = find_error(exc_info)
        if return_ok or isinstance(error, _EXPECTED) or not isinstance(error, Exception):
            return super().on_failure(exc_info, send_failed_event, return_ok)
        task_ready(self)
        with about_message(self.request_dict, self.id):
            _log.error("message_undecodable", job_id=self.id, **describe_error(error))
        return self.reject(requeue=False)


class RunningRequest(Request):  # type: ignore[misc]  # Celery has no types
    """In the main process: a job that one of its processes runs.

    It is made when somebody asks what runs, or a job is to end, from what the process's slot says.
    """

    process: Any
    """The `WorkerProcess` that runs it."""
    token: int

    def terminate(self, pool: Any, signal: Any = None) -> None:  # noqa: ARG002 - Celery's names
        """Celery's `revoke(terminate=True)`: the job is cancelled, and its process told to end."""
        number = signals.signum(signal or "SIGTERM")
        with self.process.halted(self.token) as is_running:
            if is_running:
                self._announce_revoked("terminated", True, number, False)
                self.process.signal(number)

    def acknowledge(self) -> None:
        """The message is its process's."""

    def reject(self, requeue: bool = False) -> None:
        """The message is its process's."""


def find_error(exc_info: Any) -> BaseException:
    """The error as it was raised."""
    error: BaseException = exc_info.exception
    return error.exc if isinstance(error, ExceptionWithTraceback) else error


def describe_error(error: BaseException) -> dict[str, Any]:
    """The reason in words of ours; where we have none, the place."""
    if isinstance(error, UnreadableMessageError):
        return {"reason": str(error)}
    return {"reason": type(error).__name__, "exc_info": error}
