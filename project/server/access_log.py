"""A request's ids, incoming and outgoing, and its one outcome line."""

from collections.abc import Callable
from http import HTTPStatus
from time import perf_counter_ns, time_ns
from typing import Any

import structlog
from flask import Flask, Request, Response, request

from project.observability import binding
from project.observability.context import Trace
from project.observability.spans import NO_SPANS, Span, SpanKind
from project.server.services import get_services

_QUIET_PATHS = ("/healthz", "/readyz", "/static/")
_TRACE, _STARTED_NS = "jobs.trace", "jobs.started_ns"
"""The keys of these values in the request's WSGI environment."""

Environ = dict[str, Any]

_log = structlog.get_logger()


def install(app: Flask) -> None:
    """Give every request a trace and log its outcome."""
    app.before_request(_begin)
    app.after_request(_end)


def current_trace() -> Trace:
    """The trace of this request."""
    trace: Trace = request.environ[_TRACE]
    return trace


def _begin() -> None:
    _start(request.environ)


def _start(environ: Environ) -> None:
    environ[_STARTED_NS] = perf_counter_ns()
    environ[_TRACE] = Trace.start(
        environ.get("HTTP_TRACEPARENT"),
        environ.get("HTTP_X_REQUEST_ID"),
        environ.get("HTTP_TRACESTATE"),
    )
    binding.enter(environ[_TRACE])


def _end(response: Response) -> Response:
    asked = request._get_current_object()  # type: ignore[attr-defined]  # once, not at each use
    if _TRACE not in asked.environ:  # the request failed before `_begin`
        _start(asked.environ)
    trace: Trace = asked.environ[_TRACE]
    duration_ns = perf_counter_ns() - asked.environ[_STARTED_NS]
    response.headers.add("X-Request-ID", trace.request_id)
    response.headers.add("traceparent", trace.traceparent)
    is_quiet = asked.path.startswith(_QUIET_PATHS)
    _write_line(asked, response, duration_ns, _log.debug if is_quiet else _log.info)
    spans = get_services().spans
    if spans is not NO_SPANS and not is_quiet:
        spans.add(_make_span(asked, response, trace, duration_ns))
    if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
        binding.leave()  # the socket is closed, and nobody closes its response
    else:
        # After a stream's last event: on a kept connection, later lines belong to no request.
        response.call_on_close(binding.leave)
    return response


def _write_line(
    asked: Request, response: Response, duration_ns: int, write: Callable[..., None]
) -> None:
    write(
        "http_request",
        http_method=asked.method,
        path=_loggable_path(asked),
        http_status=response.status_code,
        response_bytes=0 if asked.method == "HEAD" else response.content_length,
        client_ip=asked.remote_addr or None,  # a Unix socket has no address
        duration_ns=duration_ns,
        outcome="failure" if response.status_code >= 500 else "success",
    )


def _make_span(asked: Request, response: Response, trace: Trace, duration_ns: int) -> Span:
    ended_ns, status = time_ns(), response.status_code
    attributes: dict[str, str | int] = {
        "http.request.method": asked.method,
        "http.response.status_code": status,
        "url.path": _loggable_path(asked),
        "url.scheme": asked.scheme,
    }
    if asked.url_rule:
        attributes["http.route"] = asked.url_rule.rule
    return Span(
        # Without a route, any path that a client makes up would become a span name.
        name=f"{asked.method} {asked.url_rule.rule}" if asked.url_rule else "HTTP",
        kind=SpanKind.SERVER,
        trace=trace,
        started_ns=ended_ns - duration_ns,
        ended_ns=ended_ns,
        attributes=attributes,
        error=str(status) if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "",
    )


def _loggable_path(asked: Request) -> str:
    """The path without a confirmation's token, which is a secret."""
    return "/confirm/…" if asked.path.startswith("/confirm/") else asked.path
