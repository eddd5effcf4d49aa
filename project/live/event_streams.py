"""What an open stream sends: the state as it is, then every change. A transport encodes it.

A stream subscribes first and reads the state then; so no change is lost between, and one that came
meanwhile is not sent again.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from project.api.jobs import serialize_job
from project.api.signups import serialize_signup
from project.errors import NewerRecordError, NotFoundError
from project.ledger import Job, Ledger
from project.ledger.listing import JobFilter
from project.ledger.record import decode_job
from project.live.events import ALL_CHANNEL, Inbox, Signal, job_channel, owner_channel
from project.signups import SignUps

KEEP_ALIVE_SECONDS = 15
"""A stream that is silent for so long says that it is there: proxies and dead peers are noticed."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name, and the document that the API has for it."""

    name: str
    document: dict[str, Any]
    id: str = ""
    """From where a stream that was broken goes on; empty where that is no matter."""


RESYNC = Event("resync", {})
"""Changes may have been missed: what is known may be old."""


class EventStream(Protocol):
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
        """What a message on one of the channels says."""
        ...

    def look_again(self) -> Iterator[Event]:
        """What is worth a look after a while of silence."""
        ...


def follow(stream: EventStream, inbox: Inbox) -> Iterator[Event | None]:
    """The events, as they come; None where none came in a while.

    It also ends where a record is gone that was there before: a client that asks again is answered
    404 or 410.
    """
    with suppress(NotFoundError):
        yield from _follow(stream, inbox)


def _follow(stream: EventStream, inbox: Inbox) -> Iterator[Event | None]:
    yield from stream.read_state()
    while not stream.is_over:
        message = inbox.get(KEEP_ALIVE_SECONDS)
        if message is Signal.CLOSE:
            return
        if isinstance(message, tuple):
            with suppress(NewerRecordError):  # a newer process tells of it
                yield from stream.read_change(*message)
        elif message is Signal.RESYNC:
            yield from stream.read_state()
        else:
            yield None
            yield from stream.look_again()


class _Sent:
    """What a stream has sent of its jobs: each version once, and none after a later one."""

    def __init__(self, trace_link: str) -> None:
        self._trace_link = trace_link
        self._versions: dict[str, int] = {}

    def send_state(self, job: Job) -> Iterator[Event]:
        """The record as it is; one that was lost and written anew counts from one again."""
        if job.version != self._versions.get(job.id):
            yield self._make_event(job)

    def send_change(self, job: Job) -> Iterator[Event]:
        """A change as it was published, maybe before the last look at the record."""
        if job.version > self._versions.get(job.id, -1):
            yield self._make_event(job)

    def _make_event(self, job: Job) -> Event:
        self._versions[job.id] = job.version
        return Event("job", serialize_job(job, self._trace_link))


class JobEvents:
    """One job, until it has ended."""

    def __init__(self, ledger: Ledger, job_id: str, trace_link: str = "") -> None:
        self._ledger = ledger
        self._job = ledger.get(job_id)  # an unknown id is a 404, not an empty stream
        self._sent = _Sent(trace_link)
        self.channels = (job_channel(job_id),)

    @property
    def is_over(self) -> bool:
        """Whether the job has ended."""
        return self._job.status.is_finished

    def read_state(self) -> Iterator[Event]:
        """The job as it is."""
        self._job = self._ledger.get(self._job.id)
        yield from self._sent.send_state(self._job)

    def read_change(self, _: str, text: str) -> Iterator[Event]:
        """The job as the message has it."""
        self._job = decode_change(text)
        yield from self._sent.send_change(self._job)

    def look_again(self) -> Iterator[Event]:
        """A job that has expired ends its stream, and so does one whose end was not published."""
        return self.read_state()


class OwnEvents:
    """One browser's jobs and sign-ups."""

    is_over = False

    def __init__(
        self,
        ledger: Ledger,
        signups: SignUps,
        owner: str,
        chosen: JobFilter,
        *,
        trace_link: str = "",
    ) -> None:
        self._ledger = ledger
        self._signups = signups
        self._owner = owner
        self._chosen = chosen
        self._sent = _Sent(trace_link)
        self.channels = (owner_channel(owner), f"signups:owner:{owner}") if owner else ()

    def read_state(self) -> Iterator[Event]:
        """Sign-ups and jobs, the oldest first."""
        if not self._owner:
            return
        for signup in reversed(self._signups.list_owned(self._owner)):
            yield Event("signup", serialize_signup(signup))
        for job in reversed(self._ledger.list_owned(self._owner)):
            if self._chosen.lets_through(job):
                yield from self._sent.send_state(job)

    def read_change(self, channel: str, text: str) -> Iterator[Event]:
        """A job as it was published, or the sign-up of which only the id was."""
        if channel.startswith("signups:"):
            yield Event("signup", serialize_signup(self._signups.get(text)))
            return
        job = decode_change(text)
        if self._chosen.lets_through(job):
            yield from self._sent.send_change(job)

    def look_again(self) -> Iterator[Event]:
        """Nothing: what is missed is known by RESYNC."""
        return iter(())


class AllEvents:
    """The changes of all jobs. Who wants their state as well lists them after each `resync`."""

    is_over = False
    channels = (ALL_CHANNEL,)

    def __init__(self, chosen: JobFilter, trace_link: str = "") -> None:
        self._chosen = chosen
        self._trace_link = trace_link

    def read_state(self) -> Iterator[Event]:
        """There may be millions of jobs: the reader lists those that it wants."""
        yield RESYNC

    def read_change(self, _: str, text: str) -> Iterator[Event]:
        """The job as it was published; Redis keeps the order."""
        job = decode_change(text)
        if self._chosen.lets_through(job):
            yield Event("job", serialize_job(job, self._trace_link))

    def look_again(self) -> Iterator[Event]:
        """Nothing: what is missed is known by RESYNC."""
        return iter(())


def decode_change(text: str) -> Job:
    """The job as it was published."""
    return decode_job(orjson.loads(text))
