"""Errors as RFC 9457 problem documents. Only this module decides an error's HTTP status."""

from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, current_app, render_template, request
from gunicorn.http.errors import ParseException
from redis import RedisError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from project import errors
from project.observability.binding import read_bound
from project.redis_client import describe_outage
from project.server.services import get_services

RETRY_AFTER_SECONDS = {
    HTTPStatus.SERVICE_UNAVAILABLE: 2,
    # A full queue has many thousand jobs to finish first.
    HTTPStatus.TOO_MANY_REQUESTS: 10,
}
FORM_OVERHEAD_BYTES = 64 * 1024
"""Allowance for what a form adds around its files: a body may be this much larger than a file."""
_KEPT_HEADERS = {
    *("Allow", "Content-Range", "Location", "Retry-After"),
    *("Upgrade", "Sec-WebSocket-Version"),
}

STATUSES: dict[type[errors.JobsError], HTTPStatus] = {
    errors.TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.InvalidPictureError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.UnknownKindError: HTTPStatus.NOT_FOUND,
    errors.MissingFileError: HTTPStatus.NOT_FOUND,
    errors.InvalidInputError: HTTPStatus.BAD_REQUEST,
    errors.GoneError: HTTPStatus.GONE,
    errors.NotFoundError: HTTPStatus.NOT_FOUND,
    errors.KeyReusedError: HTTPStatus.CONFLICT,
    errors.OccupiedError: HTTPStatus.CONFLICT,
    errors.QueueFullError: HTTPStatus.TOO_MANY_REQUESTS,
    errors.TransitionError: HTTPStatus.CONFLICT,
    errors.CancelledError: HTTPStatus.CONFLICT,
    errors.LinkInvalidError: HTTPStatus.NOT_FOUND,
    errors.LinkExpiredError: HTTPStatus.GONE,
    errors.NewerRecordError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.UnforeseenError: HTTPStatus.INTERNAL_SERVER_ERROR,
}

_log = structlog.get_logger()


class UpgradeRequired(HTTPException):
    """A plain HTTP request was sent to a WebSocket's address."""

    code = HTTPStatus.UPGRADE_REQUIRED
    description = "This is a WebSocket address: connect with WebSocket version 13."

    def get_headers(self, *_: Any) -> list[tuple[str, str]]:
        """The protocol to upgrade to, and its version."""
        return [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]


def install(app: Flask) -> None:
    """Answer every error with a problem document, or with a page for a person."""
    app.register_error_handler(errors.JobsError, _answer_ours)
    app.register_error_handler(RedisError, _answer_redis)
    app.register_error_handler(RequestEntityTooLarge, _answer_too_large)
    app.register_error_handler(ParseException, _answer_unreadable)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_unforeseen)


def describe_problem(error: errors.JobsError) -> dict[str, Any]:
    """The problem document of one item of a bulk request."""
    status = _find_status(error)
    return _describe(status, str(error), **_find_members(error))


def _answer_ours(error: errors.JobsError) -> Response:
    status = _find_status(error)
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("request_failed", exc_info=error)
    return _problem(status, str(error), **_find_members(error))


def _find_status(error: errors.JobsError) -> HTTPStatus:
    return next(
        (code for kind, code in STATUSES.items() if isinstance(error, kind)),
        HTTPStatus.INTERNAL_SERVER_ERROR,
    )


def _find_members(error: errors.JobsError) -> dict[str, Any]:
    """What a program may need beside the sentence."""
    if isinstance(error, errors.QueueFullError):
        limit = get_services().settings.queue_limit
        return {"queue": error.queue, "depth": error.depth, "limit": limit}
    field = getattr(error, "field", None)
    return {"field": field} if field else {}


def _answer_redis(error: RedisError) -> Response:
    _log.error("redis_unavailable", exc_info=error)
    return _answer_ours(errors.UnavailableError("Redis", describe_outage(error)))


def _answer_too_large(_: RequestEntityTooLarge) -> Response:
    limit = (request.max_content_length or 0) - FORM_OVERHEAD_BYTES
    what = "JSON bodies" if request.is_json else "Files"
    return _problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{what} may be at most {limit / 1024 / 1024:g} MiB."
    )


def _answer_unreadable(_: ParseException) -> Response:
    return _problem(
        HTTPStatus.BAD_REQUEST,
        "The request body is not valid chunked encoding. Send it again.",
    )


def _answer_http(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or 500)
    # Our routes raise NotFoundError and name what is missing; this address has no route.
    is_unknown = status is HTTPStatus.NOT_FOUND
    detail = "There is nothing at this address." if is_unknown else error.description
    response = _problem(status, detail or status.phrase)
    for name, value in error.get_headers():
        if name in _KEPT_HEADERS:
            response.headers[name] = value
    return response


def _answer_unforeseen(error: Exception) -> Response:
    _log.error("request_failed", exc_info=error)
    return _problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "An internal error occurred. The log has details under this request's id.",
    )


def _problem(status: HTTPStatus, detail: str, **more: Any) -> Response:
    document = _describe(status, detail, **more)
    if _is_for_person():
        page = render_template(
            "message.html",
            title=status.phrase,
            text=detail,
            status=status.value,
            request_id=document["request_id"],
        )
        response = Response(page, status, content_type="text/html; charset=utf-8")
    else:
        text = current_app.json.dumps(document)
        response = Response(text, status, content_type="application/problem+json")
    if status in RETRY_AFTER_SECONDS:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS[status])
    return response


def _describe(status: HTTPStatus, detail: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        **more,
        "request_id": read_bound().get("request_id"),
    }


def _is_for_person() -> bool:
    """Whether a browser navigates here and gets a page; programs and our page's calls get JSON."""
    if request.path.startswith(("/api/", "/tasks")):
        return False
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"
