"""Values as the API's JSON. Pure, but for the links."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson

from project.api import DeadLetter as DeadLetterDocument
from project.api import DeadMessage, LogError, Queue, TaskStatus
from project.api import File as FileDocument
from project.api import Job as JobDocument
from project.api import Kind as KindDocument
from project.api import LogLine as LogLineDocument
from project.api import RunTime as RunTimeDocument
from project.api import Schedule as ScheduleDocument
from project.api import SignUp as SignUpDocument
from project.api import Task as TaskDocument
from project.files import StoredFile, is_file_id
from project.jobs import KINDS, Kind
from project.ledger import Job, Status
from project.ledger.dead_letters import DeadLetter
from project.ledger.job import Attempt, JobError, format_time
from project.ledger.listing import QueueState
from project.ledger.log_line import LogLine
from project.ledger.run_times import RunTime
from project.queues import QueueName
from project.scheduler.schedules.schedule import Schedule
from project.signups import SignUp

_FILES = "/api/v1/files/"

# The tutorial's Celery does not report STARTED: a job that has not ended reads PENDING.
TASK_STATUSES: Mapping[Status, TaskStatus] = {
    Status.SUCCEEDED: "SUCCESS",
    Status.FAILED: "FAILURE",
    Status.DEAD: "FAILURE",
    Status.CANCELLED: "REVOKED",
}


NEXT_RUNS = 5
"""So many of a schedule's next times are told."""


def present_task(job: Job) -> dict[str, Any]:
    """A job in the tutorial's words."""
    status = TASK_STATUSES.get(job.status, "PENDING")
    result = job.result if status == "SUCCESS" else job.error and job.error.message
    return TaskDocument(
        task_id=job.id,
        task_status=status,
        task_result=result if job.status.is_finished else None,
    ).model_dump()


def present_job(job: Job, trace_link: str = "") -> dict[str, Any]:
    """A job, as its document says; its parameters are left out, they may be private.

    Not made by that model, which would check once more what comes from the ledger: that takes as
    long as to take the job in.
    """
    kind = KINDS.get(job.kind)
    return {
        "id": job.id,
        "kind": job.kind,
        "title": kind.title if kind else job.kind,
        "queue": job.queue,
        "status": job.status,
        "progress": asdict(job.progress) if job.progress else None,
        "worker": job.worker or None,
        "attempt": job.attempt,
        "submitted_at": format_time(job.submitted_at),
        "run_at": _time(job.run_at),
        "available_at": _time(job.available_at),
        "started_at": _time(job.started_at),
        "finished_at": _time(job.finished_at),
        "expires_at": _time(job.expires_at),
        "cancel_requested_at": _time(job.cancel_requested_at),
        "is_internal": kind is not None and kind.is_internal,
        "has_log": job.has_log,
        "result": _with_links(job.result),
        "error": _failure(job.error),
        "attempts": [_attempt(attempt) for attempt in job.attempts],
        "key": job.key or None,
        "parent_id": job.parent_id or None,
        "root_id": job.root_id or job.id,
        "rerun_of": job.rerun_of or None,
        "rerun_as": job.rerun_as or None,
        "trace_id": job.trace_id or None,
        "trace_url": _trace_url(job, trace_link),
        "version": job.version,
    }


def _trace_url(job: Job, trace_link: str) -> str | None:
    return trace_link.replace("{trace_id}", job.trace_id) if job.trace_id and trace_link else None


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "outcome": attempt.outcome,
        "worker": attempt.worker or None,
        "available_at": _time(attempt.available_at),
        "started_at": _time(attempt.started_at),
        "finished_at": _time(attempt.finished_at),
        "wait_seconds": attempt.wait_seconds,
        "run_seconds": attempt.run_seconds,
        "error": _failure(attempt.error),
    }


def present_log_line(line: LogLine) -> dict[str, Any]:
    """A line of a job's own log. It is the data of the job's owner: nothing is left out."""
    return LogLineDocument(
        id=line.place,
        attempt=line.attempt,
        time=line.time,
        level=line.level,
        message=line.message,
        logger=line.logger or None,
        fields=dict(line.fields),
        error=LogError(**asdict(line.error)) if line.error else None,
        missing=line.missing,
    ).model_dump()


def present_file(stored: StoredFile) -> dict[str, Any]:
    """A file that was taken."""
    return FileDocument(
        file=stored.id,
        type=stored.type.name,
        content_type=stored.type.content_type,
        bytes=stored.size_bytes,
        url=f"{_FILES}{stored.id}",
    ).model_dump()


def present_queue(queue: QueueState, ready: int | None, consumers: int | None) -> dict[str, Any]:
    """How full a queue is, as the ledger and RabbitMQ say; None where that does not answer."""
    return Queue(**asdict(queue), ready=ready, consumers=consumers).model_dump()


def present_dead_letter(
    letter: DeadLetter, job: Job | None, trace_link: str = "", *, with_message: bool = True
) -> dict[str, Any]:
    """A dead letter and its job, if that has a record."""
    return DeadLetterDocument(
        id=letter.id,
        reason=letter.reason,
        detail=letter.detail,
        kind=letter.kind or None,
        queue=letter.queue or None,
        died_at=format_time(letter.died_at),
        job=JobDocument(**present_job(job, trace_link)) if job else None,
        message=_message(letter) if with_message else None,
    ).model_dump()


def _message(letter: DeadLetter) -> DeadMessage:
    """Without its owner: who knows that id passes for that browser."""
    return DeadMessage(
        headers={name: value for name, value in letter.headers.items() if name != "owner"},
        content_type=letter.content_type,
        body=_read_body(letter.body),
    )


def _read_body(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return base64.b64encode(body).decode()


def present_kind(kind: Kind, run_times: Sequence[RunTime] = ()) -> dict[str, Any]:
    """A kind, with the JSON Schema of its parameters."""
    return KindDocument(
        name=kind.name,
        title=kind.title,
        description=kind.description,
        queue=kind.queue.value if isinstance(kind.queue, QueueName) else None,
        parameters=kind.parameters_model.model_json_schema(),
        time_limit_seconds=kind.time_limit_seconds,
        max_attempts=kind.max_attempts,
        run_times=[
            RunTimeDocument(
                queue=one.queue,
                runs=one.runs,
                p50_seconds=one.p50_seconds,
                p95_seconds=one.p95_seconds,
                blocks_queue=one.blocks_queue,
            )
            for one in run_times
            if one.kind == kind.name
        ],
    ).model_dump()


def present_schedule(schedule: Schedule) -> dict[str, Any]:
    """A schedule with its next times. Who may change it may see what its jobs are given."""
    plan, kind = schedule.plan, KINDS.get(schedule.plan.kind)
    return ScheduleDocument(
        id=schedule.id,
        title=plan.title or (kind.title if kind else plan.kind),
        kind=plan.kind,
        parameters=dict(plan.parameters),
        cron=plan.cron or None,
        every_seconds=plan.every_seconds or None,
        time_zone=plan.time_zone,
        starts_at=_time(plan.starts_at),
        overlap=plan.overlap,
        catch_up=plan.catch_up,
        is_paused=schedule.is_paused,
        created_at=format_time(schedule.created_at),
        next_at=None if schedule.is_paused else format_time(schedule.next_at),
        next_runs=[format_time(moment) for moment in schedule.list_next(NEXT_RUNS)],
        last_at=_time(schedule.last_at),
        last_job_id=schedule.last_job_id or None,
        skips=schedule.skips,
        last_skip_at=_time(schedule.last_skip_at),
        last_skip_reason=schedule.last_skip_reason or None,
        version=schedule.version,
    ).model_dump()


def present_signup(signup: SignUp) -> dict[str, Any]:
    """A sign-up and the ids of its jobs."""
    return SignUpDocument(
        id=signup.id,
        email=signup.email,
        job=signup.job,
        picture_job=signup.picture_job,
        mail_job=signup.mail_job,
        created_at=signup.created_at,
        confirmed_at=signup.confirmed_at or None,
    ).model_dump()


def _failure(error: JobError | None) -> dict[str, str] | None:
    """Without the traceback, which tells of our code."""
    return {"type": error.type, "message": error.message} if error else None


def _time(moment: datetime | None) -> str | None:
    return format_time(moment) if moment else None


def _with_links(result: Any) -> Any:
    """The result, with a `url` beside every `file` that the store keeps."""
    if isinstance(result, list):
        return [_with_links(item) for item in result]
    if not isinstance(result, dict):
        return result
    linked = {key: _with_links(value) for key, value in result.items()}
    file_id = result.get("file")
    if isinstance(file_id, str) and is_file_id(file_id):
        linked["url"] = f"{_FILES}{file_id}"
    return linked
