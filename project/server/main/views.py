"""The tutorial's contract, `POST /tasks` and `GET /tasks/<id>`, on top of our jobs."""

from flask import Blueprint, Response, jsonify

from project.api.tutorial import Task, TaskCreated, TaskSubmission, serialize_task
from project.errors import InvalidInputError
from project.server.access_log import current_trace
from project.server.openapi import Answer, describe
from project.server.parsing import read_json_object, read_owner
from project.server.services import get_services
from project.submission.preparation import Submission

main_blueprint = Blueprint("main", __name__)


@main_blueprint.post("/tasks")
@describe(
    "Start the tutorial's job",
    Answer(202, TaskCreated),
    tag="tutorial",
    body=TaskSubmission,
    example={"type": 1},
    problems=(503,),
)
def run_task() -> tuple[Response, int]:
    """`{"type": n}` → 202 `{"task_id"}`: a job that sleeps n × 10 seconds."""
    body = read_json_object()
    if "type" not in body:
        raise InvalidInputError('Send a type, as in {"type": 1}.', field="type")
    submission = Submission(
        kind="create_task", parameters={"type": body["type"]}, owner=read_owner()
    )
    job = get_services().submitter.submit(submission, current_trace())
    return jsonify(task_id=job.id), 202


@main_blueprint.get("/tasks/<task_id>")
@describe("Get the tutorial's job", Answer(200, Task), tag="tutorial", problems=(503,))
def get_status(task_id: str) -> Response:
    """`{"task_id", "task_status", "task_result"}`."""
    return jsonify(serialize_task(get_services().ledger.get(task_id)))
