"""Puts the ids of the current request, attempt or job on every line that follows.

An edge binds the ids once, after clearing old ones, and clears them at its end. Each thread and
each gevent greenlet has its own ids. Fields that a job's code binds with `structlog.contextvars`
are added. Our ids are in one variable, because structlog checks a variable per field at each line.
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
"""Longest kind name that a line takes from a message, characters."""

Fields = Mapping[str, Any]

_current: ContextVar[Trace | None] = ContextVar("trace", default=None)
_NONE: Fields = MappingProxyType({})
# Replaced, never mutated: a thread that runs in a copy of a context shares the mapping.
_ids: ContextVar[Fields] = ContextVar("ids", default=_NONE)
# structlog's list of every field ever bound in this process. It is usually empty; the context's
# variables then need not be searched for each line.
_names_by_jobs: Mapping[str, Any] = structlog.contextvars._CONTEXT_VARS  # noqa: SLF001


class TracedAttempt(Protocol):
    """The facts about an attempt that its log lines need."""

    @property
    def id(self) -> str: ...
    @property
    def trace_id(self) -> str: ...
    @property
    def attempt(self) -> int: ...


class TracedJob(TracedAttempt, Protocol):
    """The facts about a job that its log lines need."""

    @property
    def kind(self) -> str: ...
    @property
    def parent_id(self) -> str: ...
    @property
    def root_id(self) -> str: ...


def enter(trace: Trace) -> None:
    """Bind the following lines to this request."""
    leave()
    _current.set(trace)
    _ids.set(_describe_span(trace))


def enter_job(job: TracedJob, submitted: Trace) -> None:
    """Bind the following lines to the job that was submitted in this span."""
    leave()
    ids: dict[str, Any] = {"job_id": job.id, "kind": job.kind}
    if job.parent_id:
        ids["parent_job_id"] = job.parent_id
    if job.root_id:
        ids["root_job_id"] = job.root_id
    ids |= describe_cause(submitted)
    _ids.set(ids)


def enter_attempt(job: TracedJob, trace: Trace) -> None:
    """Bind the following lines to this attempt of the entered job."""
    _current.set(trace)
    _ids.set({**_ids.get(), "attempt": job.attempt, **_describe_span(trace)})


def leave() -> None:
    """Unbind the following lines from any request or job."""
    if _names_by_jobs:
        clear_contextvars()
    _current.set(None)
    _ids.set(_NONE)


def find_current() -> Trace | None:
    """The current request or attempt, or None."""
    return _current.get()


def read_bound() -> Fields:
    """The fields of every line written here: our ids, and fields that a job's code has bound."""
    ids = _ids.get()
    if not _names_by_jobs:
        return ids
    by_jobs = get_contextvars()
    return {**ids, **by_jobs} if by_jobs else ids


def about(job: TracedAttempt) -> AbstractContextManager[None]:
    """Bind lines inside the block to the job; if it has attempts, to the last one."""
    submitted = Trace.of_job(job.id, job.trace_id)
    if job.attempt:
        fields = _describe_span(submitted.attempt(job.id, job.attempt))
    else:
        fields = describe_cause(submitted)
    return _bound({"job_id": job.id, **fields})


def about_message(headers: Mapping[str, Any], job_id: str) -> AbstractContextManager[None]:
    """Bind lines inside the block to the job of a message, unless they are already."""
    if _ids.get().get("job_id") == job_id:
        return nullcontext()
    kind = headers.get("task")
    named = {"kind": kind[:KIND_LIMIT]} if isinstance(kind, str) and kind else {}
    return _bound({"job_id": job_id, **named, **describe_cause(Trace.of_message(headers, job_id))})


def describe_cause(submitted: Trace) -> dict[str, str]:
    """The ids of a job's lines outside an attempt; `submitted` is the span of the job's submit."""
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
