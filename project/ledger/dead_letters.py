"""The dead letters: jobs that were given up, each with its message.

Keys: `dead-letters` (sorted set of ids by time of death), `dead:<id>` (hash). A letter needs no
record of its job, because an unreadable message has none; with a record, both are forgotten
together.
"""

import base64
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import orjson
from redis import Redis

from project.errors import InvalidInputError, NotFoundError
from project.ledger.job import format_time
from project.ledger.keys import DEAD_LETTERS, dead_letter_key
from project.ledger.record import as_milliseconds

_CHUNK = 200
_DEEPEST = 50
"""How many levels of a message's headers are kept."""


class DeathReason(StrEnum):
    """Why a job was given up."""

    WORKER_LOST = "worker_lost"
    """Each of its attempts ended with its process."""
    DELIVERY_LIMIT = "delivery_limit"
    """Its message was redelivered too often before any attempt began."""
    UNKNOWN_KIND = "unknown_kind"
    """There is no kind of that name."""
    UNDECODABLE = "undecodable"
    """The message cannot be read."""
    REJECTED = "rejected"
    """A worker refused it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A job that was given up, and its message."""

    id: str
    """The job's id; if the message names no id, a generated one."""
    reason: DeathReason
    detail: str
    kind: str = ""
    queue: str = ""
    died_at: datetime
    headers: Mapping[str, Any] = field(default_factory=dict)
    body: bytes = b""
    content_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterFilter:
    """Which letters to list; an empty set means all. Its fields are named as the API's filters."""

    reason: frozenset[str] = frozenset()
    kind: frozenset[str] = frozenset()
    queue: frozenset[str] = frozenset()

    def lets_through(self, letter: DeadLetter) -> bool:
        """Whether the letter matches."""
        return (
            (not self.reason or letter.reason in self.reason)
            and (not self.kind or letter.kind in self.kind)
            and (not self.queue or letter.queue in self.queue)
        )


class DeadLetters:
    """The store of dead letters. `redis` must decode responses."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    def add(self, letter: DeadLetter) -> None:
        """Keep a letter; adding it again changes only its content."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.hset(dead_letter_key(letter.id), mapping=_encode(letter))  # type: ignore[arg-type]
        pipeline.zadd(DEAD_LETTERS, {letter.id: as_milliseconds(letter.died_at)}, nx=True)
        pipeline.execute()

    def get(self, letter_id: str) -> DeadLetter:
        """The letter; NotFoundError if there is none (any more)."""
        record: Any = self._redis.hgetall(dead_letter_key(letter_id))
        if not record:
            raise NotFoundError(f"There is no dead letter {letter_id}.")
        return _decode(letter_id, record)

    def remove(self, letter_id: str) -> None:
        """Forget a letter: its job is rerun, or the letter is discarded. The job's record stays."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.delete(dead_letter_key(letter_id))
        pipeline.zrem(DEAD_LETTERS, letter_id)
        pipeline.execute()

    def count(self) -> int:
        """How many dead letters there are."""
        return int(self._redis.zcard(DEAD_LETTERS))

    def list_letters(
        self, chosen: DeadLetterFilter, cursor: str = "", limit: int = 50
    ) -> tuple[list[DeadLetter], str]:
        """Letters that the filter lets through, newest first, and the next page's cursor."""
        found: list[DeadLetter] = []
        for rank, letter in self._walk(cursor):
            if len(found) == limit:
                return found, rank
            if chosen.lets_through(letter):
                found.append(letter)
        return found, ""

    def _walk(self, cursor: str) -> Iterator[tuple[str, DeadLetter]]:
        """Letters from the cursor on, newest first, each with the cursor that begins with it."""
        newest, skipped = _read_cursor(cursor)
        while True:
            rows: Any = self._redis.zrevrangebyscore(
                DEAD_LETTERS, newest, "-inf", start=skipped, num=_CHUNK, withscores=True
            )
            pipeline = self._redis.pipeline(transaction=False)
            for letter_id, _ in rows:
                pipeline.hgetall(dead_letter_key(letter_id))
            for (letter_id, score), record in zip(rows, pipeline.execute(), strict=True):
                skipped = skipped + 1 if str(int(score)) == newest else 1
                newest = str(int(score))
                if record:
                    yield f"{newest}-{skipped - 1}", _decode(letter_id, record)
            if len(rows) < _CHUNK:
                return


def _read_cursor(cursor: str) -> tuple[str, int]:
    """A time of death, and how many letters of exactly that time to skip."""
    if not cursor:
        return "+inf", 0
    moment, _, skipped = cursor.partition("-")
    if not (moment.isascii() and moment.isdigit() and skipped.isascii() and skipped.isdigit()):
        raise InvalidInputError(
            "cursor: pass `next` from the previous page, or leave it out.", field="cursor"
        )
    return moment[:16], int(skipped[:9])


def _encode(letter: DeadLetter) -> dict[str, str]:
    return {
        "reason": letter.reason.value,
        "detail": letter.detail,
        "kind": letter.kind,
        "queue": letter.queue,
        "died_at": format_time(letter.died_at),
        "headers": orjson.dumps(_as_json(letter.headers)).decode(),
        "body": base64.b64encode(letter.body).decode(),
        "content_type": _as_text(letter.content_type),
    }


def _as_json(value: Any, depth: int = 0) -> Any:
    """An AMQP value as JSON; as text if JSON has no such value."""
    if isinstance(value, Mapping | list | tuple) and depth == _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {_as_text(name): _as_json(one, depth + 1) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(one, depth + 1) for one in value]
    is_number = isinstance(value, int | float) and math.isfinite(value)
    if value is None or (is_number and -(2**63) <= value < 2**64):
        return value
    return value.isoformat() if isinstance(value, datetime) else _as_text(value)


def _as_text(value: Any) -> str:
    """The value as UTF-8 text, without characters that UTF-8 cannot encode."""
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text.encode(errors="replace").decode()


def _decode(letter_id: str, record: Mapping[str, str]) -> DeadLetter:
    return DeadLetter(
        id=letter_id,
        reason=DeathReason(record["reason"]),
        detail=record["detail"],
        kind=record["kind"],
        queue=record["queue"],
        died_at=datetime.fromisoformat(record["died_at"]).astimezone(UTC),
        headers=orjson.loads(record["headers"]),
        body=base64.b64decode(record["body"]),
        content_type=record["content_type"],
    )
