"""Puts the ids of the request, attempt or job at hand on every line that follows.

They are bound once at an edge, cleared before that and when it is over. Each thread, and each of
gevent's greenlets, has its own. What a job's code binds with `structlog.contextvars` is added to
them: ours are in one variable, because structlog has one a field, and looks at each for each line.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Protocol

from structlog.contextvars import clear_contextvars, get_contextvars

from project.observability.context import Trace

KIND_LIMIT = 200
"""Longest name of a kind that a message may put into a line, characters."""

Fields = Mapping[str, Any]

_current: ContextVar[Trace | None] = ContextVar("trace", default=None)
_NONE: Fields = MappingProxyType({})
# Replaced and never changed: a thread that runs in a copy of a context has the same mapping.
_ids: ContextVar[Fields] = ContextVar("ids", default=_NONE)


class TracedAttempt(Protocol):
    """An attempt of a job, as far as lines about it name it."""

    @property
    def id(self) -> str: ...
    @property
    def trace_id(self) -> str: ...
    @property
    def attempt(self) -> int: ...


class TracedJob(TracedAttempt, Protocol):
    """A job, as far as its lines name it."""

    @property
    def kind(self) -> str: ...
    @property
    def parent_id(self) -> str: ...
    @property
    def root_id(self) -> str: ...


def enter(trace: Trace) -> None:
    """From here on lines are of this request."""
    leave()
    _current.set(trace)
    _ids.set(_describe_span(trace))


def enter_job(job: TracedJob, submitted: Trace) -> None:
    """From here on lines are about the job that was submitted in this span."""
    leave()
    _ids.set(
        {
            "job_id": job.id,
            "kind": job.kind,
            **_known(parent_job_id=job.parent_id, root_job_id=job.root_id),
            **describe_cause(submitted),
        }
    )


def enter_attempt(job: TracedJob, trace: Trace) -> None:
    """From here on they are of this attempt of it."""
    _current.set(trace)
    _ids.set({**_ids.get(), "attempt": job.attempt, **_describe_span(trace)})


def leave() -> None:
    """From here on lines are of nothing in particular."""
    clear_contextvars()
    _current.set(None)
    _ids.set(_NONE)


def find_current() -> Trace | None:
    """The request or attempt that this is part of, if it is."""
    return _current.get()


def read_bound() -> Fields:
    """The fields of every line that is written here: our ids, and what a job's code has bound."""
    by_jobs = get_contextvars()
    return {**_ids.get(), **by_jobs} if by_jobs else _ids.get()


def merge_bound(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """A processor that adds them to an event, whose own fields win."""
    return {**read_bound(), **event}


def about(job: TracedAttempt) -> AbstractContextManager[None]:
    """Inside this, lines are about the job; where a worker has taken it, about its last attempt."""
    submitted = Trace.of_job(job.id, job.trace_id)
    if job.attempt:
        fields = _describe_span(submitted.attempt(job.id, job.attempt))
    else:
        fields = describe_cause(submitted)
    return _bound({"job_id": job.id, **fields})


def about_message(headers: Mapping[str, Any], job_id: str) -> AbstractContextManager[None]:
    """Inside this, lines are about the job that a message belongs to, if they are not already."""
    if _ids.get().get("job_id") == job_id:
        return nullcontext()
    kind = headers.get("task")
    return _bound(
        {
            "job_id": job_id,
            **_known(kind=kind[:KIND_LIMIT] if isinstance(kind, str) else ""),
            **describe_cause(Trace.of_message(headers, job_id)),
        }
    )


def describe_cause(submitted: Trace) -> dict[str, str]:
    """The ids of lines about a job that are of no attempt; `submitted` is the job's submit."""
    return _known(
        trace_id=submitted.trace_id, parent_id=submitted.span_id, request_id=submitted.request_id
    )


@contextmanager
def _bound(fields: Fields) -> Iterator[None]:
    token = _ids.set({**_ids.get(), **fields})
    try:
        yield
    finally:
        _ids.reset(token)


def _describe_span(trace: Trace) -> dict[str, str]:
    return _known(
        trace_id=trace.trace_id,
        transaction_id=trace.span_id,
        parent_id=trace.parent_id,
        request_id=trace.request_id,
    )


def _known(**ids: str) -> dict[str, str]:
    return {name: value for name, value in ids.items() if value}
