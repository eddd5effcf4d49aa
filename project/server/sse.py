"""Sends the events of `project.live` as server-sent events; `websocket` sends the same events."""

from collections.abc import Iterator

import orjson
from flask import Blueprint, Response

from project.api.events import EventQuery
from project.api.job_log import LogEventQuery
from project.api.values import make_filter
from project.ledger.listing import JobFilter
from project.live.event_streams import (
    AllEvents,
    Event,
    EventStream,
    JobEvents,
    OwnEvents,
    follow,
)
from project.live.log_streams import LogEvents
from project.server.openapi import LAST_EVENT_ID, Answer, describe
from project.server.parsing import read_last_event_id, read_owner, read_query
from project.server.services import Services, get_services

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

blueprint = Blueprint("sse", __name__)


@blueprint.get("/api/v1/events")
@describe("Follow jobs and sign-ups", EVENTS, tag="live", query=EventQuery)
def stream_news() -> Response:
    """This browser's jobs and sign-ups: their state, then each change. Or all jobs' changes.

    With `scope=all` the stream starts with `resync`: list the jobs that you follow to get their
    state. The stream repeats `resync` when it may have missed changes.
    """
    services = get_services()
    return _respond(services, find_stream(services, read_query(EventQuery)))


@blueprint.get("/api/v1/jobs/<job_id>/events")
@describe("Follow a job", EVENTS, tag="live", problems=(503,))
def stream_job(job_id: str) -> Response:
    """The job's state, then each change; the stream ends when the job has finished."""
    services = get_services()
    return _respond(services, find_job_stream(services, job_id))


@blueprint.get("/api/v1/jobs/<job_id>/log/events")
@describe(
    "Follow a job's log",
    LINES,
    tag="live",
    query=LogEventQuery,
    headers=LAST_EVENT_ID,
    problems=(410, 503),
)
def stream_log(job_id: str) -> Response:
    """The existing lines, then each new one; after the job's last line comes `end`.

    The event's `id` is the line's. A client that sends it as `Last-Event-ID`, as browsers do when
    they reconnect, gets the lines after it.
    """
    query, services = read_query(LogEventQuery), get_services()
    after = read_last_event_id() or query.after
    stream = LogEvents(services.ledger, services.job_log, job_id, after=after, newest=query.newest)
    return _respond(services, stream)


def find_stream(services: Services, query: EventQuery) -> EventStream:
    """The stream that a query selects: all jobs, or this browser's jobs and sign-ups."""
    chosen, link = make_filter(JobFilter, query), services.settings.trace_link
    if query.scope == "all":
        return AllEvents(chosen, link)
    owner = read_owner()
    return OwnEvents(services.ledger, services.signups, owner, chosen, trace_link=link)


def find_job_stream(services: Services, job_id: str) -> EventStream:
    """The stream of one job; NotFoundError or GoneError if the job does not exist."""
    return JobEvents(services.ledger, job_id, services.settings.trace_link)


def _respond(services: Services, stream: EventStream) -> Response:
    return Response(
        _send(services, stream),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _send(services: Services, stream: EventStream) -> Iterator[str]:
    yield f"retry: {RETRY_MILLISECONDS}\n\n"
    with services.listener.listen(stream.channels) as inbox:
        for event in follow(stream, inbox):
            yield _encode(event) if event else ": keep-alive\n\n"


def _encode(event: Event) -> str:
    """One server-sent event; JSON text has no line breaks."""
    place = f"id: {event.id}\n" if event.id else ""
    return f"{place}event: {event.name}\ndata: {orjson.dumps(event.document).decode()}\n\n"
