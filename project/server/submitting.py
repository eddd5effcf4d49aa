"""A client's document as a submission."""

from project.errors import UnknownKindError
from project.jobs import get_kind
from project.server.documents import Submission as SubmissionDocument
from project.submission.draft import Submission


def make_submission(
    document: SubmissionDocument, owner: str, idempotency_key: str = ""
) -> Submission:
    """What is to be run; UnknownKindError where clients are not offered that."""
    if get_kind(document.kind).is_internal:
        raise UnknownKindError(f"Kind {document.kind} is run by the scheduler only.", field="kind")
    return Submission(
        kind=document.kind,
        parameters=document.parameters,
        owner=owner,
        idempotency_key=idempotency_key,
        deduplication_key=document.deduplication_key,
        run_at=document.run_at,
        delay_seconds=document.delay_seconds,
    )
