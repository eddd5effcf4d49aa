"""A job's own log: a page as JSON, or all of it as plain text. `live` sends it as it grows."""

from collections.abc import Iterator

from flask import Blueprint, Response, jsonify

from project.ledger.job_log import LINES_AT_ONCE, JobLog
from project.ledger.log_line import LogLine
from project.server.documents import Log, LogQuery
from project.server.log_text import write_lines
from project.server.openapi import Answer, describe
from project.server.parsing import read_query
from project.server.presenting import present_log_line
from project.server.services import services

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

    The newest lines are kept, as long as the job is.
    """
    query, equipment = read_query(LogQuery), services()
    equipment.ledger.get(job_id)
    if query.format == "text":
        lines = equipment.job_log.read(job_id, query.after)
        text = write_log(equipment.job_log, job_id, lines)
        return Response(text, content_type="text/plain; charset=utf-8")
    found = equipment.job_log.read(job_id, query.after, query.limit + 1)
    lines = found[: query.limit]
    return jsonify(
        lines=[present_log_line(line) for line in lines],
        next=lines[-1].place if len(found) > query.limit else None,
    )


def write_log(log: JobLog, job_id: str, lines: list[LogLine]) -> Iterator[str]:
    """The lines as text, then those behind them to the end of the log."""
    attempt = 0
    while lines:
        yield write_lines(lines, attempt)
        attempt = lines[-1].attempt
        is_full = len(lines) == LINES_AT_ONCE
        lines = log.read(job_id, lines[-1].place) if is_full else []
