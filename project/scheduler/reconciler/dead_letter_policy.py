"""Decides what happens to a dead-lettered message. Pure.

A message may be innocent: a lost connection counts as a failed delivery of every message that the
worker had prefetched. Such a message is requeued.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from project.broker.message_reader import (
    REQUEUES_HEADER,
    Call,
    Content,
    is_job_id,
    read_body,
    read_message,
    unpack,
)
from project.errors import UnreadableMessageError
from project.ledger import Job, Status
from project.ledger.dead_letters import DeathReason
from project.ledger.record_format import is_newer

MOST_REQUEUES = 3
"""How often a message is requeued. A message that comes back again is dead."""

NAMELESS = "unknown"
"""The kind of a message that names no kind."""

_KIND = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,99}")
"""A possible name of a task."""


class Fate(StrEnum):
    """What to do with the message."""

    DROP = "drop"
    """Drop it: its job has finished, and it is a late copy."""
    REQUEUE = "requeue"
    """Requeue it."""
    KEEP = "keep"
    """Keep it as a dead letter."""


@dataclass(frozen=True, slots=True)
class DeadMessage:
    """A message from the dead-letter queue. A worker reads it by the same rules."""

    headers: Mapping[str, Any]
    """The headers as published, without those that RabbitMQ has added."""
    body: bytes
    content_type: str
    queue: str
    """The queue where it died; empty if that is not known."""
    cause: str
    """RabbitMQ's reason: `rejected`, `delivery_limit`, `expired` or `maxlen`."""
    content_encoding: str = ""

    @property
    def job_id(self) -> str:
        """The id of its job; empty if it names no job."""
        value = self._find("id")
        return value if is_job_id(value) else ""

    @property
    def kind(self) -> str:
        """The kind that it names; empty if it names no kind."""
        value = self._find("task")
        return value if isinstance(value, str) and _KIND.fullmatch(value) else ""

    @property
    def requeues(self) -> int:
        """How often it was requeued."""
        value = self.headers.get(REQUEUES_HEADER)
        return value if isinstance(value, int) else 0

    @property
    def fault(self) -> str:
        """Why no worker can run it; empty if one can."""
        try:
            self.read()
        except UnreadableMessageError as error:
            return str(error)
        return ""

    def read(self) -> Call:
        """The call in its body; raises UnreadableMessageError exactly when the worker does."""
        return read_body(self._read_content().body)

    def _find(self, header: str) -> Any:
        """A header's value, in whichever place its protocol version stores it."""
        if header in self.headers:
            return self.headers[header]
        try:
            return self._read_content().headers[header]
        except UnreadableMessageError:
            return None

    def _read_content(self) -> Content:
        compression, body = self.headers.get("compression"), self.body
        if compression:  # a worker gets the body decompressed
            body = unpack(body, compression)
        return read_message(self.headers, body, self.content_type, self.content_encoding)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with a message, and why."""

    fate: Fate
    reason: DeathReason = DeathReason.REJECTED
    """The reason of a dead letter."""
    detail: str = ""
    is_about_job: bool = True
    """Whether the message belongs to the job whose id it has, and so decides that job's fate."""


def judge(
    message: DeadMessage, job: Job | None, *, is_leased: bool, kinds: frozenset[str]
) -> Decision:
    """Decide what happens to the message. `is_leased`: an attempt of its job runs right now."""
    reason, detail = _find_blame(message, kinds)
    if job is not None and _is_stray(message, job, reason):
        detail = detail or "A job of another kind has its id."
        return Decision(Fate.KEEP, reason, detail, is_about_job=False)
    if job is not None and job.status.is_finished:
        return _judge_finished(job)
    if detail:
        return Decision(Fate.KEEP, reason, detail, is_about_job=not is_leased)
    if is_leased or max(message.requeues, job.requeues if job else 0) < MOST_REQUEUES:
        return Decision(Fate.REQUEUE)
    if message.cause == "delivery_limit":
        detail = "Its message was delivered many times without success."
        return Decision(Fate.KEEP, DeathReason.DELIVERY_LIMIT, detail)
    return Decision(Fate.KEEP, DeathReason.REJECTED, f"RabbitMQ dead-lettered it: {message.cause}.")


def _is_stray(message: DeadMessage, job: Job, reason: DeathReason) -> bool:
    """Whether the message has the job's id, but does not belong to the job."""
    if job.kind != (message.kind or NAMELESS):
        return True
    # The message of any other recorded job could be read. If the job died for the same reason, this
    # may be the same message, redelivered.
    return reason is DeathReason.UNDECODABLE and reason is not _reason_of(job)


def _find_blame(message: DeadMessage, kinds: frozenset[str]) -> tuple[DeathReason, str]:
    """The reason, if it lies in the message itself; otherwise the sentence is empty."""
    if is_newer(message.headers.get("format")):  # no newer worker has come for it
        return DeathReason.REJECTED, message.fault
    if fault := message.fault:
        return DeathReason.UNDECODABLE, f"The message cannot be read: {fault}"
    # A worker rejects a task that it does not know. A message that came back for another reason may
    # name a task that workers know, and that is no kind.
    if message.kind not in kinds and message.cause != "delivery_limit":
        named = f"named {message.kind!r}" if message.kind else "with the name in the message"
        return DeathReason.UNKNOWN_KIND, f"There is no kind {named}."
    if message.cause == "expired":
        return DeathReason.REJECTED, "Its time to live ended before a worker took it."
    return DeathReason.REJECTED, ""


def _judge_finished(job: Job) -> Decision:
    """Decide for a finished job: the claim has made it dead, or this is a late copy."""
    if job.status is not Status.DEAD:
        return Decision(Fate.DROP)
    return Decision(Fate.KEEP, _reason_of(job), job.error.message if job.error else "")


def _reason_of(job: Job) -> DeathReason:
    try:
        return DeathReason(_REASONS.get(job.error.type, "") if job.error else "")
    except ValueError:
        return DeathReason.REJECTED


_REASONS = {
    "WorkerLost": DeathReason.WORKER_LOST,
    "DeliveryLimit": DeathReason.DELIVERY_LIMIT,
    "UnknownKind": DeathReason.UNKNOWN_KIND,
    "Undecodable": DeathReason.UNDECODABLE,
    "Rejected": DeathReason.REJECTED,
}
"""The reason of a dead letter, by the type of its job's error."""

ERROR_TYPES = {reason: name for name, reason in _REASONS.items()}
