"""What becomes of a message that was dead-lettered. Pure.

Not every one is to blame: a lost connection, too, counts as a failed delivery of all that the
worker had fetched. Such a message goes back to its lane.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from project.ledger import Job, Status
from project.ledger.dead_letters import DeathReason

MOST_RETURNS = 3
"""So often a message goes back to its lane. One that comes back again is dead."""


class Fate(StrEnum):
    """What to do with the message."""

    DROP = "drop"
    """Its job has ended: a late copy."""
    RETURN = "return"
    """Back to its lane."""
    KEEP = "keep"
    """A dead letter."""


@dataclass(frozen=True, slots=True)
class DeadMessage:
    """A message from the dead-letter queue."""

    headers: Mapping[str, Any]
    body: bytes
    content_type: str
    queue: str
    """Where it died; empty where that is not known."""
    cause: str
    """RabbitMQ's word: `rejected`, `delivery_limit`, `expired` or `maxlen`."""

    @property
    def job_id(self) -> str:
        """The job it belongs to; empty where it names none."""
        return _as_text(self.headers.get("id"))

    @property
    def kind(self) -> str:
        """The kind that it names; empty where it names none."""
        return _as_text(self.headers.get("task"))

    @property
    def is_readable(self) -> bool:
        """Whether a worker can read it: Celery's `[args, kwargs, embed]` as JSON."""
        if self.content_type != "application/json" or not self.job_id or not self.kind:
            return False
        try:
            parts = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return False
        return (
            isinstance(parts, list)
            and len(parts) == 3
            and isinstance(parts[0], list)
            and isinstance(parts[1], dict)
        )

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of a readable message that names them; else none."""
        return dict(orjson.loads(self.body)[1]) if self.is_readable else {}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a message, and why."""

    fate: Fate
    reason: DeathReason = DeathReason.REJECTED
    """Of a dead letter."""
    detail: str = ""


def judge(
    message: DeadMessage, job: Job | None, *, is_leased: bool, kinds: frozenset[str]
) -> Verdict:
    """What becomes of the message. `is_leased`: some attempt of its job runs at this moment."""
    if job is not None and job.status.is_final:
        return _judge_ended(job)
    if not message.is_readable:
        return Verdict(Fate.KEEP, DeathReason.UNDECODABLE, "The message cannot be read.")
    if message.kind not in kinds:
        detail = f"The workers know no kind {message.kind!r}."
        return Verdict(Fate.KEEP, DeathReason.UNKNOWN_KIND, detail)
    if is_leased or job is None or job.returns < MOST_RETURNS:
        return Verdict(Fate.RETURN)
    if message.cause == "delivery_limit":
        detail = "Its message was delivered in vain again and again."
        return Verdict(Fate.KEEP, DeathReason.DELIVERY_LIMIT, detail)
    return Verdict(Fate.KEEP, DeathReason.REJECTED, f"The broker gave it up: {message.cause}.")


def _judge_ended(job: Job) -> Verdict:
    """A job that the claim has buried, or a late copy."""
    if job.status is not Status.DEAD:
        return Verdict(Fate.DROP)
    return Verdict(Fate.KEEP, _reason_of(job), job.error.message if job.error else "")


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


def _as_text(value: Any) -> str:
    return value[:200] if isinstance(value, str) else ""
