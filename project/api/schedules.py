"""Schedules: the plan that a client sends, and a schedule with its runs."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from project.api.values import AnswerDocument, Instant, Moment, RequestDocument, serialize_time
from project.jobs import KINDS
from project.ledger.job import format_time
from project.scheduler.schedules.schedule import LONGEST_INTERVAL_SECONDS, CatchUp, Overlap
from project.scheduler.schedules.schedule import Schedule as KeptSchedule
from project.scheduler.schedules.schedule_service import ID_PATTERN

NEXT_RUNS = 5
"""How many of a schedule's next times are listed."""

_ONE_TIMING: JsonDict = {
    "oneOf": [
        {"required": ["cron"], "properties": {"cron": {"type": "string"}}},
        {"required": ["every_seconds"], "properties": {"every_seconds": {"type": "integer"}}},
    ]
}


class ScheduleForm(RequestDocument):
    """What to run, and when: either `cron` or `every_seconds`."""

    kind: str = Field(description="What to run: a name from `/api/v1/kinds`")
    parameters: dict[str, Any] = Field({}, description="Parameters, by the kind's JSON Schema")
    title: str = Field("", max_length=200, description="Title for people; empty: the kind's title")
    cron: str | None = Field(
        None,
        max_length=200,
        description="Minute, hour, day of month, month, day of week, in local time of `time_zone`",
        examples=["30 2 * * MON-FRI"],
        json_schema_extra={"format": "cron"},
    )
    every_seconds: int | None = Field(
        None,
        ge=1,
        le=LONGEST_INTERVAL_SECONDS,
        description="Interval in elapsed seconds; clock changes do not affect it",
    )
    time_zone: str = Field(
        "UTC",
        max_length=100,
        description="A time zone of the IANA database",
        examples=["Europe/Berlin"],
        json_schema_extra={"format": "time-zone"},
    )
    starts_at: Instant | None = Field(
        None, description="First run of an interval schedule; null: one interval from now"
    )
    overlap: Annotated[Overlap, Field(strict=False)] = Field(
        Overlap.SKIP, description="Whether to skip a run while the last run's job is unfinished"
    )
    catch_up: Annotated[CatchUp, Field(strict=False)] = Field(
        CatchUp.LATEST,
        description="Which runs missed by more than a minute and at most 28 days to make up for: "
        "none, the latest unless a later one is due, or all",
    )

    model_config = ConfigDict(json_schema_extra=_ONE_TIMING)


class NewSchedule(ScheduleForm):
    """A schedule to make."""

    id: str = Field(
        "",
        description="An id of your choice; empty: one is generated",
        json_schema_extra={"pattern": f"^({ID_PATTERN})?$"},  # `schedule_service` says it in words
    )


class Schedule(AnswerDocument):
    """A schedule and its runs."""

    id: str
    title: str
    kind: str
    parameters: dict[str, Any]
    cron: str | None
    every_seconds: int | None
    time_zone: str
    starts_at: Moment | None = Field(description="The time from which intervals count")
    overlap: Overlap
    catch_up: CatchUp
    is_paused: bool
    created_at: Moment
    next_at: Moment | None = Field(description="The next run; null while the schedule is paused")
    next_runs: list[Moment] = Field(description="The next five planned times")
    last_at: Moment | None = Field(description="The last run's time, planned or requested")
    last_job_id: str | None
    skips: int = Field(description="Number of skipped runs; of one outage, 1,000 at most count")
    last_skip_at: Moment | None
    last_skip_reason: str | None
    version: int = Field(description="Increases with every change")


class ScheduleList(AnswerDocument):
    """All schedules, by id."""

    schedules: list[Schedule]


def serialize_schedule(schedule: KeptSchedule) -> dict[str, Any]:
    """A schedule with its next times. Anyone who may change it may see its jobs' parameters."""
    plan, kind = schedule.plan, KINDS.get(schedule.plan.kind)
    return Schedule(
        id=schedule.id,
        title=plan.title or (kind.title if kind else plan.kind),
        kind=plan.kind,
        parameters=dict(plan.parameters),
        cron=plan.cron or None,
        every_seconds=plan.every_seconds or None,
        time_zone=plan.time_zone,
        starts_at=serialize_time(plan.starts_at),
        overlap=plan.overlap,
        catch_up=plan.catch_up,
        is_paused=schedule.is_paused,
        created_at=format_time(schedule.created_at),
        next_at=None if schedule.is_paused else format_time(schedule.next_at),
        next_runs=[format_time(moment) for moment in schedule.list_next(NEXT_RUNS)],
        last_at=serialize_time(schedule.last_at),
        last_job_id=schedule.last_job_id or None,
        skips=schedule.skips,
        last_skip_at=serialize_time(schedule.last_skip_at),
        last_skip_reason=schedule.last_skip_reason or None,
        version=schedule.version,
    ).model_dump()
