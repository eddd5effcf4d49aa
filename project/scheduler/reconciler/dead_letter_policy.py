"""What becomes of a message that was dead-lettered. Pure.

Not every one is to blame: a lost connection, too, counts as a failed delivery of all that the
worker had fetched. Such a message goes back to its queue.
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

MOST_RETURNS = 3
"""So often a message goes back to its queue. One that comes back again is dead."""

NAMELESS = "unknown"
"""Stands for the kind of a message that names none."""

_KIND = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,99}")
"""A name that somebody may have given a task."""


class Fate(StrEnum):
    """What to do with the message."""

    DROP = "drop"
    """Its job has ended: a late copy."""
    RETURN = "return"
    """Back to its queue."""
    KEEP = "keep"
    """A dead letter."""


@dataclass(frozen=True, slots=True)
class DeadMessage:
    """A message from the dead-letter queue. A worker reads it by the same rules."""

    headers: Mapping[str, Any]
    """As it was published: without what the broker has added."""
    body: bytes
    content_type: str
    queue: str
    """Where it died; empty where that is not known."""
    cause: str
    """RabbitMQ's word: `rejected`, `delivery_limit`, `expired` or `maxlen`."""
    content_encoding: str = ""

    @property
    def job_id(self) -> str:
        """The job it belongs to; empty where it names none."""
        value = self._find("id")
        return value if is_job_id(value) else ""

    @property
    def kind(self) -> str:
        """The kind that it names; empty where it names none."""
        value = self._find("task")
        return value if isinstance(value, str) and _KIND.fullmatch(value) else ""

    @property
    def requeues(self) -> int:
        """How often it was put back on its queue."""
        value = self.headers.get(REQUEUES_HEADER)
        return value if isinstance(value, int) else 0

    @property
    def fault(self) -> str:
        """Why no worker can run it; empty where one can."""
        try:
            self.read()
        except UnreadableMessageError as error:
            return str(error)
        return ""

    def read(self) -> Call:
        """What it calls; UnreadableMessageError as the worker has it."""
        return read_body(self._read_content().body)

    def _find(self, header: str) -> Any:
        """A header, wherever its protocol has it."""
        if header in self.headers:
            return self.headers[header]
        try:
            return self._read_content().headers[header]
        except UnreadableMessageError:
            return None

    def _read_content(self) -> Content:
        compression, body = self.headers.get("compression"), self.body
        if compression:  # kombu has unpacked it before a worker reads it
            body = unpack(body, compression)
        return read_message(self.headers, body, self.content_type, self.content_encoding)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with a message, and why."""

    fate: Fate
    reason: DeathReason = DeathReason.REJECTED
    """Of a dead letter."""
    detail: str = ""
    is_about_job: bool = True
    """Whether the message is of the job whose id it has, and so decides what becomes of that."""


def judge(
    message: DeadMessage, job: Job | None, *, is_leased: bool, kinds: frozenset[str]
) -> Decision:
    """What becomes of the message. `is_leased`: some attempt of its job runs at this moment."""
    reason, detail = _find_blame(message, kinds)
    if job is not None and _is_stray(message, job, reason):
        detail = detail or "A job of another kind has its id."
        return Decision(Fate.KEEP, reason, detail, is_about_job=False)
    if job is not None and job.status.is_finished:
        return _judge_finished(job)
    if detail:
        return Decision(Fate.KEEP, reason, detail, is_about_job=not is_leased)
    if is_leased or max(message.requeues, job.returns if job else 0) < MOST_RETURNS:
        return Decision(Fate.RETURN)
    if message.cause == "delivery_limit":
        detail = "Its message was delivered in vain again and again."
        return Decision(Fate.KEEP, DeathReason.DELIVERY_LIMIT, detail)
    return Decision(Fate.KEEP, DeathReason.REJECTED, f"The broker gave it up: {message.cause}.")


def _is_stray(message: DeadMessage, job: Job, reason: DeathReason) -> bool:
    """Whether the message has the job's id, and is not the job's own."""
    if job.kind != (message.kind or NAMELESS):
        return True
    # Whatever else has a record could be read. What has died as this has may be this, come again.
    return reason is DeathReason.UNDECODABLE and reason is not _reason_of(job)


def _find_blame(message: DeadMessage, kinds: frozenset[str]) -> tuple[DeathReason, str]:
    """Why the message itself is the reason; the sentence is empty where it is not."""
    if is_newer(message.headers.get("format")):  # no newer worker has come for it
        return DeathReason.REJECTED, message.fault
    if fault := message.fault:
        return DeathReason.UNDECODABLE, f"The message cannot be read: {fault}"
    # A worker refuses a task that it does not know. One that came back for another reason may be
    # known there, and no kind.
    if message.kind not in kinds and message.cause != "delivery_limit":
        named = f"named {message.kind!r}" if message.kind else "of the name that it has"
        return DeathReason.UNKNOWN_KIND, f"There is no kind {named}."
    if message.cause == "expired":
        return DeathReason.REJECTED, "Its time to live was over before a worker took it."
    return DeathReason.REJECTED, ""


def _judge_finished(job: Job) -> Decision:
    """A job that the claim has buried, or a late copy."""
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
"""The type of a dead job's error, and the letter's reason."""

ERROR_TYPES = {reason: name for name, reason in _REASONS.items()}
