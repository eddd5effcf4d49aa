"""A schedule: what runs when, and the state of its runs; and its text in Redis. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Any

import orjson

from project.errors import InvalidInputError
from project.scheduler.schedules.timing import Interval, Timing, occurrences, read_cron, read_zone

LONGEST_INTERVAL_SECONDS = 366 * 24 * 3600
FARTHEST_START = timedelta(days=3653)


class Overlap(StrEnum):
    """What happens to a run while the job of the last run has not finished."""

    SKIP = "skip"
    ALLOW = "allow"


class CatchUp(StrEnum):
    """What happens to times that were missed by more than a minute."""

    NONE = "none"
    """None of them runs."""
    LATEST = "latest"
    """The latest of them runs, unless a later time is due."""
    ALL = "all"
    """All of them run, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run, and when."""

    kind: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    cron: str = ""
    """Empty: the plan has an interval."""
    every_seconds: int = 0
    """0: the plan has a cron expression."""
    time_zone: str = "UTC"
    """The time zone of the cron expression."""
    starts_at: datetime | None = None
    """The first run of an interval; None: the interval counts from the plan's creation."""
    overlap: Overlap = Overlap.SKIP
    catch_up: CatchUp = CatchUp.LATEST

    def make_timing(self, made_at: datetime) -> Timing:
        """Its times. InvalidInputError says which field is invalid."""
        zone = read_zone(self.time_zone)
        if bool(self.cron) is bool(self.every_seconds):
            raise InvalidInputError("Send either cron or every_seconds.", field="cron")
        if self.cron:
            if self.starts_at is not None:
                raise InvalidInputError(
                    "starts_at: may be sent with every_seconds only.", field="starts_at"
                )
            return read_cron(self.cron, zone)
        if not 1 <= self.every_seconds <= LONGEST_INTERVAL_SECONDS:
            raise InvalidInputError(
                f"every_seconds: must be from 1 to {LONGEST_INTERVAL_SECONDS}.",
                field="every_seconds",
            )
        if self.starts_at is not None and self.starts_at > made_at + FARTHEST_START:
            raise InvalidInputError(
                "starts_at: must be within ten years from now.", field="starts_at"
            )
        return Interval((self.starts_at or made_at).replace(microsecond=0), self.every_seconds)

    def has_times_of(self, other: "Plan") -> bool:
        """Whether both run at the same times."""
        return all(getattr(self, name) == getattr(other, name) for name in _TIMES)


_TIMES = ("cron", "every_seconds", "time_zone", "starts_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A plan that runs or is paused, and the state of its runs."""

    id: str
    plan: Plan
    created_at: datetime
    timed_at: datetime
    """When its times were set; an interval without a start counts from here."""
    next_at: datetime
    """All times before this one are handled, whether it is paused or not."""
    is_paused: bool = False
    last_at: datetime | None = None
    """The time of its last run: the nominal time, or when somebody requested the run."""
    last_job_id: str = ""
    skips: int = 0
    """How many times did not run; at most a thousand are counted for one downtime."""
    last_skip_at: datetime | None = None
    last_skip_reason: str = ""
    version: int = 0
    """Grows with each change."""

    @property
    def timing(self) -> Timing:
        """Its times."""
        return self.plan.make_timing(self.timed_at)

    def list_next(self, count: int) -> list[datetime]:
        """Its next times; empty while it is paused."""
        if self.is_paused:
            return []
        following = occurrences(self.timing, self.next_at)
        return [self.next_at, *islice(following, count - 1)]

    def name_run(self, moment: datetime) -> str:
        """The idempotency key of the run at that time.

        It never equals a client's key, which has no spaces. A schedule that is created anew under
        an old id has its own runs.
        """
        return f"schedule {self.id} {self.created_at.isoformat()} {moment.isoformat()}"


def make_schedule(schedule_id: str, plan: Plan, now: datetime) -> Schedule:
    """A new schedule; InvalidInputError says what is wrong with its times."""
    next_at = plan.make_timing(now).next_after(now)
    return Schedule(id=schedule_id, plan=plan, created_at=now, timed_at=now, next_at=next_at)


def change_plan(schedule: Schedule, plan: Plan, now: datetime) -> Schedule:
    """The schedule with another plan. If its times do not change, due runs stay due."""
    if plan.has_times_of(schedule.plan):
        return replace(schedule, plan=plan)
    next_at = plan.make_timing(now).next_after(now)
    return replace(schedule, plan=plan, timed_at=now, next_at=next_at)


def pause(schedule: Schedule) -> Schedule:
    """The schedule, paused: nothing runs until it is resumed."""
    return replace(schedule, is_paused=True)


def resume(schedule: Schedule, now: datetime) -> Schedule:
    """The schedule, continuing with the next time; the times of the pause never run."""
    if not schedule.is_paused:
        return schedule
    next_at = max(schedule.next_at, schedule.timing.next_after(now))
    return replace(schedule, is_paused=False, next_at=next_at)


def note_run(schedule: Schedule, moment: datetime, job_id: str) -> Schedule:
    """Record the job of the run at that time; all times up to it are handled."""
    following = max(schedule.next_at, schedule.timing.next_after(moment))
    return replace(schedule, next_at=following, last_at=moment, last_job_id=job_id)


def note_skip(schedule: Schedule, skip: "Skip") -> Schedule:
    """Record that the times up to the skip's end do not run."""
    return replace(
        schedule,
        next_at=max(schedule.next_at, schedule.timing.next_after(skip.until)),
        skips=schedule.skips + skip.count,
        last_skip_at=skip.until,
        last_skip_reason=skip.reason,
    )


@dataclass(frozen=True, slots=True)
class Skip:
    """Times of a schedule that do not run, and why."""

    until: datetime
    """The last of these times."""
    count: int
    reason: str


def encode_schedule(schedule: Schedule) -> str:
    """The schedule's text in Redis, where its id and version are stored separately."""
    document = asdict(schedule)
    del document["id"], document["version"]
    return orjson.dumps(document).decode()


def decode_schedule(schedule_id: str, version: int, text: str) -> Schedule:
    """Read a schedule from its text."""
    document = orjson.loads(text)
    values = _read_fields(Schedule, document) | {
        "plan": Plan(**_read_fields(Plan, document["plan"]))
    }
    return Schedule(**values | {"id": schedule_id, "version": version})


def _read_fields(model: Any, document: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that this version of the program knows."""
    return {
        one.name: _READERS.get(one.name, _as_it_is)(document[one.name])
        for one in fields(model)
        if one.name in document
    }


def _as_it_is(value: Any) -> Any:
    return value


def _read_time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)


_READERS: Mapping[str, Any] = {
    "overlap": Overlap,
    "catch_up": CatchUp,
    **dict.fromkeys(("starts_at", "created_at", "timed_at", "next_at"), _read_time),
    **dict.fromkeys(("last_at", "last_skip_at"), _read_time),
}
