"""A job that belongs to another one: its submission, always the same for the same key."""

from collections.abc import Mapping
from typing import Any

from project.ledger import Job
from project.submission.preparation import Submission


def make_child(parent: Job, kind: str, parameters: Mapping[str, Any], key: str) -> Submission:
    """The submission of the parent's child of that key; to submit it again changes nothing."""
    return Submission(
        kind=kind,
        parameters=parameters,
        owner=parent.owner,
        idempotency_key=f"child of {parent.id}: {key}",
        key=key,
        parent=parent,
    )
