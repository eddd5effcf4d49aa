"""Live status as server-sent events. `news` says what they hold, `sockets` sends the same."""

from collections.abc import Iterator

import orjson
from flask import Blueprint, Response

from project.api import LogNewsQuery, NewsQuery
from project.live.event_streams import Event, News, NewsOfJob, find_news, follow
from project.live.log_streams import NewsOfLog
from project.server.openapi import LAST_EVENT_ID, Answer, describe
from project.server.parsing import read_last_event_id, read_query
from project.server.services import Services, services

RETRY_MILLISECONDS = 1000
EVENTS = Answer(
    200,
    text="Server-sent events: `job`, `signup` and `resync`, each with a JSON document as its data.",
    content_type="text/event-stream",
)
LINES = Answer(
    200,
    text="Server-sent events: `line`, a line of the log as JSON, and `end` with the job's status.",
    content_type="text/event-stream",
)

blueprint = Blueprint("live", __name__)


@blueprint.get("/api/v1/events")
@describe("Follow jobs and sign-ups", EVENTS, tag="live", query=NewsQuery)
def stream_news() -> Response:
    """This browser's jobs and sign-ups: their state, then each change. Or all jobs' changes.

    With `scope=all` the stream begins with `resync`: now list the jobs whose state you want to
    know. It comes again when changes may have been missed.
    """
    equipment = services()
    return _stream(equipment, find_news(equipment, read_query(NewsQuery)))


@blueprint.get("/api/v1/jobs/<job_id>/events")
@describe("Follow a job", EVENTS, tag="live", problems=(503,))
def stream_job(job_id: str) -> Response:
    """The job's state, then each change; the stream ends with the job."""
    equipment = services()
    return _stream(equipment, NewsOfJob(equipment, job_id))


@blueprint.get("/api/v1/jobs/<job_id>/log/events")
@describe(
    "Follow a job's log",
    LINES,
    tag="live",
    query=LogNewsQuery,
    headers=LAST_EVENT_ID,
    problems=(410, 503),
)
def stream_log(job_id: str) -> Response:
    """The lines that are there, then each new one; after the job's last line comes `end`.

    A line's `id` is the event's: who sends it as `Last-Event-ID`, as browsers do when they connect
    again, gets the lines behind it.
    """
    query, equipment = read_query(LogNewsQuery), services()
    after = read_last_event_id() or query.after
    news = NewsOfLog(equipment.ledger, equipment.job_log, job_id, after=after, newest=query.newest)
    return _stream(equipment, news)


def _stream(equipment: Services, news: News) -> Response:
    return Response(
        _tell(equipment, news),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _tell(equipment: Services, news: News) -> Iterator[str]:
    yield f"retry: {RETRY_MILLISECONDS}\n\n"
    with equipment.listener.listen(news.channels) as inbox:
        for event in follow(news, inbox):
            yield _encode(event) if event else ": keep-alive\n\n"


def _encode(event: Event) -> str:
    """One server-sent event; JSON text has no line breaks."""
    place = f"id: {event.id}\n" if event.id else ""
    return f"{place}event: {event.name}\ndata: {orjson.dumps(event.document).decode()}\n\n"
