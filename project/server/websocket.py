"""Live status over a WebSocket, for clients that cannot read server-sent events.

Each message is `{"event", "data"}` with the name and document of an event that `sse` sends too.
"""

from collections.abc import Iterable
from typing import Any

import orjson
from flask import Blueprint, Response, request
from redis import RedisError

from project.api.events import EventQuery, SocketMessage
from project.live.event_streams import EventStream, follow
from project.live.events import Signal
from project.server.openapi import Answer, describe
from project.server.parsing import read_query
from project.server.services import Services, get_services
from project.server.sse import find_job_stream, find_stream
from project.server.websocket_connection import WebSocketConnection, accept

# Codes of RFC 6455, section 7.4.1.
DONE, GOING_AWAY, TRY_AGAIN = 1000, 1001, 1013

MESSAGES = Answer(
    101,
    SocketMessage,
    "A WebSocket; each message is a JSON document.",
)

# Each route exists twice: without the plain one, werkzeug would answer 400 without a reason.
blueprint = Blueprint("websocket", __name__)


@blueprint.get("/api/v1/socket", websocket=True)
@blueprint.get("/api/v1/socket")
@describe(
    "Follow jobs and sign-ups over a WebSocket",
    MESSAGES,
    tag="live",
    query=EventQuery,
    problems=(403, 426),
)
def open_socket() -> Response:
    """The same events as `/api/v1/events`."""
    services = get_services()
    return _serve(services, find_stream(services, read_query(EventQuery)))


@blueprint.get("/api/v1/jobs/<job_id>/socket", websocket=True)
@blueprint.get("/api/v1/jobs/<job_id>/socket")
@describe("Follow a job over a WebSocket", MESSAGES, tag="live", problems=(403, 426, 503))
def open_job_socket(job_id: str) -> Response:
    """The same events as `/api/v1/jobs/{job_id}/events`; closes when the job has finished."""
    services = get_services()
    return _serve(services, find_job_stream(services, job_id))


class _Upgraded(Response):
    """The connection has already been answered and closed: the web server must add nothing."""

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        if "gunicorn.socket" in environ:
            raise StopIteration  # gunicorn's signal for this case
        return super().__call__(environ, start_response)


def _serve(services: Services, stream: EventStream) -> Response:
    """Send events until the stream is over, the peer disconnects or the process stops."""
    connection = accept(request.environ)
    code = GOING_AWAY
    try:
        _send_all(services, stream, connection)
        code = DONE if stream.is_over else GOING_AWAY
    except OSError:
        pass  # the peer disconnected
    except RedisError:
        code = TRY_AGAIN
    finally:
        connection.close(code)
    return _Upgraded(status=101)


def _send_all(services: Services, stream: EventStream, connection: WebSocketConnection) -> None:
    with services.listener.listen(stream.channels) as inbox:
        connection.read(on_end=lambda: inbox.put(Signal.CLOSE))
        for event in follow(stream, inbox):
            if event:
                connection.send(orjson.dumps({"event": event.name, "data": event.document}))
            connection.keep_alive()
