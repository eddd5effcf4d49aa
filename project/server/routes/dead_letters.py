"""The dead letters under `/api/v1/dead-letters`."""

from flask import Blueprint, Response, jsonify

from project.api.dead_letters import (
    RERUN_AT_ONCE,
    DeadLetter,
    DeadLetterList,
    DeadLetterQuery,
    RerunAnswer,
    RerunDeadLetters,
    serialize_dead_letter,
)
from project.api.jobs import Job
from project.api.submissions import Rerun
from project.api.values import make_filter
from project.ledger.dead_letters import DeadLetterFilter
from project.server.access_log import current_trace
from project.server.answers import Accepted, accept, answer_each, answer_page
from project.server.openapi import Answer, describe
from project.server.parsing import read_body, read_optional_body, read_query
from project.server.services import Services, get_services

blueprint = Blueprint("dead_letters", __name__, url_prefix="/api/v1/dead-letters")


@blueprint.get("")
@describe(
    "List dead letters",
    Answer(200, DeadLetterList, headers=("Link",)),
    tag="dead letters",
    query=DeadLetterQuery,
    problems=(503,),
)
def list_dead_letters() -> Response:
    """Dead letters, newest first, a page at a time, without their messages."""
    query, services = read_query(DeadLetterQuery), get_services()
    letters, next_cursor = services.dead_letters.list_letters(
        make_filter(DeadLetterFilter, query), query.cursor, query.limit
    )
    jobs = services.ledger.read([letter.id for letter in letters])
    items = [
        serialize_dead_letter(letter, job, services.settings.trace_link, with_message=False)
        for letter, job in zip(letters, jobs, strict=True)
    ]
    return answer_page("dead_letters", items, next_cursor)


@blueprint.get("/<id:letter_id>")
@describe("Get a dead letter", Answer(200, DeadLetter), tag="dead letters", problems=(503,))
def get_dead_letter(letter_id: str) -> Response:
    """One dead letter with its message, which has the job's parameters."""
    services = get_services()
    letter = services.dead_letters.get(letter_id)
    job = services.ledger.find(letter_id)
    return jsonify(serialize_dead_letter(letter, job, services.settings.trace_link))


@blueprint.post("/<id:letter_id>/rerun")
@describe(
    "Rerun a dead job",
    Answer(202, Job, "The new job.", headers=("Location",)),
    tag="dead letters",
    body=Rerun,
    is_body_optional=True,
    example={},
    problems=(409, 410, 429, 503),
)
def rerun_dead_letter(letter_id: str) -> Accepted:
    """A new job with the same or other parameters. Repeated requests return the same new job."""
    rerun, services = read_optional_body(Rerun), get_services()
    services.dead_letters.get(letter_id)
    return accept(services.submitter.rerun(letter_id, current_trace(), rerun.parameters))


@blueprint.post("/rerun")
@describe(
    "Rerun many dead jobs",
    Answer(207, RerunAnswer, "One result per selected dead letter."),
    tag="dead letters",
    body=RerunDeadLetters,
    example={"reason": ["worker_lost"], "rate_per_second": 10},
    problems=(503,),
)
def rerun_dead_letters() -> tuple[Response, int]:
    """The named dead letters, or the newest that match the filters; at most 1,000 per call.

    With `rate_per_second` all are accepted at once and become due one after the other.
    """
    rerun, services = read_body(RerunDeadLetters), get_services()
    answers = services.submitter.rerun_many(
        _choose(rerun, services),
        current_trace(),
        rate_per_second=rerun.rate_per_second or 0,
    )
    return jsonify(jobs=answer_each(answers), left=services.dead_letters.count()), 207


@blueprint.delete("/<id:letter_id>")
@describe(
    "Discard a dead letter",
    Answer(204, text="The dead letter is deleted; the job's record stays."),
    tag="dead letters",
    problems=(503,),
)
def discard_dead_letter(letter_id: str) -> tuple[str, int]:
    """Delete the dead letter without rerunning its job."""
    letters = get_services().dead_letters
    letters.get(letter_id)
    letters.remove(letter_id)
    return "", 204


def _choose(rerun: RerunDeadLetters, services: Services) -> list[str]:
    if "ids" in rerun.model_fields_set:
        return rerun.ids
    chosen = make_filter(DeadLetterFilter, rerun)
    letters, _ = services.dead_letters.list_letters(chosen, limit=RERUN_AT_ONCE)
    return [letter.id for letter in letters]
