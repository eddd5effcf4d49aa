"""Sends spans to an OpenTelemetry collector: OTLP over HTTP, in batches, from a thread.

Imported only if JOBS_OTLP_ENDPOINT is set. A process's first span creates the queue and its thread,
so a forked process never shares its parent's. While the collector is unavailable, spans are
dropped, and one line is logged.
"""

import atexit
import logging
import os
import socket
import threading
from collections.abc import Callable, Sequence
from time import monotonic

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from project.config import Settings
from project.observability.pipeline import VERSION
from project.observability.spans import Span

PAUSE_SECONDS = 1
"""How often spans are sent; a killed process loses its spans since then."""
SEND_SECONDS = 2
"""A batch that the collector does not accept within this time is dropped."""
CLOSE_SECONDS = 2
"""How long an ending process starts to send batches."""
QUEUE_SIZE = 4096
"""How many spans may wait for a slow collector; beyond that the oldest are dropped."""
_PATH = "/v1/traces"

_log = structlog.get_logger()


class Sender(SpanExporter):
    """The collector's exporter; logs when the collector becomes unavailable and when it is back."""

    def __init__(self, exporter: SpanExporter, resource: Resource) -> None:
        self.resource = resource
        self._exporter = exporter
        self._is_away = False
        self._ends_at = float("inf")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch."""
        if monotonic() > self._ends_at:
            return SpanExportResult.FAILURE
        result = self._exporter.export(spans)
        is_away = result is not SpanExportResult.SUCCESS
        if is_away and not self._is_away:
            _log.warning("spans_dropped", reason="the collector does not take them")
        elif self._is_away and not is_away:
            _log.info("spans_sent_again")
        self._is_away = is_away
        return result

    def shutdown(self) -> None:
        """Stop sending."""
        self._exporter.shutdown()

    def limit(self, seconds: float) -> None:
        """Start no batch after this many seconds."""
        self._ends_at = monotonic() + seconds


class Outbox:
    """Accepts the spans of this process and of processes that it forks."""

    def __init__(self, make: Callable[[], Sender]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._pid = 0

    def add(self, span: Span) -> None:
        """Queue the span, unless its trace is not sampled."""
        if not span.trace.is_sampled:
            return
        if self._pid != os.getpid():
            self._start()
        self._processor.on_end(to_readable(span, self._sender.resource))

    def close(self) -> None:
        """Send the remaining spans."""
        if self._pid == os.getpid():
            self._sender.limit(CLOSE_SECONDS)
            self._processor.shutdown()

    def _start(self) -> None:
        with self._lock:
            if self._pid != os.getpid():
                self._sender = self._make()
                self._processor = BatchSpanProcessor(
                    self._sender,
                    max_queue_size=QUEUE_SIZE,
                    schedule_delay_millis=PAUSE_SECONDS * 1000,
                )
                atexit.register(self.close)
                self._pid = os.getpid()


def make_sender(settings: Settings) -> Sender:
    """The sender to the collector. OTEL_EXPORTER_OTLP_HEADERS may have its login."""
    # The library would log each failed batch; `Sender` logs once.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    url = settings.otlp_endpoint.rstrip("/").removesuffix(_PATH) + _PATH
    host = socket.gethostname()
    resource = Resource(
        {
            "service.name": "jobs",
            "service.version": VERSION,
            "service.instance.id": f"{settings.role}@{host}",
            "deployment.environment.name": settings.environment,
            "host.name": host,
            "process.pid": os.getpid(),
            "jobs.role": settings.role,
        }
    )
    return Sender(OTLPSpanExporter(endpoint=url, timeout=SEND_SECONDS), resource)


def to_readable(span: Span, resource: Resource) -> ReadableSpan:
    """The span in the form that OpenTelemetry's exporters accept."""
    trace = span.trace
    attributes = dict(span.attributes) | ({"error.type": span.error} if span.error else {})
    return ReadableSpan(
        name=span.name,
        context=_context(trace.trace_id, trace.span_id, trace.state),
        parent=_context(trace.trace_id, trace.parent_id) if trace.parent_id else None,
        resource=resource,
        attributes=attributes,
        kind=SpanKind[span.kind.value],
        status=Status(StatusCode.ERROR if span.error else StatusCode.UNSET),
        start_time=min(span.started_ns, span.ended_ns),
        end_time=span.ended_ns,
        instrumentation_scope=_SCOPE,
    )


_SCOPE = InstrumentationScope("jobs", VERSION)


def _context(trace_id: str, span_id: str, state: str = "") -> SpanContext:
    return SpanContext(
        trace_id=int(trace_id, 16),
        span_id=int(span_id, 16),
        is_remote=False,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
        trace_state=TraceState.from_header([state]) if state else None,
    )
