"""Security headers, and the refusal of requests from other sites."""

from urllib.parse import urlsplit

from flask import Flask, Response, abort, request

from project.server.services import get_services

_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'"
)
_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
)
_SAFE = {"GET", "HEAD", "OPTIONS"}


def protect(app: Flask) -> None:
    """Install both."""
    app.before_request(_refuse_other_sites)
    app.after_request(_add_headers)


def _refuse_other_sites() -> None:
    """Refuse cross-site requests: another site must not act in a person's name."""
    environ = request.environ
    is_foreign_form = (
        environ["REQUEST_METHOD"] not in _SAFE
        and environ.get("HTTP_SEC_FETCH_SITE") == "cross-site"
    )
    is_socket = environ.get("HTTP_UPGRADE", "").lower() == "websocket"
    if is_foreign_form or (is_socket and _is_foreign()):
        abort(403, "Requests from other sites are not allowed.")


def _is_foreign() -> bool:
    """Whether another site's page opens this WebSocket; browsers allow that for any site."""
    origin = request.headers.get("Origin")
    # A proxy may have replaced the Host, so the public address counts as well.
    ours = {request.host, urlsplit(get_services().settings.public_url).netloc}
    return origin is not None and urlsplit(origin).netloc not in ours


def _add_headers(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", _POLICY)  # a file has its own
    headers.extend(_HEADERS)  # no other code sets them
    return response
