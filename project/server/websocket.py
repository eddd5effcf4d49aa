"""Live status over a WebSocket, for clients that cannot read server-sent events.

Each message is `{"event", "data"}` with the name and document of the event that `live` sends.
"""

from collections.abc import Iterable
from typing import Any

import orjson
from flask import Blueprint, Response, request
from redis import RedisError

from project.api import NewsQuery, SocketMessage
from project.live.event_streams import News, NewsOfJob, find_news, follow
from project.live.events import Signal
from project.server.openapi import Answer, describe
from project.server.parsing import read_query
from project.server.services import Services, services
from project.server.websocket_connection import Wire, accept

# Codes of RFC 6455, section 7.4.1.
DONE, GOING_AWAY, TRY_AGAIN = 1000, 1001, 1013

MESSAGES = Answer(
    101,
    SocketMessage,
    "A WebSocket; each message is a JSON document.",
)

# Each route is there twice: without the plain one, werkzeug would answer 400 without a reason.
blueprint = Blueprint("sockets", __name__)


@blueprint.get("/api/v1/socket", websocket=True)
@blueprint.get("/api/v1/socket")
@describe(
    "Follow jobs and sign-ups over a WebSocket",
    MESSAGES,
    tag="live",
    query=NewsQuery,
    problems=(403, 426),
)
def open_socket() -> Response:
    """The same as `/api/v1/events`."""
    equipment = services()
    return _serve(equipment, find_news(equipment, read_query(NewsQuery)))


@blueprint.get("/api/v1/jobs/<job_id>/socket", websocket=True)
@blueprint.get("/api/v1/jobs/<job_id>/socket")
@describe("Follow a job over a WebSocket", MESSAGES, tag="live", problems=(403, 426, 503))
def open_job_socket(job_id: str) -> Response:
    """The same as `/api/v1/jobs/{job_id}/events`: it is closed when the job has ended."""
    equipment = services()
    return _serve(equipment, NewsOfJob(equipment, job_id))


class _Upgraded(Response):
    """The answer has been sent, and the connection is over: the web server adds nothing."""

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        if "gunicorn.socket" in environ:
            raise StopIteration  # gunicorn's own sign for it
        return super().__call__(environ, start_response)


def _serve(equipment: Services, news: News) -> Response:
    """Send the news until they are over, the peer has gone or the process stops."""
    wire = accept(request.environ)
    code = GOING_AWAY
    try:
        _send_all(equipment, news, wire)
        code = DONE if news.is_over else GOING_AWAY
    except OSError:
        pass  # the peer has gone
    except RedisError:
        code = TRY_AGAIN
    finally:
        wire.close(code)
    return _Upgraded(status=101)


def _send_all(equipment: Services, news: News, wire: Wire) -> None:
    with equipment.listener.listen(news.channels) as inbox:
        wire.read(on_end=lambda: inbox.put(Signal.CLOSE))
        for event in follow(news, inbox):
            if event:
                wire.send(orjson.dumps({"event": event.name, "data": event.document}))
            wire.keep_alive()
