"""What an open stream sends: the current state, then every change. A transport encodes it.

A stream subscribes before it reads the state, so it misses no change in between, and does not send
again a change that the state already includes.
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
"""After this much silence a stream sends a keep-alive: proxies keep it, dead peers are noticed."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name and its API document."""

    name: str
    document: dict[str, Any]
    id: str = ""
    """Where an interrupted stream resumes; empty for streams that do not resume."""


RESYNC = Event("resync", {})
"""The stream may have missed changes: what the client knows may be outdated."""


class EventStream(Protocol):
    """The source of a stream."""

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels on which changes are published."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        ...

    def read_state(self) -> Iterator[Event]:
        """The current state, read at the start and when changes may have been missed."""
        ...

    def read_change(self, channel: str, text: str) -> Iterator[Event]:
        """The events of a message on one of the channels."""
        ...

    def look_again(self) -> Iterator[Event]:
        """Events found by checking again after a period of silence."""
        ...


def follow(stream: EventStream, inbox: Inbox) -> Iterator[Event | None]:
    """The events as they come; None after a period without events.

    Also ends when a record disappears: a client that asks again gets 404 or 410.
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
            with suppress(NewerRecordError):  # a newer process sends this change
                yield from stream.read_change(*message)
        elif message is Signal.RESYNC:
            yield from stream.read_state()
        else:
            yield None
            yield from stream.look_again()


class _Sent:
    """Sends each version of a stream's jobs once, and no version after a later one."""

    def __init__(self, trace_link: str) -> None:
        self._trace_link = trace_link
        self._versions: dict[str, int] = {}

    def send_state(self, job: Job) -> Iterator[Event]:
        """The current record; a record that was lost and recreated restarts at version one."""
        if job.version != self._versions.get(job.id):
            yield self._make_event(job)

    def send_change(self, job: Job) -> Iterator[Event]:
        """A published change, which may be older than the record that was read last."""
        if job.version > self._versions.get(job.id, -1):
            yield self._make_event(job)

    def _make_event(self, job: Job) -> Event:
        self._versions[job.id] = job.version
        return Event("job", serialize_job(job, self._trace_link))


class JobEvents:
    """One job, until it has finished."""

    def __init__(self, ledger: Ledger, job_id: str, trace_link: str = "") -> None:
        self._ledger = ledger
        self._job = ledger.get(job_id)  # an unknown id is a 404, not an empty stream
        self._sent = _Sent(trace_link)
        self.channels = (job_channel(job_id),)

    @property
    def is_over(self) -> bool:
        """Whether the job has finished."""
        return self._job.status.is_finished

    def read_state(self) -> Iterator[Event]:
        """The job's current state."""
        self._job = self._ledger.get(self._job.id)
        yield from self._sent.send_state(self._job)

    def read_change(self, _: str, text: str) -> Iterator[Event]:
        """The job from the message."""
        self._job = decode_change(text)
        yield from self._sent.send_change(self._job)

    def look_again(self) -> Iterator[Event]:
        """Read the job again: it may have expired, or its end may not have been published."""
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
        """Sign-ups and jobs, oldest first."""
        if not self._owner:
            return
        for signup in reversed(self._signups.list_owned(self._owner)):
            yield Event("signup", serialize_signup(signup))
        for job in reversed(self._ledger.list_owned(self._owner)):
            if self._chosen.lets_through(job):
                yield from self._sent.send_state(job)

    def read_change(self, channel: str, text: str) -> Iterator[Event]:
        """A published job, or the sign-up whose id was published."""
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
    """The changes of all jobs. Clients that need the state list the jobs after each `resync`."""

    is_over = False
    channels = (ALL_CHANNEL,)

    def __init__(self, chosen: JobFilter, trace_link: str = "") -> None:
        self._chosen = chosen
        self._trace_link = trace_link

    def read_state(self) -> Iterator[Event]:
        """Only `resync`: there may be millions of jobs, so the client lists those that it needs."""
        yield RESYNC

    def read_change(self, _: str, text: str) -> Iterator[Event]:
        """The published job; Redis keeps the order."""
        job = decode_change(text)
        if self._chosen.lets_through(job):
            yield Event("job", serialize_job(job, self._trace_link))

    def look_again(self) -> Iterator[Event]:
        """Nothing: what is missed is known by RESYNC."""
        return iter(())


def decode_change(text: str) -> Job:
    """The published job."""
    return decode_job(orjson.loads(text))
