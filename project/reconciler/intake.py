"""Takes messages out of the dead-letter queue: back to their lane, or into the dead letters.

A message is acknowledged after what becomes of it is written down. One that was taken in and not
acknowledged comes again and finds that done.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import structlog
from kombu import Connection

from project.broker import DEAD_QUEUE, JOBS_EXCHANGE
from project.errors import TransitionError
from project.jobs import KINDS
from project.lane import Lane
from project.ledger import Job, Ledger, Status
from project.ledger.dead_letters import DeadLetter, DeadLetters
from project.ledger.job import JobError, read_lineage
from project.message import Message
from project.observability.binding import about, about_message
from project.observability.context import Trace
from project.publisher import Publisher
from project.reconciler.verdict import ERROR_TYPES, DeadMessage, Fate, Verdict, judge

PUBLISH_SECONDS = 5
_UNNAMED = UUID("6f9d1b5e-0f43-4d6a-9a76-1d9e3c5b7a02")
"""Namespace of the ids of messages that name no job: the same death gets the same id."""

_BROKERS_OWN = frozenset(
    {"x-death", "x-delivery-count", "x-acquired-count", "x-opt-rabbitmq-received-time"}
)
"""Headers that the broker has added, as all that begin with `x-first-death` or `x-last-death`."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Intake:
    """Empties the dead-letter queue into the ledger."""

    ledger: Ledger
    dead_letters: DeadLetters
    publisher: Publisher

    def take_all(self, connection: Connection, limit: int = 1000) -> int:
        """Take in what lies there, `limit` messages at the most; how many they were."""
        channel = connection.default_channel
        for taken in range(limit):
            message = channel.basic_get(DEAD_QUEUE.name, no_ack=False)
            if message is None:
                return taken
            self._take(read_message(message))
            channel.basic_ack(message.delivery_tag)
        return limit

    def _take(self, message: DeadMessage) -> None:
        job_id = message.job_id or str(uuid5(_UNNAMED, repr(message)))
        job = self.ledger.find(job_id)
        with about(job) if job else about_message(message.headers, job_id):
            self._settle(message, job_id, job)

    def _settle(self, message: DeadMessage, job_id: str, job: Job | None) -> None:
        verdict = judge(message, job, is_leased=self._is_leased(job_id), kinds=frozenset(KINDS))
        if verdict.fate is Fate.DROP:
            _log.info("dead_letter_dropped", job_id=job_id, status=job and job.status.value)
        elif verdict.fate is Fate.RETURN:
            self._return(message, job_id, job)
        else:
            self._keep(message, job_id, job, verdict)

    def _is_leased(self, job_id: str) -> bool:
        (ends,) = self.ledger.find_lease_ends([job_id])
        return ends is not None and ends > self.ledger.read_time()

    def _return(self, message: DeadMessage, job_id: str, job: Job | None) -> None:
        """Back to its lane, with a fresh count of deliveries."""
        again = Message(
            job_id=job_id,
            exchange=JOBS_EXCHANGE.name,
            routing_key=_lane_of(message, job),
            headers=own_headers(message.headers),
            body=message.body,
        )
        (error,) = self.publisher.publish([again], PUBLISH_SECONDS)
        if error:
            raise error
        if job is not None:
            with suppress(TransitionError):  # it has moved on meanwhile, which is as good
                self.ledger.note_return(job)
        _log.warning("job_returned", job_id=job_id, kind=message.kind, reason=message.cause)

    def _keep(self, message: DeadMessage, job_id: str, job: Job | None, verdict: Verdict) -> None:
        lane = _lane_of(message, job)
        kind = message.kind or "unknown"
        self.dead_letters.add(
            DeadLetter(
                id=job_id,
                reason=verdict.reason,
                detail=verdict.detail,
                kind=kind,
                lane=lane,
                died_at=datetime.now(UTC),
                headers=own_headers(message.headers),
                body=message.body,
                content_type=message.content_type,
            )
        )
        error = JobError(ERROR_TYPES[verdict.reason], verdict.detail)
        with suppress(TransitionError):  # the claim has buried it
            self.ledger.bury(job_id, error, _describe(message, job_id, kind, lane))
        _log.error(
            "dead_letter_taken",
            job_id=job_id,
            kind=kind,
            lane=lane,
            reason=verdict.reason.value,
            outcome="failure",
        )


def read_message(message: Any) -> DeadMessage:
    """A message as py-amqp hands it out."""
    headers = dict(message.properties.get("application_headers") or {})
    deaths = headers.get("x-death") or [{}]
    body = message.body if isinstance(message.body, bytes) else str(message.body).encode()
    return DeadMessage(
        headers=headers,
        body=body,
        content_type=message.properties.get("content_type") or "",
        queue=str(deaths[0].get("queue", "")),
        cause=str(deaths[0].get("reason", "")),
    )


def own_headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    """The headers that the message was published with."""
    return {
        name: value
        for name, value in headers.items()
        if name not in _BROKERS_OWN and not name.startswith(("x-first-death", "x-last-death"))
    }


def _lane_of(message: DeadMessage, job: Job | None) -> str:
    if job is not None:
        return job.lane
    return message.queue if message.queue in set(Lane) else Lane.SHORT.value


def _describe(message: DeadMessage, job_id: str, kind: str, lane: str) -> Job:
    """The job as its message describes it, as far as it does."""
    parent_id, root_id = read_lineage(message.headers, job_id)
    return Job(
        id=job_id,
        kind=kind,
        lane=lane,
        status=Status.QUEUED,
        parameters=message.parameters,
        submitted_at=_find_time(message.headers.get("submitted_at")),
        owner=str(message.headers.get("owner") or "")[:200],
        trace_id=Trace.of_message(message.headers, job_id).trace_id,
        parent_id=parent_id,
        root_id=root_id,
    )


def _find_time(value: Any) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return datetime.now(UTC)
