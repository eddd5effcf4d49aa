"""Runs a plain message of a kind: what Celery's tracer does, where that is all it needs.

A plain message has no callbacks, no chain and no chord, and its result is stored. Everything else,
and whatever an attempt raises, is left to Celery's own tracer and its `TraceInfo`.
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
"""As `fast_trace_task` answers: whether it failed, the value or the error, seconds."""

_PLAIN_RESULTS = (type(None), bool, int, float)


class MessageContext(Context):  # type: ignore[misc]  # Celery has no types
    """A message's headers as `task.request`; those of others are looked for when somebody asks.

    Celery looks for them at once, although only a retry hands them on.
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
    """Run a job. What it raises, but for what ends the process, is its outcome."""
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
    """A result as Flower shows it, of so many characters."""
    if isinstance(value, _PLAIN_RESULTS):
        return repr(value)
    text: str = saferepr(value, most)
    return text


def _fail(task: Any, context: MessageContext, error: Exception) -> Outcome:
    """The end of Celery's tracer, where a task has raised."""
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
