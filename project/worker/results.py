"""Celery's result backend: an outcome becomes one atomic transition in the ledger.

Celery stores a result with a GET, then MULTI/SETEX/PUBLISH/EXEC. This backend hands the same
document to the ledger, which writes it, the job's transition and the event in one call.

Without a record, the outcome is Celery's. A job that never began (it expired or was revoked, or is
the callback of a failed chord) gets a record with that outcome. A task that is not a kind has only
Celery's result.
"""

import json
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog
from celery import states
from celery.app.task import Context
from celery.backends.redis import RedisBackend

from project.errors import NotFoundError, TransitionError
from project.jobs import KINDS
from project.ledger import Job, Ledger, Status
from project.ledger.job import JobError, format_time
from project.ledger.record import encode_json
from project.observability.binding import about_message
from project.observability.context import Trace
from project.worker.attempt_logging import log_end

STATUSES = {
    states.SUCCESS: Status.SUCCEEDED,
    states.FAILURE: Status.FAILED,
    states.REVOKED: Status.CANCELLED,
}
_ERROR_LIMIT = 2000
"""Longest error message to keep, characters."""
_TRACEBACK_LIMIT = 8000
"""Longest traceback to keep, characters: the end of it, where the error is."""

_log = structlog.get_logger()


class LedgerBackend(RedisBackend):  # type: ignore[misc]  # Celery has no types
    """Writes Celery's result format through the ledger."""

    _is_patient = True
    _unsubmitted: Any = None
    """The callback of a chord while its failure is stored: Celery passes only its id."""

    def be_impatient(self) -> None:
        """Make an outage of Redis an error at once. Each thread has its own backend."""
        self._is_patient = self.always_retry = False

    def on_task_call(self, producer: Any, task_id: str) -> None:
        """Do nothing. Celery would subscribe to the result here, but no publisher waits for it."""

    def _store_result(
        self,
        task_id: str,
        result: Any,
        state: str,
        traceback: str | None = None,
        request: Any = None,
        **_: Any,
    ) -> Any:
        if (
            state not in STATUSES and state != states.RETRY
        ):  # from `update_state` of a task or a job
            return super()._store_result(task_id, result, state, traceback, request)
        meta = self._get_result_meta(result, state, traceback, request)
        meta["task_id"] = task_id
        try:
            self._check_owner(task_id, request)
            self._tell(task_id, request, self._move(task_id, state, meta, traceback, request))
        except (TransitionError, NotFoundError) as refused:
            if self._ledger.find(task_id) is not None:
                self._tell(task_id, request, refused)
            elif job := self._describe_unrecorded(task_id, state, request):
                self._tell(task_id, request, self._end_unrecorded(job, state, meta, traceback))
            else:
                super()._store_result(task_id, result, state, traceback, request)
        return result

    def _check_owner(self, task_id: str, request: Any) -> None:
        """Refuse the outcome of a task that has the id of another kind's job.

        Raises TransitionError, or NotFoundError if there is no job with that id.
        """
        name = getattr(request, "task", None) or getattr(request, "name", None)
        if name is None or hasattr(request, "job"):
            return
        job = self._ledger.find(task_id)
        if job is None:
            raise NotFoundError(f"There is no job {task_id}.")
        if job.kind != name:
            raise TransitionError(f"Job {task_id} is of another kind.")

    def chord_error_from_stack(self, callback: Any, exc: BaseException | None = None) -> Any:
        """Fail the callback of a chord whose header has failed; it was never submitted."""
        self._unsubmitted = callback
        try:
            return super().chord_error_from_stack(callback, exc)
        finally:
            self._unsubmitted = None

    def succeed_later(self, request: Any, value: Any) -> None:
        """Record with the ledger's next step that the attempt of `request.job` succeeded.

        Raises the errors of `json` or kombu if the value has no JSON form.
        """
        text = self._encode_value(value)
        document = {
            "status": states.SUCCESS,
            "traceback": None,
            "children": self.current_task_children(request),
            "date_done": format_time(datetime.now(UTC)),
            "task_id": request.id,
        }
        if request.parent_id:
            document["parent_id"] = request.parent_id
        reservation = vars(request).get("reservation")
        self._ledger.attempts.succeed_later(
            request.job,
            f'{encode_json(document)[:-1]},"result":{text}}}',
            json.loads(text),
            partial(self._tell, request.id, request),
            holder=reservation.unclaimed_holder if reservation else "",
        )

    def _encode_value(self, value: Any) -> str:
        """Encode like kombu; `json` alone is faster if the value has only JSON types."""
        try:
            return json.dumps(value)
        except TypeError:
            return str(self.encode(value))

    @property
    def _ledger(self) -> Ledger:
        equipment = self.app.equipment
        ledger: Ledger = equipment.ledger if self._is_patient else equipment.quick_ledger
        return ledger

    def _tell(self, task_id: str, request: Any, finished: Job | Exception) -> None:
        """Log that the job has finished, or that its outcome was refused."""
        headers = vars(request) if request else {}
        if isinstance(finished, Exception):
            # A late copy of a finished job, or the same write repeated after a time-out.
            with about_message(headers, task_id):
                _log.warning("outcome_refused", job_id=task_id, reason=str(finished))
        else:
            submitted = headers.get("submitted") or Trace.of_message(headers, task_id)
            reservation = headers.get("reservation")
            log_end(
                finished,
                submitted,
                self.app.equipment.spans,
                with_start=reservation is not None and not reservation.is_claimed,
            )

    def _move(
        self, task_id: str, state: str, meta: dict[str, Any], traceback: str | None, request: Any
    ) -> Job:
        ledger = self._ledger
        claimed: Job | None = getattr(request, "job", None)
        error = _describe(meta["result"], state, traceback)
        if state == states.REVOKED and request is None:
            # Celery's `revoke` by id, in a worker that does not run the job and knows only the id.
            return ledger.cancel_waiting(task_id, celery_result=self.encode(meta))
        if state == states.RETRY:
            return ledger.attempts.retry(
                task_id,
                attempt=claimed.attempt if claimed else None,
                celery_result=self.encode(meta),
                error=error,
                due_at=request.due_at,
            )
        return ledger.attempts.finish(
            task_id,
            STATUSES[state],
            attempt=claimed.attempt if claimed else None,
            kind=claimed.kind if claimed else "",
            celery_result=self.encode(meta),
            result=self._plain(meta) if state == states.SUCCESS else None,
            error=error,
        )

    def _describe_unrecorded(self, task_id: str, state: str, request: Any) -> Job | None:
        """The job that never began, or was lost; None if the task is not a kind, or is retried."""
        if state == states.RETRY:
            return None
        if request is None and (signature := _find_signature(self._unsubmitted, task_id)):
            request = Context(signature)
        described = vars(request) if request else {}
        kind = KINDS.get(described.get("task", ""))
        if kind is None:
            return None
        routing_key = (described.get("delivery_info") or {}).get("routing_key") or ""
        queue = routing_key.rpartition(".")[2]
        return Job.from_message(
            described,
            id=task_id,
            kind=kind.name,
            queue=queue if queue in self.app.amqp.queues else self.app.conf.task_default_queue,
            parameters=kind.name_arguments(
                described.get("args") or (), described.get("kwargs") or {}
            ),
            trace_id=Trace.of_message(described, task_id).trace_id,
            received_at=datetime.now(UTC),
        )

    def _end_unrecorded(
        self, job: Job, state: str, meta: dict[str, Any], traceback: str | None
    ) -> Job:
        return self._ledger.attempts.end_unrecorded(
            job,
            STATUSES[state],
            celery_result=self.encode(meta),
            error=_describe(meta["result"], state, traceback),
        )

    def _plain(self, meta: dict[str, Any]) -> Any:
        """The result as decoded from its JSON, whatever types the job returned."""
        return self.decode(self.encode(meta))["result"]


def _find_signature(callback: Any, task_id: str) -> Any:
    """The kind's signature with that id: the callback or one of its tasks; None if not found."""
    if callback is None or (callback.id == task_id and callback.task in KINDS):
        return callback
    parts = getattr(callback, "tasks", ())
    return next(filter(None, (_find_signature(part, task_id) for part in parts)), None)


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
