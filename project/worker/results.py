"""Celery's result backend: an outcome becomes one atomic transition in the ledger.

Celery stores a result with a GET, then MULTI/SETEX/PUBLISH/EXEC. This backend hands the same
document to the ledger, which writes it, the job's transition and the event in one call.
"""

from typing import Any

import structlog
from celery import states
from celery.backends.redis import RedisBackend

from project.errors import NotFoundError, TransitionError
from project.ledger import Job, Ledger, Status
from project.ledger.job import JobError
from project.observability.binding import about, about_message
from project.observability.failures import frames_of

STATUSES = {
    states.SUCCESS: Status.SUCCEEDED,
    states.FAILURE: Status.FAILED,
    states.REVOKED: Status.CANCELLED,
}
_ERROR_LIMIT = 2000
"""Longest error message that is kept, characters."""
_TRACEBACK_LIMIT = 8000
"""Longest traceback that is kept, characters: its end, where the error is."""

_log = structlog.get_logger()


class LedgerBackend(RedisBackend):  # type: ignore[misc]  # Celery has no types
    """Writes Celery's result format through the ledger."""

    def on_task_call(self, producer: Any, task_id: str) -> None:
        """Celery subscribes here to a result that no publisher of ours waits for; not so we."""

    def _store_result(
        self,
        task_id: str,
        result: Any,
        state: str,
        traceback: str | None = None,
        request: Any = None,
        **_: Any,
    ) -> Any:
        meta = self._get_result_meta(result, state, traceback, request)
        meta["task_id"] = task_id
        try:
            job = self._move(task_id, state, meta, traceback, request)
        except (TransitionError, NotFoundError) as refused:
            # A late copy of a job that has ended, or this very write repeated after a time-out.
            with about_message(vars(request) if request else {}, task_id):
                _log.warning("outcome_refused", job_id=task_id, reason=str(refused))
        else:
            log_outcome(job)
        return result

    def _move(
        self, task_id: str, state: str, meta: dict[str, Any], traceback: str | None, request: Any
    ) -> Job:
        ledger: Ledger = self.app.equipment.ledger
        claimed: Job | None = getattr(request, "job", None)
        error = _describe(meta["result"], state, traceback)
        if state == states.RETRY:
            return ledger.retry(
                task_id,
                attempt=claimed.attempt if claimed else None,
                celery_result=self.encode(meta),
                error=error,
                due_at=request.due_at,
            )
        return ledger.finish(
            task_id,
            STATUSES[state],
            attempt=claimed.attempt if claimed else None,
            celery_result=self.encode(meta),
            result=self._plain(meta) if state == states.SUCCESS else None,
            error=error,
        )

    def _plain(self, meta: dict[str, Any]) -> Any:
        """The result as a JSON reader sees it, whatever types the job returned."""
        return self.decode(self.encode(meta))["result"]


def _describe(stored: Any, state: str, traceback: str | None) -> JobError | None:
    """The error in Celery's document: `{"exc_type", "exc_message", …}`."""
    if state == states.SUCCESS:
        return None
    message = stored.get("exc_message", "")
    text = " ".join(map(str, message)) if isinstance(message, list | tuple) else str(message)
    return JobError(
        str(stored.get("exc_type", state)),
        text[:_ERROR_LIMIT],
        (traceback or "")[-_TRACEBACK_LIMIT:],
    )


def log_outcome(job: Job) -> None:
    """The one line that tells how an attempt ended.

    Of some attempts the worker's first process tells it, where no ids are bound.
    """
    with about(job):
        _tell_outcome(job)


def _tell_outcome(job: Job) -> None:
    last = job.attempts[-1] if job.attempts else None
    seconds = last.run_seconds if last else None
    fields: dict[str, Any] = {
        "job_id": job.id,
        "kind": job.kind,
        "lane": job.lane,
        "parent_job_id": job.parent_id or None,
        "root_job_id": job.root_id or None,
        "status": job.status.value,
        "attempt": job.attempt,
        "outcome": "success" if job.status is Status.SUCCEEDED else "failure",
        "duration_ns": None if seconds is None else round(seconds * 1e9),
    }
    if job.status is Status.SUCCEEDED:
        _log.info("job_finished", **fields)
    elif job.status is Status.QUEUED:
        _log.warning("job_put_back", **fields)
    elif job.status is Status.RETRYING:
        _log.warning("job_retrying", **fields, **_error_fields(job))
    else:
        _log.error("job_finished", **fields, **_error_fields(job))


def _error_fields(job: Job) -> dict[str, str]:
    """Without the message, which may quote a parameter: the record has it."""
    if job.error is None:
        return {}
    return {
        "error_type": job.error.type,
        "error_stack_trace": frames_of(job.error.traceback),
    }
