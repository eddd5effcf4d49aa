"""The product's API under `/api/v1`: kinds, jobs, files."""

from flask import Blueprint, Response, jsonify, send_file, url_for

from project.errors import InvalidInputError, UnknownKindError
from project.jobs import KINDS, get_kind
from project.server.access_log import current_trace
from project.server.parsing import read_idempotency_key, read_json_object, read_limit, read_owner
from project.server.presenting import present_job, present_kind
from project.server.services import services

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")


@blueprint.get("/kinds")
def list_kinds() -> Response:
    """What can be run."""
    return jsonify(kinds=[present_kind(kind) for kind in KINDS.values() if not kind.is_internal])


@blueprint.post("/jobs")
def submit_job() -> tuple[Response, int, dict[str, str]]:
    """`{"kind", "parameters"}` → 202 and the job, which the broker has confirmed by then."""
    body = read_json_object()
    name = body.get("kind")
    if not isinstance(name, str):
        raise InvalidInputError('Name the kind, as in {"kind": "create_task"}.', field="kind")
    kind = get_kind(name)
    if kind.is_internal:
        raise UnknownKindError(f"Kind {name} is run by the scheduler only.", field="kind")
    job = services().submitter.submit(
        name,
        body.get("parameters", {}),
        trace=current_trace(),
        owner=read_owner(),
        idempotency_key=read_idempotency_key(),
    )
    return jsonify(present_job(job)), 202, {"Location": url_for("api.get_job", job_id=job.id)}


@blueprint.get("/jobs/<job_id>")
def get_job(job_id: str) -> Response:
    """One job."""
    return jsonify(present_job(services().ledger.get(job_id)))


@blueprint.post("/jobs/<job_id>/cancel")
def cancel_job(job_id: str) -> tuple[Response, int]:
    """A waiting job will not start, a running one is asked to stop; 409 where it has ended."""
    return jsonify(present_job(services().ledger.cancel(job_id))), 202


@blueprint.get("/jobs")
def list_jobs() -> Response:
    """This browser's jobs, newest first."""
    limit = read_limit(default=50, largest=200)
    jobs = services().ledger.list_owned(read_owner(), limit)
    return jsonify(jobs=[present_job(job) for job in jobs])


@blueprint.get("/files/<file_id>")
def get_file(file_id: str) -> Response:
    """A file that a job has made. Its content never changes under its id."""
    files = services().files
    response = send_file(
        files.path(file_id),
        mimetype=files.content_type(file_id),
        conditional=True,
        max_age=24 * 3600,
    )
    response.headers["Cache-Control"] = "private, max-age=86400, immutable"
    return response
