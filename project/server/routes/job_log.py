"""A job's own log: a page as JSON, or all of it as plain text. `sse` streams it."""

from itertools import chain

from flask import Blueprint, Response, jsonify

from project.api.job_log import Log, LogQuery, serialize_log_line
from project.live.log_streams import write_log
from project.server.openapi import Answer, describe
from project.server.parsing import read_query
from project.server.services import get_services

blueprint = Blueprint("job_log", __name__)


@blueprint.get("/api/v1/jobs/<id:job_id>/log")
@describe(
    "Read a job's log",
    Answer(200, Log),
    Answer(200, text="The log.", content_type="text/plain; charset=utf-8"),
    tag="jobs",
    query=LogQuery,
    problems=(410, 503),
)
def get_log(job_id: str) -> Response:
    """What the job's code has logged or printed, in all attempts; with `format=text` as text.

    Only the newest lines are kept, for as long as the job's record.
    """
    query, services = read_query(LogQuery), get_services()
    if query.format == "text":
        text = write_log(
            services.ledger, services.job_log, services.listener, job_id, after=query.after
        )
        first = next(text, "")  # so that an error at the start still decides the HTTP status
        return Response(chain([first], text), content_type="text/plain; charset=utf-8")
    services.ledger.get(job_id)
    found = services.job_log.read(job_id, query.after, query.limit + 1)
    lines = found[: query.limit]
    return jsonify(
        lines=[serialize_log_line(line) for line in lines],
        next=lines[-1].place if len(found) > query.limit else None,
    )
