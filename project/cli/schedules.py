"""`python -m project schedules`: jobs at set times."""

from datetime import UTC, datetime
from typing import Any

import click

from project.api.jobs import serialize_job
from project.api.schedules import serialize_schedule
from project.assembly import Assembly
from project.cli.verbs import begin, read_json, verb
from project.scheduler.schedules.schedule import CatchUp, Overlap, Plan


@click.group()
def schedules() -> None:
    """Manage schedules: jobs at set times."""


@verb(schedules, "list")
def list_schedules(assembly: Assembly) -> Any:
    """List all schedules, by id."""
    return [serialize_schedule(schedule) for schedule in assembly.schedules.store.list_all()]


@verb(schedules, "show")
@click.argument("schedule_id")
def show(assembly: Assembly, schedule_id: str) -> Any:
    """Show one schedule with its next five times."""
    return serialize_schedule(assembly.schedules.store.get(schedule_id))


@verb(schedules, "add")
@click.argument("kind")
@click.argument("parameters", default="{}")
@click.option("--id", "schedule_id", default="", help="Its id; by default generated.")
@click.option("--title", default="", help="Title for people.")
@click.option("--cron", default="", help="Five fields, as in '30 2 * * MON-FRI'.")
@click.option("--every", type=click.IntRange(min=1), help="Interval in seconds.")
@click.option("--zone", default="UTC", show_default=True, help="Time zone of the cron times.")
@click.option(
    "--from", "starts_at", type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]),
    help="First run of an interval schedule.",
)  # fmt: skip
@click.option(
    "--overlap", type=click.Choice([one.value for one in Overlap]), default="skip",
    show_default=True, help="What a run does while the last run's job is unfinished.",
)  # fmt: skip
@click.option(
    "--catch-up", type=click.Choice([one.value for one in CatchUp]), default="latest",
    show_default=True, help="Which missed times run.",
)  # fmt: skip
def add(
    assembly: Assembly,
    kind: str,
    parameters: str,
    *,
    schedule_id: str,
    title: str,
    cron: str,
    every: int | None,
    zone: str,
    starts_at: datetime | None,
    overlap: str,
    catch_up: str,
) -> Any:
    """Run jobs of KIND by --cron or --every. PARAMETERS is a JSON object, or - for stdin."""
    plan = Plan(
        kind=kind,
        parameters=read_json(parameters),
        title=title,
        cron=cron,
        every_seconds=every or 0,
        time_zone=zone,
        starts_at=starts_at.astimezone(UTC) if starts_at else None,
        overlap=Overlap(overlap),
        catch_up=CatchUp(catch_up),
    )
    return serialize_schedule(assembly.schedules.add(plan, schedule_id))


@verb(schedules, "pause")
@click.argument("schedule_id")
def pause(assembly: Assembly, schedule_id: str) -> Any:
    """Pause a schedule until it is resumed."""
    return serialize_schedule(assembly.schedules.pause(schedule_id))


@verb(schedules, "resume")
@click.argument("schedule_id")
def resume(assembly: Assembly, schedule_id: str) -> Any:
    """Resume a schedule with its next time from now."""
    return serialize_schedule(assembly.schedules.resume(schedule_id))


@verb(schedules, "run")
@click.argument("schedule_id")
def run(assembly: Assembly, schedule_id: str) -> Any:
    """Submit a job of a schedule now, in addition to its times."""
    job = assembly.schedules.run(schedule_id, begin())
    return serialize_job(job, assembly.settings.trace_link)


@verb(schedules, "delete")
@click.argument("schedule_id")
def delete(assembly: Assembly, schedule_id: str) -> None:
    """Delete a schedule; its jobs stay."""
    assembly.schedules.remove(schedule_id)
