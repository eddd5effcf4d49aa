"""Answers that several routes share: a job, a page of a list, one result per job of many."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from flask import Response, jsonify, request, url_for

from project.api.jobs import serialize_job
from project.errors import JobsError, UnavailableError
from project.ledger import Job
from project.server.problems import describe_problem
from project.server.services import get_services

Accepted = tuple[Response, int, dict[str, str]]


def job_address(job_id: str) -> str:
    """A job's path. Lists have many, and `url_for` takes three times as long."""
    return f"{request.script_root}/api/v1/jobs/{quote(job_id, safe='')}"


def accept(job: Job) -> Accepted:
    """202 with the job and its `Location`."""
    document = serialize_job(job, get_services().settings.trace_link)
    return jsonify(document), 202, {"Location": job_address(job.id)}


def answer_page(name: str, items: list[dict[str, Any]], next_cursor: str) -> Response:
    """A page of a list; if another follows, with its cursor and a link to it (RFC 8288)."""
    response = jsonify({name: items, "next": next_cursor or None})
    if next_cursor and request.endpoint:
        query = request.args.to_dict(flat=False) | {"cursor": [next_cursor]}
        address = url_for(request.endpoint, **query)  # type: ignore[arg-type]  # lists repeat
        response.headers["Link"] = f'<{address}>; rel="next"'
    return response


def answer_each(answers: Sequence[Job | JobsError]) -> list[dict[str, Any]]:
    """Each job as its id and address, each refusal as its problem.

    Raises UnavailableError if an outage is why no job was accepted: the client may retry them all.
    """
    outages = [answer for answer in answers if isinstance(answer, UnavailableError)]
    if outages and not any(isinstance(answer, Job) for answer in answers):
        raise outages[0]
    return [_answer_one(answer) for answer in answers]


def _answer_one(answer: Job | JobsError) -> dict[str, Any]:
    if isinstance(answer, Job):
        return {"status": 202, "id": answer.id, "location": job_address(answer.id)}
    problem = describe_problem(answer)
    return {"status": problem["status"], "problem": problem}
