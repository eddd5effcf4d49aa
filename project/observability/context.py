"""The ids that lead from a log line back to the click. Pure; `binding` puts them on the lines.

A trace is the tree of everything that one click caused. Each span names the span that caused it: a
request, the submit of each of its jobs, each attempt of that job, and so on. The headers follow
W3C Trace Context (https://www.w3.org/TR/trace-context/).

The span ids of a job's submit and attempts are derived from the job's id, so every process can
attribute its lines and spans, whatever was lost on the way.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Self

# Version, trace id, parent's span id, flags; then what versions above 00 may add (4.3).
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED = 0x01

STATE_LIMIT = 512
"""Longest `tracestate` that is passed on, characters: everybody must support this (3.3.1.5)."""
_MEMBERS_LIMIT = 32
_MEMBER = re.compile(
    r"[a-z0-9][a-z0-9_*/-]{0,240}(@[a-z][a-z0-9_*/-]{0,13})?"
    r"=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)
_REQUEST_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_TRACE_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Trace:
    """A span: a position in the trace of one click."""

    trace_id: str
    span_id: str
    parent_id: str = ""
    """The span that caused this one; empty if unknown."""
    request_id: str = ""
    is_sampled: bool = True
    """Whether the caller that started the trace wants its spans recorded."""
    state: str = ""
    """`tracestate`: other systems' data, passed on unchanged. It must not appear in log lines."""

    @classmethod
    def start(
        cls,
        traceparent: str | None = None,
        request_id: str | None = None,
        tracestate: str | None = None,
    ) -> Self:
        """A new span in the caller's trace if it sent a valid one, otherwise in a new trace."""
        caller = cls.read(traceparent, tracestate) if traceparent else None
        return cls(
            trace_id=caller.trace_id if caller else secrets.token_hex(16),
            span_id=secrets.token_hex(8),
            parent_id=caller.span_id if caller else "",
            request_id=_read_request_id(request_id) or secrets.token_hex(8),
            is_sampled=caller.is_sampled if caller else True,
            state=caller.state if caller else "",
        )

    @classmethod
    def read(cls, traceparent: Any, tracestate: Any = None, request_id: Any = None) -> Self | None:
        """The span that these headers name; None if `traceparent` is invalid."""
        match = _TRACEPARENT.fullmatch(traceparent) if isinstance(traceparent, str) else None
        if match is None:
            return None
        version, trace_id, span_id, flags, more = match.groups()
        # An all-zero id makes the header invalid (3.2.2.3 and 3.2.2.4).
        is_empty = not trace_id.strip("0") or not span_id.strip("0")
        if version == "ff" or is_empty or (version == "00" and more):
            return None
        is_sampled = bool(int(flags, 16) & _SAMPLED)
        state = _read_state(tracestate) if tracestate else ""
        return cls(trace_id, span_id, "", _read_request_id(request_id), is_sampled, state)

    @classmethod
    def of_job(cls, job_id: str, trace_id: str = "") -> Self:
        """The span of a job's submit, when its message is not available."""
        is_known = _TRACE_ID.fullmatch(trace_id)
        return cls(trace_id if is_known else derive_trace_id(job_id), submit_span_id(job_id))

    @classmethod
    def of_message(cls, headers: Mapping[str, Any], job_id: str) -> Self:
        """The span of a job's submit, from its message.

        A plain Celery program sends no span: then all attempts share one derived from the job's id.
        """
        request_id = headers.get("request_id")
        named = cls.read(headers.get("traceparent"), headers.get("tracestate"), request_id)
        if named is not None:
            return named
        span = cls.of_job(job_id)
        return cls(span.trace_id, span.span_id, request_id=_read_request_id(request_id))

    def child(self, span_id: str = "") -> Self:
        """A new span that this one causes."""
        return type(self)(  # written out: `replace` takes twice as long
            self.trace_id,
            span_id or secrets.token_hex(8),
            self.span_id,
            self.request_id,
            self.is_sampled,
            self.state,
        )

    def submit(self, job_id: str) -> Self:
        """The span of a job's submit, caused by this span."""
        return self.child(submit_span_id(job_id))

    def attempt(self, job_id: str, number: int) -> Self:
        """The span of an attempt; this span must be the job's submit."""
        return self.child(attempt_span_id(job_id, number))

    @property
    def traceparent(self) -> str:
        """The header that passes this span on as the parent of later spans."""
        return f"00-{self.trace_id}-{self.span_id}-{_SAMPLED if self.is_sampled else 0:02x}"

    @property
    def message_headers(self) -> dict[str, str]:
        """The headers that pass this span on in a message."""
        headers = {"traceparent": self.traceparent, "request_id": self.request_id}
        return headers | ({"tracestate": self.state} if self.state else {})

    @property
    def http_headers(self) -> dict[str, str]:
        """The headers that pass this span on in an HTTP request."""
        headers = {"traceparent": self.traceparent}
        if self.request_id:
            headers["X-Request-ID"] = self.request_id
        return headers | ({"tracestate": self.state} if self.state else {})


def submit_span_id(job_id: str) -> str:
    """The span of a job's submit: the parent of all its attempts."""
    return _digest(8, "submit", job_id)


@lru_cache(maxsize=32)  # an attempt's end needs the same id as its start
def attempt_span_id(job_id: str, number: int) -> str:
    """The span of one attempt."""
    return _digest(8, "attempt", job_id, str(number))


def wait_span_id(job_id: str, number: int) -> str:
    """The span of the wait for one attempt."""
    return _digest(8, "wait", job_id, str(number))


def derive_trace_id(job_id: str) -> str:
    """The trace id of a job submitted without one: the job id's digits if the id is a UUID."""
    digits = job_id.replace("-", "").lower()
    is_usable = _TRACE_ID.fullmatch(digits) and digits.strip("0")
    return digits if is_usable else _digest(16, "trace", job_id)


def _digest(size: int, *parts: str) -> str:
    return blake2b(" ".join(parts).encode(errors="replace"), digest_size=size).hexdigest()


def _read_request_id(value: Any) -> str:
    return value if isinstance(value, str) and _REQUEST_ID.fullmatch(value) else ""


def _read_state(value: Any) -> str:
    """The `tracestate`; an invalid or too long value is dropped as a whole (3.3.1)."""
    if not isinstance(value, str) or len(value) > STATE_LIMIT:
        return ""
    members = [member for part in value.split(",") if (member := part.strip(" \t"))]
    keys = {member.partition("=")[0] for member in members}
    is_valid = len(keys) == len(members) <= _MEMBERS_LIMIT and all(
        _MEMBER.fullmatch(member) for member in members
    )
    return ",".join(members) if is_valid else ""
