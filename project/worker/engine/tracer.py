"""Runs a plain message of a kind: the part of Celery's tracer that such a message needs.

A plain message has no callbacks, no chain and no chord, and its result is stored. Celery's own
tracer and its `TraceInfo` handle everything else, and whatever an attempt raises.
"""

from collections.abc import Mapping
from time import monotonic
from typing import Any

from billiard.einfo import ExceptionInfo
from celery import signals
from celery._state import _task_stack
from celery.app.task import Context
from celery.app.trace import TraceInfo, traceback_clear
from celery.exceptions import Ignore, Reject, Retry
from celery.states import FAILURE, IGNORED, REJECTED, RETRY
from celery.utils.saferepr import saferepr

Outcome = tuple[int, Any, float | None]
"""What `fast_trace_task` returns: whether the task failed, its value or error, its seconds."""

_PLAIN_RESULTS = (type(None), bool, int, float)


class MessageContext(Context):  # type: ignore[misc]  # Celery has no types
    """A message's headers as `task.request`; custom headers are collected only on access.

    Celery collects them for every message, although only a retry passes them on.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)
        self._values = values
        limits = self.timelimit or (None, None)
        self.__dict__["time_limit"], self.__dict__["soft_time_limit"] = limits[:2]

    @property
    def headers(self) -> Any:
        """Headers that are not Celery's own."""
        return self._get_custom_headers(self._values)


def run_plain(task: Any, request: dict[str, Any], args: Any, kwargs: Any) -> Outcome:
    """Run a job. Any exception becomes its outcome, unless it ends the process."""
    request.update(args=args, kwargs=kwargs, is_eager=False, called_directly=False)
    context = MessageContext(request)
    started = monotonic()
    task.request_stack.push(context)
    _task_stack.push(task)
    try:
        if signals.task_prerun.receivers:
            signals.task_prerun.send(
                sender=task, task_id=context.id, task=task, args=args, kwargs=kwargs
            )
        value = task.run(*args, **kwargs)
        task.backend.succeed_later(context, value)
    except Exception as error:  # noqa: BLE001 - the job's boundary: it becomes the outcome
        return _fail(task, context, error)
    else:
        seconds = monotonic() - vars(context).get("begun_at", started)
        if signals.task_success.receivers:
            signals.task_success.send(sender=task, result=value, runtime=seconds)
        return 0, value, seconds
    finally:
        if signals.task_postrun.receivers:
            signals.task_postrun.send(
                sender=task, task_id=context.id, task=task, args=args, kwargs=kwargs
            )
        _task_stack.pop()
        task.request_stack.pop()


def describe(value: Any, most: int) -> str:
    """A result as Flower shows it, in at most `most` characters."""
    if isinstance(value, _PLAIN_RESULTS):
        return repr(value)
    text: str = saferepr(value, most)
    return text


def _fail(task: Any, context: MessageContext, error: Exception) -> Outcome:
    """Handle the error as Celery's tracer does after a task has raised."""
    state = next((state for kind, state in _STATES.items() if isinstance(error, kind)), FAILURE)
    info = TraceInfo(state, error)
    if state in (REJECTED, IGNORED):
        handle = info.handle_reject if state == REJECTED else info.handle_ignore
        handle(task, context)
        failure = ExceptionInfo(internal=True)
    else:
        failure = info.handle_error_state(
            task, context, eager=False, call_errbacks=state == FAILURE
        )
    traceback_clear(error)
    return 1, failure, None


_STATES: Mapping[type[Exception], str] = {Reject: REJECTED, Ignore: IGNORED, Retry: RETRY}
