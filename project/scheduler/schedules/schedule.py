"""A schedule: what is to run, when, and what is known of its runs; and how Redis keeps it. Pure."""

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
    """What becomes of a run while the job of the last one has not ended."""

    SKIP = "skip"
    ALLOW = "allow"


class CatchUp(StrEnum):
    """What becomes of times that were missed by more than a minute."""

    NONE = "none"
    """Nothing."""
    LATEST = "latest"
    """Where no later time is due, the latest of them runs."""
    ALL = "all"
    """Each of them runs, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What somebody wants to be run, and when."""

    kind: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    cron: str = ""
    """Empty: by interval."""
    every_seconds: int = 0
    """0: by cron."""
    time_zone: str = "UTC"
    """Of the cron expression."""
    starts_at: datetime | None = None
    """The first run of an interval, which it is counted from; None: the plan's making is."""
    overlap: Overlap = Overlap.SKIP
    catch_up: CatchUp = CatchUp.LATEST

    def make_timing(self, made_at: datetime) -> Timing:
        """Its times. InvalidInputError says what cannot be used."""
        zone = read_zone(self.time_zone)
        if bool(self.cron) is bool(self.every_seconds):
            raise InvalidInputError("Send cron or every_seconds: one of the two.", field="cron")
        if self.cron:
            if self.starts_at is not None:
                raise InvalidInputError(
                    "starts_at: it goes with every_seconds only.", field="starts_at"
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
    """A plan that is carried out, or paused."""

    id: str
    plan: Plan
    created_at: datetime
    timed_at: datetime
    """When its times were set; an interval without a start is counted from here."""
    next_at: datetime
    """All times before this one have been dealt with, paused or not."""
    is_paused: bool = False
    last_at: datetime | None = None
    """The time of its last run: the nominal one, or when somebody asked for it."""
    last_job_id: str = ""
    skips: int = 0
    """Times that did not run; of a long downtime the first thousand are counted."""
    last_skip_at: datetime | None = None
    last_skip_reason: str = ""
    version: int = 0
    """Grows with each change."""

    @property
    def timing(self) -> Timing:
        """Its times."""
        return self.plan.make_timing(self.timed_at)

    def list_next(self, count: int) -> list[datetime]:
        """Its next times; none while it is paused."""
        if self.is_paused:
            return []
        following = occurrences(self.timing, self.next_at)
        return [self.next_at, *islice(following, count - 1)]

    def name_run(self, moment: datetime) -> str:
        """The idempotency key of the run of that time.

        A client's own key has no blanks, so none is like it. One that is made anew under an old id
        has runs of its own.
        """
        return f"schedule {self.id} {self.created_at.isoformat()} {moment.isoformat()}"


def make_schedule(schedule_id: str, plan: Plan, now: datetime) -> Schedule:
    """A new one; InvalidInputError says what is wrong with its times."""
    next_at = plan.make_timing(now).next_after(now)
    return Schedule(id=schedule_id, plan=plan, created_at=now, timed_at=now, next_at=next_at)


def change_plan(schedule: Schedule, plan: Plan, now: datetime) -> Schedule:
    """With another plan. Where its times stay, so does what is due."""
    if plan.has_times_of(schedule.plan):
        return replace(schedule, plan=plan)
    next_at = plan.make_timing(now).next_after(now)
    return replace(schedule, plan=plan, timed_at=now, next_at=next_at)


def pause(schedule: Schedule) -> Schedule:
    """Nothing runs until it is resumed."""
    return replace(schedule, is_paused=True)


def resume(schedule: Schedule, now: datetime) -> Schedule:
    """It goes on with the next time; those of the pause are gone, as somebody wanted it so."""
    if not schedule.is_paused:
        return schedule
    next_at = max(schedule.next_at, schedule.timing.next_after(now))
    return replace(schedule, is_paused=False, next_at=next_at)


def note_run(schedule: Schedule, moment: datetime, job_id: str) -> Schedule:
    """The run of that time is this job, and the times up to it are done with."""
    following = max(schedule.next_at, schedule.timing.next_after(moment))
    return replace(schedule, next_at=following, last_at=moment, last_job_id=job_id)


def note_skip(schedule: Schedule, skip: "Skip") -> Schedule:
    """The times up to the skip's end do not run."""
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
    """The last of them."""
    count: int
    reason: str


def encode_schedule(schedule: Schedule) -> str:
    """Its text in Redis, which keeps id and version beside it."""
    document = asdict(schedule)
    del document["id"], document["version"]
    return orjson.dumps(document).decode()


def decode_schedule(schedule_id: str, version: int, text: str) -> Schedule:
    """The schedule of a text."""
    document = orjson.loads(text)
    values = _read_fields(Schedule, document) | {
        "plan": Plan(**_read_fields(Plan, document["plan"]))
    }
    return Schedule(**values | {"id": schedule_id, "version": version})


def _read_fields(model: Any, document: Mapping[str, Any]) -> dict[str, Any]:
    """Those that this version knows, as they were."""
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
