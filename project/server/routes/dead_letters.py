"""The dead letters under `/api/v1/dead-letters`: jobs that were given up."""

from flask import Blueprint, Response, jsonify

from project.api.dead_letters import (
    REPLAYED_AT_ONCE,
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
from project.server.services import Services, services

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
    """Newest first, a page at a time, without their messages."""
    query, equipment = read_query(DeadLetterQuery), services()
    letters, next_cursor = equipment.dead_letters.list_letters(
        make_filter(DeadLetterFilter, query), query.cursor, query.limit
    )
    jobs = equipment.ledger.read([letter.id for letter in letters])
    items = [
        serialize_dead_letter(letter, job, equipment.settings.trace_link, with_message=False)
        for letter, job in zip(letters, jobs, strict=True)
    ]
    return answer_page("dead_letters", items, next_cursor)


@blueprint.get("/<id:letter_id>")
@describe("Get a dead letter", Answer(200, DeadLetter), tag="dead letters", problems=(503,))
def get_dead_letter(letter_id: str) -> Response:
    """With its message, and so with what the job was given."""
    equipment = services()
    letter = equipment.dead_letters.get(letter_id)
    job = equipment.ledger.find(letter_id)
    return jsonify(serialize_dead_letter(letter, job, equipment.settings.trace_link))


@blueprint.post("/<id:letter_id>/rerun")
@describe(
    "Run a dead job again",
    Answer(202, Job, "The new job.", headers=("Location",)),
    tag="dead letters",
    body=Rerun,
    is_body_optional=True,
    example={},
    problems=(409, 410, 429, 503),
)
def rerun_dead_letter(letter_id: str) -> Accepted:
    """As a new job, maybe with other parameters. However often that is asked for, it is one job."""
    rerun, equipment = read_optional_body(Rerun), services()
    equipment.dead_letters.get(letter_id)
    return accept(equipment.submitter.rerun(letter_id, current_trace(), rerun.parameters))


@blueprint.post("/rerun")
@describe(
    "Run many dead jobs again",
    Answer(207, RerunAnswer, "An answer for each dead letter that was taken."),
    tag="dead letters",
    body=RerunDeadLetters,
    example={"reason": ["worker_lost"], "rate_per_second": 10},
    problems=(503,),
)
def rerun_dead_letters() -> tuple[Response, int]:
    """Those named, or the newest that the filters let pass; at most 1,000 in a call.

    With `rate_per_second` they are accepted at once and become due one after the other.
    """
    rerun, equipment = read_body(RerunDeadLetters), services()
    answers = equipment.submitter.rerun_many(
        _choose(rerun, equipment),
        current_trace(),
        rate_per_second=rerun.rate_per_second or 0,
    )
    return jsonify(jobs=answer_each(answers), left=equipment.dead_letters.count()), 207


@blueprint.delete("/<id:letter_id>")
@describe(
    "Discard a dead letter",
    Answer(204, text="It is forgotten; the job's record stays."),
    tag="dead letters",
    problems=(503,),
)
def discard_dead_letter(letter_id: str) -> tuple[str, int]:
    """It will not be run again from here."""
    letters = services().dead_letters
    letters.get(letter_id)
    letters.remove(letter_id)
    return "", 204


def _choose(rerun: RerunDeadLetters, equipment: Services) -> list[str]:
    if "ids" in rerun.model_fields_set:
        return rerun.ids
    chosen = make_filter(DeadLetterFilter, rerun)
    letters, _ = equipment.dead_letters.list_letters(chosen, limit=REPLAYED_AT_ONCE)
    return [letter.id for letter in letters]
