"""Puts the ids of the request, attempt or job at hand on every line that follows.

They are bound once at an edge, cleared before that and when it is over. Each thread, and each of
gevent's greenlets, has its own. What a job's code binds with `structlog.contextvars` is added to
them: ours are in one variable, because structlog has one a field, and looks at each for each line.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Protocol

import structlog
from structlog.contextvars import clear_contextvars, get_contextvars

from project.observability.context import Trace

KIND_LIMIT = 200
"""Longest name of a kind that a message may put into a line, characters."""

Fields = Mapping[str, Any]

_current: ContextVar[Trace | None] = ContextVar("trace", default=None)
_NONE: Fields = MappingProxyType({})
# Replaced and never changed: a thread that runs in a copy of a context has the same mapping.
_ids: ContextVar[Fields] = ContextVar("ids", default=_NONE)
# structlog's own list of all that was ever bound in this process. Mostly nothing: then the
# variables of the context need not be looked through for each line.
_names_by_jobs: Mapping[str, Any] = structlog.contextvars._CONTEXT_VARS  # noqa: SLF001


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
    ids: dict[str, Any] = {"job_id": job.id, "kind": job.kind}
    if job.parent_id:
        ids["parent_job_id"] = job.parent_id
    if job.root_id:
        ids["root_job_id"] = job.root_id
    ids |= describe_cause(submitted)
    _ids.set(ids)


def enter_attempt(job: TracedJob, trace: Trace) -> None:
    """From here on they are of this attempt of it."""
    _current.set(trace)
    _ids.set({**_ids.get(), "attempt": job.attempt, **_describe_span(trace)})


def leave() -> None:
    """From here on lines are of nothing in particular."""
    if _names_by_jobs:
        clear_contextvars()
    _current.set(None)
    _ids.set(_NONE)


def find_current() -> Trace | None:
    """The request or attempt that this is part of, if it is."""
    return _current.get()


def read_bound() -> Fields:
    """The fields of every line that is written here: our ids, and what a job's code has bound."""
    ids = _ids.get()
    if not _names_by_jobs:
        return ids
    by_jobs = get_contextvars()
    return {**ids, **by_jobs} if by_jobs else ids


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
    named = {"kind": kind[:KIND_LIMIT]} if isinstance(kind, str) and kind else {}
    return _bound({"job_id": job_id, **named, **describe_cause(Trace.of_message(headers, job_id))})


def describe_cause(submitted: Trace) -> dict[str, str]:
    """The ids of lines about a job that are of no attempt; `submitted` is the job's submit."""
    ids = {"trace_id": submitted.trace_id, "parent_id": submitted.span_id}
    if submitted.request_id:
        ids["request_id"] = submitted.request_id
    return ids


@contextmanager
def _bound(fields: Fields) -> Iterator[None]:
    token = _ids.set({**_ids.get(), **fields})
    try:
        yield
    finally:
        _ids.reset(token)


def _describe_span(trace: Trace) -> dict[str, str]:
    ids = {"trace_id": trace.trace_id, "transaction_id": trace.span_id}
    if trace.parent_id:
        ids["parent_id"] = trace.parent_id
    if trace.request_id:
        ids["request_id"] = trace.request_id
    return ids
