"""The ids that lead from a log line back to the click: bound once at an edge, on every line after.

`traceparent` is W3C Trace Context (https://www.w3.org/TR/trace-context/), version 00:
`00-<trace id, 32 hex>-<span id, 16 hex>-<flags>`.
"""

import re
import secrets
from dataclasses import dataclass
from typing import Self

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_REQUEST_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Trace:
    """Where in the story of one click we are."""

    trace_id: str
    span_id: str
    request_id: str = ""

    @classmethod
    def start(cls, traceparent: str | None = None, request_id: str | None = None) -> Self:
        """A new span: of the caller's trace where it sent a valid one, else of a new trace."""
        match = _TRACEPARENT.fullmatch(traceparent or "")
        # An id of zeros only makes the header invalid (3.2.2.3 and 3.2.2.4).
        is_valid = match and match[1].strip("0") and match[2].strip("0")
        trace_id = match[1] if match and is_valid else secrets.token_hex(16)
        valid = request_id is not None and _REQUEST_ID.fullmatch(request_id)
        return cls(
            trace_id=trace_id,
            span_id=secrets.token_hex(8),
            request_id=request_id if valid and request_id else secrets.token_hex(8),
        )

    @property
    def traceparent(self) -> str:
        """The header that hands this trace on."""
        return f"00-{self.trace_id}-{self.span_id}-01"
