"""The schedules that exist from the first start. A deleted example does not come back."""

from collections.abc import Mapping

import structlog

from project.errors import InvalidInputError, OccupiedError
from project.scheduler.schedules.schedule import CatchUp, Plan, make_schedule
from project.scheduler.schedules.schedule_service import check_plan, read_clock
from project.scheduler.schedules.store import ScheduleStore

EXAMPLES: Mapping[str, Plan] = {
    "clean-up": Plan(
        kind="files.sweep",
        title="Remove the files of forgotten jobs",
        cron="17 3 * * *",
        catch_up=CatchUp.LATEST,
    ),
    "weekly-report": Plan(
        kind="workflow",
        title="A report on the jobs of the last week",
        parameters={
            "title": "Jobs of the last week",
            "steps": {
                "history": {"kind": "jobs.history", "parameters": {"days": 7}},
                "report": {
                    "kind": "report.build",
                    "parameters": {
                        "table": {"$result": "history", "path": "files.0.file"},
                        "title": "Jobs of the last week",
                        "value": "run_seconds",
                        "group_by": "kind",
                        "date": "submitted_at",
                        "parts": 4,
                    },
                },
            },
        },
        cron="0 7 * * 1",
        catch_up=CatchUp.LATEST,
    ),
}
"""The examples by id."""

_log = structlog.get_logger()


def make_examples(store: ScheduleStore, examples: Mapping[str, Plan] = EXAMPLES) -> None:
    """Create the examples that have never been created.

    An example whose kind is not offered here is left out, and created once the kind is offered.
    """
    for schedule_id, plan in examples.items():
        if store.was_made(schedule_id):
            continue
        try:
            check_plan(plan, offered_besides=plan.kind)
        except InvalidInputError as error:
            _log.warning("schedule_not_made", schedule_id=schedule_id, reason=str(error))
            continue
        try:
            store.add(make_schedule(schedule_id, plan, read_clock()))
            _log.info("schedule_made", schedule_id=schedule_id, kind=plan.kind)
        except OccupiedError as error:
            _log.warning("schedule_not_made", schedule_id=schedule_id, reason=str(error))
        store.note_made(schedule_id)
