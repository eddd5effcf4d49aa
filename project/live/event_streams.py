"""What an open stream tells: the state as it is, then every change. `live` and `sockets` send it.

A stream subscribes first and reads the state then; so no change is lost between, and one that came
meanwhile is not told again.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from project.api import JobQuery, NewsQuery
from project.api.presenting import present_job, present_signup
from project.errors import NotFoundError
from project.ledger import Job
from project.ledger.record import decode_job
from project.live.events import ALL_CHANNEL, Inbox, Signal, job_channel, owner_channel
from project.server.parsing import read_owner
from project.server.services import Services

KEEP_ALIVE_SECONDS = 15
"""A stream that is silent for so long says that it is there: proxies and dead peers are noticed."""


@dataclass(frozen=True, slots=True)
class Event:
    """One piece of news: its name, and the document that the API has for it."""

    name: str
    document: dict[str, Any]
    id: str = ""
    """From where a stream that was broken goes on; empty where that is no matter."""


RESYNC = Event("resync", {})
"""Changes may have been missed: what is known may be old."""


class News(Protocol):
    """The source of a stream."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Where changes are published."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        ...

    def read_state(self) -> Iterator[Event]:
        """The state as it is, at the start and when changes may have been missed."""
        ...

    def read_change(self, channel: str, text: str) -> Iterator[Event]:
        """What a message on one of the channels tells."""
        ...

    def look_again(self) -> Iterator[Event]:
        """What is worth a look after a while of silence."""
        ...


def find_news(equipment: Services, query: NewsQuery) -> News:
    """The news that a query asks for."""
    if query.scope == "all":
        return NewsOfAll(equipment, query)
    return NewsOfOwn(equipment, read_owner(), query)


def follow(news: News, inbox: Inbox) -> Iterator[Event | None]:
    """The events, as they come; None where none came in a while.

    It ends as well where a record is gone that was there before: who asks again is told so.
    """
    with suppress(NotFoundError):
        yield from _follow(news, inbox)


def _follow(news: News, inbox: Inbox) -> Iterator[Event | None]:
    yield from news.read_state()
    while not news.is_over:
        message = inbox.get(KEEP_ALIVE_SECONDS)
        if message is Signal.CLOSE:
            return
        if isinstance(message, tuple):
            yield from news.read_change(*message)
        elif message is Signal.RESYNC:
            yield from news.read_state()
        else:
            yield None
            yield from news.look_again()


class _Told:
    """What a stream has told of its jobs: each version once, and none after a later one."""

    def __init__(self, trace_link: str) -> None:
        self._trace_link = trace_link
        self._versions: dict[str, int] = {}

    def emit_state(self, job: Job) -> Iterator[Event]:
        """The record as it is; one that was lost and written anew counts from one again."""
        if job.version != self._versions.get(job.id):
            yield self._tell(job)

    def emit_change(self, job: Job) -> Iterator[Event]:
        """A change as it was published, maybe before the last look at the record."""
        if job.version > self._versions.get(job.id, -1):
            yield self._tell(job)

    def _tell(self, job: Job) -> Event:
        self._versions[job.id] = job.version
        return Event("job", present_job(job, self._trace_link))


class NewsOfJob:
    """One job, until it has ended."""

    def __init__(self, equipment: Services, job_id: str) -> None:
        self._ledger = equipment.ledger
        self._job = equipment.ledger.get(job_id)  # an unknown id is a 404, not an empty stream
        self._told = _Told(equipment.settings.trace_link)
        self.channels = (job_channel(job_id),)

    @property
    def is_over(self) -> bool:
        """Whether the job has ended."""
        return self._job.status.is_finished

    def read_state(self) -> Iterator[Event]:
        """The job as it is."""
        self._job = self._ledger.get(self._job.id)
        yield from self._told.emit_state(self._job)

    def read_change(self, _: str, text: str) -> Iterator[Event]:
        """The job as the message has it."""
        self._job = decode_change(text)
        yield from self._told.emit_change(self._job)

    def look_again(self) -> Iterator[Event]:
        """A job that has expired ends its stream, and so does one whose end was not published."""
        return self.read_state()


class NewsOfOwn:
    """One browser's jobs and sign-ups."""

    is_over = False

    def __init__(self, equipment: Services, owner: str, query: NewsQuery) -> None:
        self._equipment = equipment
        self._owner = owner
        self._query = query
        self._told = _Told(equipment.settings.trace_link)
        self.channels = (owner_channel(owner), f"signups:owner:{owner}") if owner else ()

    def read_state(self) -> Iterator[Event]:
        """Sign-ups and jobs, the oldest first."""
        if not self._owner:
            return
        for signup in reversed(self._equipment.signups.list_owned(self._owner)):
            yield Event("signup", present_signup(signup))
        for job in reversed(self._equipment.ledger.list_owned(self._owner)):
            if is_wanted(job, self._query):
                yield from self._told.emit_state(job)

    def read_change(self, channel: str, text: str) -> Iterator[Event]:
        """A job as it was published, or the sign-up of which only the id was."""
        if channel.startswith("signups:"):
            yield Event("signup", present_signup(self._equipment.signups.get(text)))
            return
        job = decode_change(text)
        if is_wanted(job, self._query):
            yield from self._told.emit_change(job)

    def look_again(self) -> Iterator[Event]:
        """Nothing: what is missed is known by RESYNC."""
        return iter(())


class NewsOfAll:
    """The changes of all jobs. Who wants their state as well lists them after each `resync`."""

    is_over = False
    channels = (ALL_CHANNEL,)

    def __init__(self, equipment: Services, query: NewsQuery) -> None:
        self._trace_link = equipment.settings.trace_link
        self._query = query

    def read_state(self) -> Iterator[Event]:
        """There may be millions of jobs: the reader is told to ask for those that it wants."""
        yield RESYNC

    def read_change(self, _: str, text: str) -> Iterator[Event]:
        """The job as it was published; Redis keeps the order."""
        job = decode_change(text)
        if is_wanted(job, self._query):
            yield Event("job", present_job(job, self._trace_link))

    def look_again(self) -> Iterator[Event]:
        """Nothing: what is missed is known by RESYNC."""
        return iter(())


def is_wanted(job: Job, query: NewsQuery | JobQuery) -> bool:
    """Whether the job passes the filters; an empty one lets all pass."""
    if isinstance(query, JobQuery) and not _is_of_time(job, query):
        return False
    return (
        (not query.kind or job.kind in query.kind)
        and (not query.queue or job.queue in query.queue)
        and (not query.status or job.status in query.status)
    )


def _is_of_time(job: Job, query: JobQuery) -> bool:
    after, before = query.submitted_after, query.submitted_before
    return (not after or job.submitted_at > after) and (not before or job.submitted_at < before)


def decode_change(text: str) -> Job:
    """The job as it was published."""
    return decode_job(orjson.loads(text))
