"""The ids of a request, in and out, and its one outcome line."""

from http import HTTPStatus
from time import perf_counter_ns, time_ns

import structlog
from flask import Flask, Response, g, request

from project.observability import binding
from project.observability.context import Trace
from project.observability.spans import Span, SpanKind
from project.server.services import services

_QUIET_PATHS = ("/healthz", "/readyz", "/static/")
_log = structlog.get_logger()


def install(app: Flask) -> None:
    """Give every request its trace, and log how it ended."""
    app.before_request(_begin)
    app.after_request(_end)


def current_trace() -> Trace:
    """The trace of this request."""
    trace: Trace = g.trace
    return trace


def _begin() -> None:
    headers = request.headers
    g.trace = Trace.start(
        headers.get("traceparent"), headers.get("X-Request-ID"), headers.get("tracestate")
    )
    g.started_ns = perf_counter_ns()
    binding.enter(g.trace)


def _end(response: Response) -> Response:
    if "trace" not in g:  # it failed before the first of our functions was called
        _begin()
    response.headers["X-Request-ID"] = g.trace.request_id
    response.headers["traceparent"] = g.trace.traceparent
    is_quiet = request.path.startswith(_QUIET_PATHS)
    write = _log.debug if is_quiet else _log.info
    write(
        "http_request",
        http_method=request.method,
        path=_loggable_path(),
        http_status=response.status_code,
        response_bytes=0 if request.method == "HEAD" else response.content_length,
        client_ip=request.remote_addr or None,  # none behind a socket of the file system
        duration_ns=_duration_ns(),
        outcome="failure" if response.status_code >= 500 else "success",
    )
    if not is_quiet:
        services().spans.add(_make_span(response))
    if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
        binding.leave()  # the socket is over, and nobody closes its response
    else:
        # After a stream's last event: the connection may be kept, its next line be of no request.
        response.call_on_close(binding.leave)
    return response


def _make_span(response: Response) -> Span:
    ended_ns, status = time_ns(), response.status_code
    attributes: dict[str, str | int] = {
        "http.request.method": request.method,
        "http.response.status_code": status,
        "url.path": _loggable_path(),
        "url.scheme": request.scheme,
    }
    if request.url_rule:
        attributes["http.route"] = request.url_rule.rule
    return Span(
        # Without a route, whatever somebody has made up would be a name.
        name=f"{request.method} {request.url_rule.rule}" if request.url_rule else "HTTP",
        kind=SpanKind.SERVER,
        trace=g.trace,
        started_ns=ended_ns - _duration_ns(),
        ended_ns=ended_ns,
        attributes=attributes,
        error=str(status) if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "",
    )


def _duration_ns() -> int:
    duration_ns: int = perf_counter_ns() - g.started_ns
    return duration_ns


def _loggable_path() -> str:
    """The path; a confirmation's token is a secret and stays out of the log."""
    return "/confirm/…" if request.path.startswith("/confirm/") else request.path
