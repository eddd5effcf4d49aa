"""Schedules: what a client wants to be run when, and what is known of one."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from project.api.values import AnswerDocument, Instant, Moment, RequestDocument
from project.scheduler.schedules.schedule import LONGEST_INTERVAL_SECONDS, CatchUp, Overlap
from project.scheduler.schedules.schedule_service import ID_PATTERN

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
