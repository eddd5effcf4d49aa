"""Schedules: what a client wants to be run when, and what is known of one."""

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
"""So many of a schedule's next times are listed."""

_ONE_TIMING: JsonDict = {
    "oneOf": [
        {"required": ["cron"], "properties": {"cron": {"type": "string"}}},
        {"required": ["every_seconds"], "properties": {"every_seconds": {"type": "integer"}}},
    ]
}


class ScheduleForm(RequestDocument):
    """What is to run, and when: by `cron` or `every_seconds`."""

    kind: str = Field(description="What to run: a name from `/api/v1/kinds`")
    parameters: dict[str, Any] = Field({}, description="What the kind's JSON Schema asks for")
    title: str = Field("", max_length=200, description="For people; empty: the kind's")
    cron: str | None = Field(
        None,
        max_length=200,
        description="Minute, hour, day of month, month, day of week, on the clocks of `time_zone`",
        examples=["30 2 * * MON-FRI"],
        json_schema_extra={"format": "cron"},
    )
    every_seconds: int | None = Field(
        None, ge=1, le=LONGEST_INTERVAL_SECONDS, description="Elapsed time, whatever clocks do"
    )
    time_zone: str = Field(
        "UTC",
        max_length=100,
        description="A name of the IANA database",
        examples=["Europe/Berlin"],
        json_schema_extra={"format": "time-zone"},
    )
    starts_at: Instant | None = Field(
        None, description="The first run of an interval; null: an interval from now"
    )
    overlap: Annotated[Overlap, Field(strict=False)] = Field(
        Overlap.SKIP, description="Whether a run is skipped while the last one's job has not ended"
    )
    catch_up: Annotated[CatchUp, Field(strict=False)] = Field(
        CatchUp.LATEST,
        description="What runs of times that were missed by more than a minute, up to 28 days: "
        "nothing, the latest where no later one is due, or all",
    )

    model_config = ConfigDict(json_schema_extra=_ONE_TIMING)


class NewSchedule(ScheduleForm):
    """A schedule to make."""

    id: str = Field(
        "",
        description="Of your choice; empty: one is made",
        json_schema_extra={"pattern": f"^({ID_PATTERN})?$"},  # `register` says it in words
    )


class Schedule(AnswerDocument):
    """A schedule, and what is known of its runs."""

    id: str
    title: str
    kind: str
    parameters: dict[str, Any]
    cron: str | None
    every_seconds: int | None
    time_zone: str
    starts_at: Moment | None = Field(description="What an interval is counted from")
    overlap: Overlap
    catch_up: CatchUp
    is_paused: bool
    created_at: Moment
    next_at: Moment | None = Field(description="Null while it is paused")
    next_runs: list[Moment] = Field(description="The next five, by the plan")
    last_at: Moment | None = Field(description="The last run's time: planned, or asked for")
    last_job_id: str | None
    skips: int = Field(description="Times that did not run; of an outage a thousand are counted")
    last_skip_at: Moment | None
    last_skip_reason: str | None
    version: int = Field(description="Grows with every change")


class ScheduleList(AnswerDocument):
    """All schedules, by id."""

    schedules: list[Schedule]


def serialize_schedule(schedule: KeptSchedule) -> dict[str, Any]:
    """A schedule with its next times. Who may change it may see what its jobs are given."""
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
