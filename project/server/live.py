"""Live status: server-sent events for one browser's jobs and sign-ups, or for one job.

A stream subscribes first, then sends the state as it is, then every change; so no change is lost
between, and one that came meanwhile is not sent again. Events: `job` and `signup`, each with the
JSON that the API answers.
"""

from collections.abc import Iterator

import orjson
from flask import Blueprint, Response

from project.ledger import Job
from project.ledger.events import Signal, job_channel, owner_channel
from project.server.openapi import Answer, describe
from project.server.parsing import read_owner
from project.server.presenting import present_job, present_signup
from project.server.services import Services, services

KEEP_ALIVE_SECONDS = 15
"""A comment is sent this often, so that proxies and dead connections are noticed."""
RETRY_MILLISECONDS = 1000

EVENTS = Answer(
    200, text="Server-sent events, as long as it is open.", content_type="text/event-stream"
)

blueprint = Blueprint("live", __name__)


@blueprint.get("/api/v1/events")
@describe(
    "Follow this browser's jobs and sign-ups",
    EVENTS,
    tag="live",
)
def stream_own() -> Response:
    """All changes of this browser's jobs and sign-ups."""
    owner, equipment = read_owner(), services()
    return _stream(_own_events(equipment, owner))


@blueprint.get("/api/v1/jobs/<job_id>/events")
@describe("Follow a job", EVENTS, tag="live", problems=(503,))
def stream_job(job_id: str) -> Response:
    """The changes of one job; the stream ends with the job."""
    equipment = services()
    equipment.ledger.get(job_id)  # an unknown id is a 404, not an empty stream
    return _stream(_job_events(equipment, job_id))


def _stream(events: Iterator[str]) -> Response:
    return Response(
        events,
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


class _Told:
    """What a stream has told of its jobs: each version once, and none after a later one."""

    def __init__(self) -> None:
        self._versions: dict[str, int] = {}

    def tell_state(self, job: Job) -> Iterator[str]:
        """The record as it is; one that was lost and written anew counts from one again."""
        if job.version != self._versions.get(job.id):
            yield self._tell(job)

    def tell_change(self, job: Job) -> Iterator[str]:
        """A change as it was published, maybe before the last look at the record."""
        if job.version > self._versions.get(job.id, -1):
            yield self._tell(job)

    def _tell(self, job: Job) -> str:
        self._versions[job.id] = job.version
        return _event("job", present_job(job))


def _own_events(equipment: Services, owner: str) -> Iterator[str]:
    yield f"retry: {RETRY_MILLISECONDS}\n\n"
    told = _Told()
    channels = (owner_channel(owner), f"signups:owner:{owner}") if owner else ()

    def read_state() -> Iterator[str]:
        for signup in reversed(equipment.signups.list_owned(owner) if owner else []):
            yield _event("signup", present_signup(signup))
        for job in reversed(equipment.ledger.list_owned(owner) if owner else []):
            yield from told.tell_state(job)

    def read_change(channel: str, text: str) -> Iterator[str]:
        if channel.startswith("signups:"):
            yield _event("signup", present_signup(equipment.signups.get(text)))
        else:
            yield from told.tell_change(Job.from_record(orjson.loads(text)))

    with equipment.listener.listen(channels) as inbox:
        yield from read_state()
        while True:
            message = inbox.get(KEEP_ALIVE_SECONDS)
            if message is None:
                yield ": keep-alive\n\n"
            elif message is Signal.CLOSE:
                return
            elif message is Signal.RESYNC:
                yield from read_state()
            elif isinstance(message, tuple):
                yield from read_change(*message)


def _job_events(equipment: Services, job_id: str) -> Iterator[str]:
    yield f"retry: {RETRY_MILLISECONDS}\n\n"
    told = _Told()
    with equipment.listener.listen((job_channel(job_id),)) as inbox:
        job = equipment.ledger.get(job_id)
        yield from told.tell_state(job)
        while not job.status.is_final:
            message = inbox.get(KEEP_ALIVE_SECONDS)
            if message is Signal.CLOSE:
                return
            if isinstance(message, tuple):
                job = Job.from_record(orjson.loads(message[1]))
                yield from told.tell_change(job)
            else:
                yield ": keep-alive\n\n"
                job = equipment.ledger.get(job_id)
                yield from told.tell_state(job)


def _event(name: str, document: object) -> str:
    """One server-sent event; JSON text has no line breaks."""
    return f"event: {name}\ndata: {orjson.dumps(document).decode()}\n\n"
