"""Celery's result documents, for outcomes that Celery itself does not write. Pure."""

from datetime import UTC, datetime

from project.ledger.job import format_time
from project.ledger.record import encode_json


def revoked_document(job_id: str) -> str:
    """For a cancelled job: `AsyncResult` reads REVOKED."""
    return _document(job_id, "REVOKED", "TaskRevokedError", "cancelled", "celery.exceptions")


def dead_document(job_id: str, reason: str) -> str:
    """For a dead job: `AsyncResult` reads FAILURE."""
    return _document(job_id, "FAILURE", "WorkerLostError", reason, "billiard.exceptions")


def _document(job_id: str, status: str, error: str, message: str, module: str) -> str:
    return encode_json(
        {
            "status": status,
            "result": {"exc_type": error, "exc_message": [message], "exc_module": module},
            "traceback": None,
            "children": [],
            "date_done": format_time(datetime.now(UTC)),
            "task_id": job_id,
        }
    )
