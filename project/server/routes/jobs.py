"""The product's API under `/api/v1`: kinds, jobs, queues."""

from collections import Counter
from typing import Any

from flask import Blueprint, Response, jsonify

from project.api import (
    LISTED_AT_MOST,
    BulkAnswer,
    BulkSubmission,
    Job,
    JobList,
    JobQuery,
    JobTree,
    KindList,
    QueueList,
    Rerun,
    Submission,
    any_submission,
)
from project.api.presenting import present_job, present_kind, present_queue
from project.errors import InvalidInputError
from project.jobs import KINDS
from project.ledger import Job as LedgerJob
from project.ledger.job_tree import TREE_LIMIT
from project.ledger.listing import JobFilter, Page
from project.live.event_streams import is_wanted
from project.server.access_log import current_trace
from project.server.addresses import job_address
from project.server.depths import find_depths
from project.server.openapi import IDEMPOTENCY_KEY, JOB_LINKS, Answer, describe
from project.server.paging import present_page
from project.server.parsing import (
    read_body,
    read_body_of_many,
    read_idempotency_key,
    read_optional_body,
    read_owner,
    read_query,
)
from project.server.routes.bulk import present_answers, refuse_if_dependency_is_down, submit_all
from project.server.routes.run_times import find_run_times
from project.server.services import services
from project.server.submitting import make_submission

Accepted = tuple[Response, int, dict[str, str]]

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")


@blueprint.get("/kinds")
@describe("List the kinds of jobs", Answer(200, KindList), tag="kinds")
def list_kinds() -> Response:
    """What can be run, with the JSON Schema of its parameters, and how long it takes."""
    offered = [kind for kind in KINDS.values() if not kind.is_internal]
    run_times = find_run_times()
    return jsonify(kinds=[present_kind(kind, run_times) for kind in offered])


@blueprint.post("/jobs")
@describe(
    "Submit a job",
    Answer(202, Job, "The broker has the job.", headers=("Location",), links=JOB_LINKS),
    tag="jobs",
    body=any_submission,
    example={"kind": "create_task", "parameters": {"type": 1}},
    headers=IDEMPOTENCY_KEY,
    problems=(404, 409, 429, 503),
)
def submit_job() -> Accepted:
    """Once it answers 202 the broker has confirmed the job; after a 503 the job will not run.

    Who repeats a request with the same `Idempotency-Key` and body gets the same job.
    """
    document, key = read_body(Submission), read_idempotency_key()
    submission = make_submission(document, read_owner(), key)
    return _accept(services().submitter.submit(submission, current_trace()))


@blueprint.post("/jobs/bulk")
@describe(
    "Submit many jobs",
    Answer(207, BulkAnswer, "An answer for each job."),
    tag="jobs",
    body=BulkSubmission,
    example={"jobs": [{"kind": "create_task", "parameters": {"type": 1}}] * 2},
    problems=(503,),
)
def submit_jobs() -> tuple[Response, int]:
    """Up to 10,000 jobs, each like the body of `POST /api/v1/jobs` and judged by itself.

    503 where none was accepted because a part does not answer.
    """
    items, submitter = read_body_of_many(BulkSubmission).jobs, services().submitter
    answers = submit_all(submitter, items, read_owner(), current_trace())
    refuse_if_dependency_is_down(answers)
    return jsonify(jobs=present_answers(answers)), 207


@blueprint.get("/jobs")
@describe(
    "List jobs",
    Answer(200, JobList, headers=("Link",)),
    tag="jobs",
    query=JobQuery,
    problems=(503,),
)
def list_jobs() -> Response:
    """All jobs, newest first, a page at a time; with `owner=me` this browser's, by its cookie."""
    query = read_query(JobQuery)
    if query.owner == "me":
        page = Page(_list_own(query), "")
    else:
        page = services().ledger.list_jobs(_make_filter(query), query.cursor, query.limit)
    jobs = [_present(job) for job in page.jobs]
    return present_page("jobs", jobs, page.next_cursor)


def _list_own(query: JobQuery) -> list[LedgerJob]:
    if query.cursor:
        raise InvalidInputError("cursor: with owner=me there is one page only.", field="cursor")
    jobs = services().ledger.list_owned(read_owner(), LISTED_AT_MOST)
    return [job for job in jobs if is_wanted(job, query)][: query.limit]


def _make_filter(query: JobQuery) -> JobFilter:
    return JobFilter(
        statuses=frozenset(query.status),
        kinds=frozenset(query.kind),
        queues=frozenset(query.queue),
        submitted_after=query.submitted_after,
        submitted_before=query.submitted_before,
    )


@blueprint.get("/jobs/<id:job_id>")
@describe("Get a job", Answer(200, Job), tag="jobs", problems=(410, 503))
def get_job(job_id: str) -> Response:
    """One job, as it is now, with all its attempts; 410 where its record has expired."""
    return jsonify(_present(services().ledger.get(job_id)))


@blueprint.get("/jobs/<id:job_id>/tree")
@describe("Get a job with its parts", Answer(200, JobTree), tag="jobs", problems=(410, 503))
def get_tree(job_id: str) -> Response:
    """A job and all jobs that it has submitted, they and theirs; 2,000 at the most."""
    jobs = services().ledger.read_tree(job_id, TREE_LIMIT)
    return jsonify(
        root_id=jobs[0].root_id or job_id,
        jobs=[_present(job) for job in jobs],
        counts=Counter(job.status.value for job in jobs[1:]),
        is_complete=len(jobs) < TREE_LIMIT,
    )


@blueprint.post("/jobs/<id:job_id>/cancel")
@describe("Cancel a job", Answer(202, Job), tag="jobs", problems=(409, 410, 503))
def cancel_job(job_id: str) -> tuple[Response, int]:
    """A waiting job will not start, a running one is asked to stop; 409 where it has ended.

    The jobs that it has submitted are cancelled with it.
    """
    return jsonify(_present(services().submitter.cancel(job_id))), 202


@blueprint.post("/jobs/<id:job_id>/rerun")
@describe(
    "Run a job again",
    Answer(202, Job, "The new job.", headers=("Location",)),
    tag="jobs",
    body=Rerun,
    is_body_optional=True,
    example={},
    problems=(409, 410, 429, 503),
)
def rerun_job(job_id: str) -> Accepted:
    """An ended job again, as a new one that is linked to it; 409 where it has not ended."""
    rerun = read_optional_body(Rerun)
    submitter = services().submitter
    return _accept(submitter.rerun(job_id, current_trace(), rerun.parameters))


@blueprint.get("/queues")
@describe("See how full the queues are", Answer(200, QueueList), tag="queues", problems=(503,))
def list_queues() -> Response:
    """Each queue as the ledger and RabbitMQ see it, and how many dead letters there are."""
    equipment = services()
    queues = equipment.ledger.list_queues()
    depths = find_depths(equipment.publisher, [queue.name for queue in queues])
    return jsonify(
        queues=[present_queue(queue, *depths[queue.name]) for queue in queues],
        dead_letters=equipment.dead_letters.count(),
    )


def _accept(job: LedgerJob) -> Accepted:
    return jsonify(_present(job)), 202, {"Location": job_address(job.id)}


def _present(job: LedgerJob) -> dict[str, Any]:
    return present_job(job, services().settings.trace_link)
