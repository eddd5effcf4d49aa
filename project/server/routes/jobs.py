"""Jobs under `/api/v1/jobs`: submit, list, get, cancel, rerun."""

from typing import Any

from flask import Blueprint, Response, jsonify

from project.api.jobs import Job, JobList, JobQuery, JobTree, serialize_job, serialize_tree
from project.api.submissions import (
    BulkAnswer,
    BulkSubmission,
    Rerun,
    Submission,
    any_submission,
)
from project.api.values import LISTED_AT_MOST, make_filter
from project.errors import InvalidInputError
from project.jobs import get_offered
from project.json_values import check_json
from project.ledger import Job as LedgerJob
from project.ledger.job_tree import TREE_LIMIT
from project.ledger.listing import JobFilter, Page
from project.server.access_log import current_trace
from project.server.answers import Accepted, accept, answer_each, answer_page
from project.server.openapi import IDEMPOTENCY_KEY, JOB_LINKS, Answer, describe
from project.server.parsing import (
    check,
    check_files,
    read_body,
    read_body_of_many,
    read_idempotency_key,
    read_optional_body,
    read_owner,
    read_query,
)
from project.server.services import get_services
from project.submission.preparation import Submission as JobSubmission

blueprint = Blueprint("jobs", __name__, url_prefix="/api/v1/jobs")


@blueprint.post("")
@describe(
    "Submit a job",
    Answer(202, Job, "The broker has confirmed it.", headers=("Location",), links=JOB_LINKS),
    tag="jobs",
    body=any_submission,
    example={"kind": "create_task", "parameters": {"type": 1}},
    headers=IDEMPOTENCY_KEY,
    problems=(404, 409, 429, 503),
)
def submit_job() -> Accepted:
    """202 means that the broker has confirmed the job; after a 503 the job will not run.

    Repeating a request with the same `Idempotency-Key` and body returns the same job.
    """
    document, key = read_body(Submission), read_idempotency_key()
    submission = _make_submission(document, read_owner(), key)
    return accept(get_services().submitter.submit(submission, current_trace()))


@blueprint.post("/bulk")
@describe(
    "Submit many jobs",
    Answer(207, BulkAnswer, "One result per job."),
    tag="jobs",
    body=BulkSubmission,
    example={"jobs": [{"kind": "create_task", "parameters": {"type": 1}}] * 2},
    problems=(503,),
)
def submit_jobs() -> tuple[Response, int]:
    """Up to 10,000 jobs, each like the body of `POST /api/v1/jobs`, accepted or refused separately.

    503 if no job was accepted because a dependency is unavailable.
    """
    items, submitter = read_body_of_many(BulkSubmission).jobs, get_services().submitter
    read = [_read_item(item, read_owner()) for item in items]
    wanted = [item for item in read if isinstance(item, JobSubmission)]
    submitted = iter(submitter.submit_many(wanted, current_trace()))
    answers = [next(submitted) if isinstance(item, JobSubmission) else item for item in read]
    return jsonify(jobs=answer_each(answers)), 207


def _read_item(item: Any, owner: str) -> JobSubmission | InvalidInputError:
    try:
        check_json(item)
        return _make_submission(check(Submission, item), owner)
    except InvalidInputError as error:
        return error


def _make_submission(document: Submission, owner: str, idempotency_key: str = "") -> JobSubmission:
    """The job to submit; UnknownKindError if its kind is not offered to clients."""
    get_offered(document.kind)
    check_files(document.parameters)
    return JobSubmission(
        kind=document.kind,
        parameters=document.parameters,
        owner=owner,
        idempotency_key=idempotency_key,
        deduplication_key=document.deduplication_key,
        run_at=document.run_at,
        delay_seconds=document.delay_seconds,
    )


@blueprint.get("")
@describe(
    "List jobs",
    Answer(200, JobList, headers=("Link",)),
    tag="jobs",
    query=JobQuery,
    problems=(503,),
)
def list_jobs() -> Response:
    """Jobs, newest first, a page at a time; `owner=me` lists this browser's, by its cookie."""
    query = read_query(JobQuery)
    chosen = make_filter(JobFilter, query)
    if query.owner == "me":
        page = Page(_list_own(query, chosen), "")
    else:
        page = get_services().ledger.list_jobs(chosen, query.cursor, query.limit)
    return answer_page("jobs", [_serialize(job) for job in page.jobs], page.next_cursor)


def _list_own(query: JobQuery, chosen: JobFilter) -> list[LedgerJob]:
    if query.cursor:
        raise InvalidInputError("cursor: owner=me has only one page.", field="cursor")
    jobs = get_services().ledger.list_owned(read_owner(), LISTED_AT_MOST)
    return [job for job in jobs if chosen.lets_through(job)][: query.limit]


@blueprint.get("/<id:job_id>")
@describe("Get a job", Answer(200, Job), tag="jobs", problems=(410, 503))
def get_job(job_id: str) -> Response:
    """A job's current state with all its attempts; 410 if its record has expired."""
    return jsonify(_serialize(get_services().ledger.get(job_id)))


@blueprint.get("/<id:job_id>/tree")
@describe("Get a job with its child jobs", Answer(200, JobTree), tag="jobs", problems=(410, 503))
def get_tree(job_id: str) -> Response:
    """A job and all its descendants, at most 2,000 jobs."""
    services = get_services()
    jobs = services.ledger.tree.read_tree(job_id, TREE_LIMIT)
    return jsonify(serialize_tree(jobs, TREE_LIMIT, services.settings.trace_link))


@blueprint.post("/<id:job_id>/cancel")
@describe("Cancel a job", Answer(202, Job), tag="jobs", problems=(409, 410, 503))
def cancel_job(job_id: str) -> tuple[Response, int]:
    """A waiting job will not start, and a running job is asked to stop; 409 if it has finished.

    Its child jobs are cancelled with it.
    """
    return jsonify(_serialize(get_services().submitter.cancel(job_id))), 202


@blueprint.post("/<id:job_id>/rerun")
@describe(
    "Rerun a job",
    Answer(202, Job, "The new job.", headers=("Location",)),
    tag="jobs",
    body=Rerun,
    is_body_optional=True,
    example={},
    problems=(409, 410, 429, 503),
)
def rerun_job(job_id: str) -> Accepted:
    """Submit a finished job again as a new job that is linked to it; 409 if it is unfinished."""
    rerun = read_optional_body(Rerun)
    submitter = get_services().submitter
    return accept(submitter.rerun(job_id, current_trace(), rerun.parameters))


def _serialize(job: LedgerJob) -> dict[str, Any]:
    return serialize_job(job, get_services().settings.trace_link)
