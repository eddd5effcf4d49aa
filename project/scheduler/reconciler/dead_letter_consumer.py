"""Empties the dead-letter queue: requeues each message, or keeps it as a dead letter.

A message is acknowledged after its fate is recorded. If the acknowledgement is lost, RabbitMQ
redelivers the message, and the consumer finds the record.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from uuid import UUID, uuid5

import structlog
from kombu import Connection

from project.broker.message import Message
from project.broker.message_reader import REQUEUES_HEADER, own_headers
from project.broker.publisher import Publisher
from project.broker.topology import DEAD_QUEUE, JOBS_EXCHANGE
from project.errors import (
    NewerRecordError,
    TransitionError,
    UnreadableMessageError,
    UnsendableMessageError,
)
from project.jobs import KINDS, NOT_OFFERED
from project.ledger import Job, Ledger
from project.ledger.dead_letters import DeadLetter, DeadLetters, DeathReason
from project.ledger.job import JobError
from project.observability.binding import about, about_message
from project.observability.context import Trace
from project.queues import QueueSettings, choose_default
from project.scheduler.reconciler import OUTAGES
from project.scheduler.reconciler.dead_letter_policy import (
    ERROR_TYPES,
    NAMELESS,
    DeadMessage,
    Decision,
    Fate,
    judge,
)

ROUND_SECONDS = 3.0
"""After this time the other repairs continue, however many messages are left."""
PUBLISH_SECONDS = 5
_UNNAMED = UUID("6f9d1b5e-0f43-4d6a-9a76-1d9e3c5b7a02")
"""Namespace of ids for messages that name no job: the same death gets the same id."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DeadLetterConsumer:
    """Empties the dead-letter queue into the ledger."""

    ledger: Ledger
    dead_letters: DeadLetters
    publisher: Publisher
    queues: Mapping[str, QueueSettings]

    def take_all(self, connection: Connection, seconds: float = ROUND_SECONDS) -> int:
        """Handle messages until the queue is empty or the time is over; returns how many."""
        channel: Any = connection.default_channel
        channel.auto_decode = False  # a dead letter keeps the body's original bytes
        deadline = monotonic() + seconds
        taken = 0
        while (message := channel.basic_get(DEAD_QUEUE.name, no_ack=False)) is not None:
            self._take(read_message(message))
            channel.basic_ack(message.delivery_tag)
            taken += 1
            if monotonic() >= deadline:
                break
        return taken

    def _take(self, message: DeadMessage) -> None:
        """Handle one message; whatever it contains, it does not block the next one."""
        try:
            self._settle(message)
        except OUTAGES:
            raise  # it stays in the queue until the dependency is back
        except Exception as error:  # noqa: BLE001 - whatever an unknown client's message causes
            _log.error("dead_letter_unusual", exc_info=error)
            bare = replace(message, headers={})
            detail = "The message cannot be handled: the log has the reason."
            decision = Decision(Fate.KEEP, DeathReason.UNDECODABLE, detail)
            self._keep(bare, make_id(bare), None, decision)

    def _settle(self, message: DeadMessage) -> None:
        job_id = message.job_id
        job = self._find(job_id) if job_id else None
        is_leased = job is not None and self._is_leased(job_id)
        decision = judge(message, job, is_leased=is_leased, kinds=frozenset(KINDS))
        if decision.reason is DeathReason.UNKNOWN_KIND and message.kind in NOT_OFFERED:
            detail = NOT_OFFERED[message.kind].describe(message.kind)
            decision = replace(decision, detail=detail)
        if not job_id or not decision.is_about_job:
            job_id, job = make_id(message), None
        with about(job) if job else about_message(message.headers, job_id):
            self._carry_out(decision, message, job_id, job)

    def _find(self, job_id: str) -> Job | None:
        try:
            return self.ledger.find(job_id)
        except NewerRecordError:  # the message alone says what becomes of it
            return None

    def _carry_out(
        self, decision: Decision, message: DeadMessage, job_id: str, job: Job | None
    ) -> None:
        if decision.fate is Fate.DROP:
            _log.info("dead_letter_dropped", job_id=job_id, status=job and job.status.value)
        elif decision.fate is Fate.KEEP:
            self._keep(message, job_id, job, decision)
        else:
            try:
                self._requeue(message, job_id, job)
            except UnsendableMessageError as error:
                decision = Decision(
                    Fate.KEEP, DeathReason.REJECTED, f"It cannot be requeued: {error}"
                )
                # For a job with a record, `republish_lost` publishes another message.
                self._keep(message, make_id(message) if job else job_id, None, decision)

    def _is_leased(self, job_id: str) -> bool:
        (ends,) = self.ledger.find_lease_ends([job_id])
        return ends is not None and ends > self.ledger.read_time()

    def _requeue(self, message: DeadMessage, job_id: str, job: Job | None) -> None:
        """Requeue the message, with a new count of deliveries.

        The message itself counts how often this was done, because its job may have no record.
        """
        again = Message(
            job_id=job_id,
            exchange=JOBS_EXCHANGE.name,
            routing_key=self._find_queue(message, job),
            headers={**message.headers, REQUEUES_HEADER: message.requeues + 1},
            body=message.body,
        )
        (error,) = self.publisher.publish([again], PUBLISH_SECONDS)
        if error:
            raise error
        if job is not None:
            with suppress(TransitionError):  # the job's status has changed meanwhile, which is fine
                self.ledger.note_requeue(job)
        _log.warning("message_requeued", job_id=job_id, kind=message.kind, reason=message.cause)

    def _find_queue(self, message: DeadMessage, job: Job | None) -> str:
        """The job's queue, even if JOBS_QUEUES no longer names it: RabbitMQ keeps the queue."""
        if job is not None:
            return job.queue
        return message.queue if message.queue in self.queues else choose_default(self.queues)

    def _keep(self, message: DeadMessage, job_id: str, job: Job | None, decision: Decision) -> None:
        queue = self._find_queue(message, job)
        kind = message.kind or NAMELESS
        self.dead_letters.add(
            DeadLetter(
                id=job_id,
                reason=decision.reason,
                detail=decision.detail,
                kind=kind,
                queue=queue,
                died_at=datetime.now(UTC),
                headers=message.headers,
                body=message.body,
                content_type=message.content_type,
            )
        )
        error = JobError(ERROR_TYPES[decision.reason], decision.detail)
        with suppress(TransitionError, NewerRecordError):  # the claim has made it dead already
            self.ledger.mark_dead(job_id, error, _describe(message, job_id, kind, queue))
        _log.error(
            "dead_letter_taken",
            job_id=job_id,
            kind=kind,
            queue=queue,
            reason=decision.reason.value,
            outcome="failure",
        )


def read_message(message: Any) -> DeadMessage:
    """Convert a message from py-amqp's form."""
    headers = dict(message.properties.get("application_headers") or {})
    deaths = headers.get("x-death")
    death = deaths[0] if isinstance(deaths, list) and deaths else {}
    death = death if isinstance(death, dict) else {}
    body = message.body
    return DeadMessage(
        headers=own_headers(headers),
        body=body if isinstance(body, bytes) else str(body).encode("utf-8", "surrogatepass"),
        content_type=message.properties.get("content_type") or "",
        content_encoding=message.properties.get("content_encoding") or "",
        queue=str(death.get("queue", "")),
        cause=str(death.get("reason", "")),
    )


def make_id(message: DeadMessage) -> str:
    """An id for a message that names no job: the same message gets the same id."""
    content = repr((sorted(message.headers.items(), key=repr), message.content_type, message.body))
    digest = hashlib.sha256(content.encode(errors="surrogatepass")).hexdigest()
    return str(uuid5(_UNNAMED, digest))


def _describe(message: DeadMessage, job_id: str, kind: str, queue: str) -> Job:
    """The job, as far as its message describes it."""
    return Job.from_message(
        message.headers,
        id=job_id,
        kind=kind,
        queue=queue,
        parameters=_find_parameters(message),
        trace_id=Trace.of_message(message.headers, job_id).trace_id,
        received_at=datetime.now(UTC),
    )


def _find_parameters(message: DeadMessage) -> dict[str, Any]:
    try:
        args, kwargs, _ = message.read()
    except UnreadableMessageError:
        return {}
    kind = KINDS.get(message.kind)
    return kind.name_arguments(args, kwargs) if kind else kwargs
