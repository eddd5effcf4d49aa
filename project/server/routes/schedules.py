"""Jobs at set times under `/api/v1/schedules`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Blueprint, Response, jsonify, url_for

from project.api.jobs import Job
from project.api.schedules import (
    NewSchedule,
    Schedule,
    ScheduleForm,
    ScheduleList,
    serialize_schedule,
)
from project.errors import InvalidInputError, UnknownKindError
from project.scheduler.schedules.schedule import Plan
from project.server.access_log import current_trace
from project.server.answers import Accepted, accept
from project.server.openapi import SCHEDULE_LINKS, Answer, describe
from project.server.parsing import check_files, read_body
from project.server.services import get_services

blueprint = Blueprint("schedules", __name__, url_prefix="/api/v1/schedules")

EXAMPLE = {
    "kind": "create_task",
    "parameters": {"type": 1},
    "cron": "30 2 * * *",
    "time_zone": "Europe/Berlin",
}


@blueprint.get("")
@describe("List schedules", Answer(200, ScheduleList), tag="schedules", problems=(503,))
def list_schedules() -> Response:
    """All schedules, by id."""
    found = get_services().schedules.store.list_all()
    return jsonify(schedules=[serialize_schedule(schedule) for schedule in found])


@blueprint.post("")
@describe(
    "Create a schedule",
    Answer(201, Schedule, headers=("Location",), links=SCHEDULE_LINKS),
    tag="schedules",
    body=NewSchedule,
    example=EXAMPLE,
    problems=(409, 503),
)
def make_schedule() -> tuple[Response, int, dict[str, str]]:
    """The schedule runs from now on; 409 if its id is taken or there are 1,000 schedules."""
    form = read_body(NewSchedule)
    with _kind_as_a_field():
        schedule = get_services().schedules.add(_make_plan(form), form.id)
    address = url_for(".get_schedule", schedule_id=schedule.id)
    return jsonify(serialize_schedule(schedule)), 201, {"Location": address}


@blueprint.get("/<schedule_id>")
@describe("Get a schedule", Answer(200, Schedule), tag="schedules", problems=(503,))
def get_schedule(schedule_id: str) -> Response:
    """One schedule with its next five times."""
    return jsonify(serialize_schedule(get_services().schedules.store.get(schedule_id)))


@blueprint.put("/<schedule_id>")
@describe(
    "Change a schedule",
    Answer(200, Schedule),
    tag="schedules",
    body=ScheduleForm,
    example=EXAMPLE,
    problems=(503,),
)
def change_schedule(schedule_id: str) -> Response:
    """Replace the whole schedule: omitted fields get their defaults. A paused one stays paused."""
    plan = _make_plan(read_body(ScheduleForm))
    with _kind_as_a_field():
        schedule = get_services().schedules.change(schedule_id, plan)
    return jsonify(serialize_schedule(schedule))


@blueprint.delete("/<schedule_id>")
@describe(
    "Delete a schedule",
    Answer(204, text="The schedule is deleted; its jobs stay."),
    tag="schedules",
    problems=(503,),
)
def delete_schedule(schedule_id: str) -> tuple[str, int]:
    """Delete the schedule. A running job of it continues."""
    get_services().schedules.remove(schedule_id)
    return "", 204


@blueprint.post("/<schedule_id>/pause")
@describe("Pause a schedule", Answer(200, Schedule), tag="schedules", problems=(503,))
def pause_schedule(schedule_id: str) -> Response:
    """It does not run until it is resumed, except by `POST …/run`."""
    return jsonify(serialize_schedule(get_services().schedules.pause(schedule_id)))


@blueprint.post("/<schedule_id>/resume")
@describe("Resume a schedule", Answer(200, Schedule), tag="schedules", problems=(503,))
def resume_schedule(schedule_id: str) -> Response:
    """It continues with its next time from now; times during the pause do not run."""
    return jsonify(serialize_schedule(get_services().schedules.resume(schedule_id)))


@blueprint.post("/<schedule_id>/run")
@describe(
    "Run a schedule now",
    Answer(202, Job, "The new job.", headers=("Location",)),
    tag="schedules",
    problems=(429, 503),
)
def run_schedule(schedule_id: str) -> Accepted:
    """Submit a job now, in addition to the planned times, even while paused or a job is running."""
    return accept(get_services().schedules.run(schedule_id, current_trace()))


@contextmanager
def _kind_as_a_field() -> Iterator[None]:
    """Turn an unknown kind into a 400 for the field `kind`: here 404 means an unknown schedule."""
    try:
        yield
    except UnknownKindError as error:
        raise InvalidInputError(str(error), field="kind") from None


def _make_plan(form: ScheduleForm) -> Plan:
    values: dict[str, Any] = {name: getattr(form, name) for name in ScheduleForm.model_fields}
    values["cron"] = " ".join((form.cron or "").split())
    values["every_seconds"] = form.every_seconds or 0
    check_files(form.parameters)
    return Plan(**values)
