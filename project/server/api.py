"""The product's API under `/api/v1`: kinds, jobs, files."""

from flask import Blueprint, Response, jsonify, send_file, url_for

from project.errors import UnknownKindError
from project.jobs import KINDS, get_kind
from project.server.access_log import current_trace
from project.server.documents import Job, JobList, JobQuery, KindList, Submission, any_submission
from project.server.openapi import IDEMPOTENCY_KEY, Answer, describe
from project.server.parsing import read_body, read_idempotency_key, read_owner, read_query
from project.server.presenting import present_job, present_kind
from project.server.services import services

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")


@blueprint.get("/kinds")
@describe("List the kinds of jobs", Answer(200, KindList), tag="kinds")
def list_kinds() -> Response:
    """What can be run."""
    return jsonify(kinds=[present_kind(kind) for kind in KINDS.values() if not kind.is_internal])


@blueprint.post("/jobs")
@describe(
    "Submit a job",
    Answer(202, Job, "The broker has the job: it will run.", headers=("Location",)),
    tag="jobs",
    body=any_submission,
    example={"kind": "create_task", "parameters": {"type": 1}},
    headers=IDEMPOTENCY_KEY,
    problems=(404, 409, 503),
)
def submit_job() -> tuple[Response, int, dict[str, str]]:
    """Once it answers 202 the broker has confirmed the job; after a 503 the job will not run.

    Who repeats a request with the same `Idempotency-Key` and body gets the same job.
    """
    submission = read_body(Submission)
    kind = get_kind(submission.kind)
    if kind.is_internal:
        raise UnknownKindError(f"Kind {kind.name} is run by the scheduler only.", field="kind")
    job = services().submitter.submit(
        kind.name,
        submission.parameters,
        trace=current_trace(),
        owner=read_owner(),
        idempotency_key=read_idempotency_key(),
    )
    return jsonify(present_job(job)), 202, {"Location": url_for("api.get_job", job_id=job.id)}


@blueprint.get("/jobs/<job_id>")
@describe("Get a job", Answer(200, Job), tag="jobs", problems=(503,))
def get_job(job_id: str) -> Response:
    """One job, as it is now."""
    return jsonify(present_job(services().ledger.get(job_id)))


@blueprint.post("/jobs/<job_id>/cancel")
@describe("Cancel a job", Answer(202, Job), tag="jobs", problems=(409, 503))
def cancel_job(job_id: str) -> tuple[Response, int]:
    """A waiting job will not start, a running one is asked to stop; 409 where it has ended."""
    return jsonify(present_job(services().ledger.cancel(job_id))), 202


@blueprint.get("/jobs")
@describe(
    "List this browser's jobs",
    Answer(200, JobList),
    tag="jobs",
    query=JobQuery,
    problems=(503,),
)
def list_jobs() -> Response:
    """This browser's jobs, newest first; a browser is known by its cookie `browser`."""
    jobs = services().ledger.list_owned(read_owner(), read_query(JobQuery).limit)
    return jsonify(jobs=[present_job(job) for job in jobs])


@blueprint.get("/files/<file_id>")
@describe("Get a file", Answer(200, text="The file.", content_type="image/*"), tag="files")
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
