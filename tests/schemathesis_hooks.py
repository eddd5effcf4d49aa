"""What Schemathesis cannot know from a schema: values of formats, and dead letters to look at."""

import os
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import schemathesis
from hypothesis import strategies
from redis import Redis

from project.config import Settings
from project.files import FileStore
from project.ledger import Job, Ledger, Status
from project.ledger.dead_letters import DeadLetter, DeadLetters, DeathReason
from project.ledger.job import JobError, format_time
from tests.builders import a_picture

DEAD_LETTERS = 200

# An address that a mail server could take: `.test` and the like are refused, as they lead nowhere.
schemathesis.openapi.format(
    "email", strategies.from_regex(r"[a-z]{1,9}@example\.org", fullmatch=True)
)

# A job's time lies within what RabbitMQ can delay a message by.
schemathesis.openapi.format(
    "date-time",
    strategies.datetimes(
        datetime(1971, 1, 1),
        datetime(2030, 1, 1),
        timezones=strategies.sampled_from([UTC]),
    ).map(format_time),
)

# What a schedule says of its times.
schemathesis.openapi.format("cron", strategies.sampled_from(["0 3 * * *", "*/5 1-3 * * MON-FRI"]))
schemathesis.openapi.format("time-zone", strategies.sampled_from(["UTC", "Europe/Berlin"]))

# Only we know which texts are cursors; none at all is the first page.
schemathesis.openapi.format("cursor", strategies.just(""))


IDS: dict[str, list[str]] = {}
"""What there is to ask for, by the name of the path's parameter."""


@schemathesis.hook
def map_path_parameters(_: Any, values: dict[str, Any] | None) -> dict[str, Any]:
    """Half of the ids that are made up become ones that exist."""
    return {name: _choose(IDS.get(name, []), value) for name, value in (values or {}).items()}


def _choose(known: list[str], value: Any) -> Any:
    number = zlib.crc32(repr(value).encode())
    return known[number // 2 % len(known)] if known and number % 2 else value


def prepare(settings: Settings) -> None:
    """Leave a file, jobs that were given up, and one message that nobody could read."""
    IDS["file_id"] = [FileStore(settings.files_url).write(a_picture("PNG"), ".png")]
    IDS["letter_id"] = list(leave_dead_letters(settings))


def leave_dead_letters(settings: Settings) -> Iterator[str]:
    """Their ids."""
    redis = Redis.from_url(settings.redis_url, decode_responses=True)
    ledger, letters = Ledger(redis, settings.retention_seconds), DeadLetters(redis)
    now = datetime.now(UTC)
    for number in range(DEAD_LETTERS):
        job = Job(
            id=str(uuid4()),
            kind="create_task",
            queue="short",
            status=Status.ACCEPTED,
            parameters={"type": 0},
            submitted_at=now - timedelta(seconds=number),
        )
        ledger.admissions.record(job)
        ledger.mark_dead(
            job.id, JobError("WorkerLostError", "Each attempt ended with its process.")
        )
        letters.add(
            DeadLetter(
                id=job.id,
                reason=DeathReason.WORKER_LOST,
                detail="Each attempt ended with its process.",
                kind=job.kind,
                queue=job.queue,
                died_at=now,
                headers={"task": job.kind, "id": job.id},
                body=b'[[], {"type": 0}, {}]',
                content_type="application/json",
            )
        )
        yield job.id
    letters.add(
        DeadLetter(
            id="unreadable",
            reason=DeathReason.UNDECODABLE,
            detail="It is no JSON.",
            died_at=now,
            body=b"\xff",
        )
    )
    yield "unreadable"


if "JOBS_REDIS_URL" in os.environ:
    prepare(Settings())
