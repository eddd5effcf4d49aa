"""Many jobs in one request: each is judged by itself, and answered by itself."""

from collections.abc import Sequence
from typing import Any

from project.api import Submission as SubmissionDocument
from project.errors import InvalidInputError, JobsError, UnavailableError
from project.json_values import check_json
from project.ledger import Job
from project.observability.context import Trace
from project.server.addresses import job_address
from project.server.parsing import check
from project.server.problems import describe_problem
from project.server.submitting import make_submission
from project.submission import Submitter
from project.submission.preparation import Submission

Answer = Job | JobsError


def submit_all(
    submitter: Submitter, items: Sequence[Any], owner: str, trace: Trace
) -> list[Answer]:
    """Submit those that can be read; an answer each, in their order."""
    read = [_read(item, owner) for item in items]
    wanted = [item for item in read if isinstance(item, Submission)]
    submitted = iter(submitter.submit_many(wanted, trace))
    return [next(submitted) if isinstance(item, Submission) else item for item in read]


def refuse_if_dependency_is_down(answers: Sequence[Answer]) -> None:
    """UnavailableError where nothing was accepted and that is why: all may be tried again."""
    away = [answer for answer in answers if isinstance(answer, UnavailableError)]
    if away and not any(isinstance(answer, Job) for answer in answers):
        raise away[0]


def present_answers(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """Each job by its id and address, each refusal as its problem."""
    return [_present(answer) for answer in answers]


def _read(item: Any, owner: str) -> Submission | InvalidInputError:
    try:
        check_json(item)
        return make_submission(check(SubmissionDocument, item), owner)
    except InvalidInputError as error:
        return error


def _present(answer: Answer) -> dict[str, Any]:
    if isinstance(answer, Job):
        return {"status": 202, "id": answer.id, "location": job_address(answer.id)}
    problem = describe_problem(answer)
    return {"status": problem["status"], "problem": problem}
