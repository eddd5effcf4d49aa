"""Runs a message in a process of the pool: what Celery's tracer does, where that is all it needs.

A plain message of one of our kinds has no callbacks, no chain and no chord, and its result is
stored. Everything else, and whatever an attempt raises, is left to Celery's own tracer and its
`TraceInfo`.
"""

import json
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from billiard.einfo import ExceptionInfo
from celery import signals
from celery._state import _task_stack
from celery.app.task import Context
from celery.app.trace import TraceInfo, fast_trace_task, traceback_clear
from celery.exceptions import Ignore, Reject, Retry
from celery.states import FAILURE, IGNORED, REJECTED, RETRY
from celery.utils.saferepr import saferepr

from project.jobs import KINDS
from project.message_reader import read_body

Outcome = tuple[int, Any, float | None]
"""As `fast_trace_task` answers: whether it failed, the result's text or the error, seconds."""

_RARE = ("callbacks", "errbacks", "chain", "chord")
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


def make_runner(tasks: Mapping[str, Any]) -> Callable[..., Outcome]:
    """What a child of the pool calls for each message; `tasks` are the app's."""

    def run(  # noqa: PLR0917 - as Celery's `fast_trace_task` takes them
        name: str, job_id: str, request: dict[str, Any], body: Any, content_type: str, encoding: str
    ) -> Outcome:
        task = tasks[name]
        if name in KINDS:
            call = read_body(body)
            if not (request.get("group") or any(call.embed.get(field) for field in _RARE)):
                args, kwargs, _ = call
                request.update(args=args, kwargs=kwargs, is_eager=False, called_directly=False)
                return _run(task, MessageContext(request), args, kwargs)
            body = json.dumps(call)  # as it was read: Celery takes less than our reader does
        outcome: Outcome = fast_trace_task(name, job_id, request, body, content_type, encoding)
        return outcome

    return run


def _run(task: Any, context: MessageContext, args: Any, kwargs: Any) -> Outcome:
    started = monotonic()
    task.request_stack.push(context)
    _task_stack.push(task)
    try:
        if signals.task_prerun.receivers:
            signals.task_prerun.send(
                sender=task, task_id=context.id, task=task, args=args, kwargs=kwargs
            )
        value = task.run(*args, **kwargs)
        task.backend.succeed(context, value)
    except Exception as error:  # noqa: BLE001 - the job's boundary: it becomes the outcome
        return _fail(task, context, error)
    else:
        seconds = monotonic() - started
        if signals.task_success.receivers:
            signals.task_success.send(sender=task, result=value, runtime=seconds)
        return 0, _describe(value, task.resultrepr_maxsize), seconds
    finally:
        if signals.task_postrun.receivers:
            signals.task_postrun.send(
                sender=task, task_id=context.id, task=task, args=args, kwargs=kwargs
            )
        _task_stack.pop()
        task.request_stack.pop()


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


def _describe(value: Any, most: int) -> str:
    if isinstance(value, _PLAIN_RESULTS):
        return repr(value)
    text: str = saferepr(value, most)
    return text


_STATES: Mapping[type[Exception], str] = {Reject: REJECTED, Ignore: IGNORED, Retry: RETRY}
