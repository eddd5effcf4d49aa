"""A client's document as a submission."""

from typing import Any

from project.api import Submission as SubmissionDocument
from project.errors import InvalidInputError, MissingFileError, NotFoundError
from project.jobs import get_offered
from project.kinds.files import list_files
from project.server.services import services
from project.submission.preparation import Submission


def make_submission(
    document: SubmissionDocument, owner: str, idempotency_key: str = ""
) -> Submission:
    """What is to be run; UnknownKindError where clients are not offered that."""
    get_offered(document.kind)
    check_files(document.parameters)
    return Submission(
        kind=document.kind,
        parameters=document.parameters,
        owner=owner,
        idempotency_key=idempotency_key,
        deduplication_key=document.deduplication_key,
        run_at=document.run_at,
        delay_seconds=document.delay_seconds,
    )


def check_files(parameters: Any) -> None:
    """A job with a file that is not there would fail: MissingFileError tells it now."""
    for path, file_id in _list_files(parameters):
        try:
            services().files.size(file_id)
        except NotFoundError:
            sentence = f"There is no file {file_id}: send it first; it may have expired."
            raise MissingFileError(sentence, field=path) from None


def _list_files(parameters: Any) -> list[tuple[str, str]]:
    try:
        return list(list_files(parameters))
    except RecursionError:
        raise InvalidInputError("parameters: nested too deep.", field="parameters") from None
