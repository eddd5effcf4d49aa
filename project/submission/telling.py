"""What the log says of a job that was submitted, and the span of its submit."""

from dataclasses import replace

import structlog

from project.ledger import Job
from project.observability.context import Trace

_log = structlog.get_logger()


def find_submit(job: Job, trace: Trace) -> Trace:
    """The span of the job's submit, by who is `trace`.

    A job that an earlier request has recorded, and that is published again, stays in that trace.
    """
    if job.trace_id in {"", trace.trace_id}:
        return trace.submit(job.id)
    return replace(Trace.of_job(job.id, job.trace_id), request_id=trace.request_id)


def tell(job: Job, trace: Trace, seconds: float) -> None:
    """The job will run; its submit by `trace` took so long."""
    submitted = find_submit(job, trace)
    _log.info(
        "job_submitted",
        job_id=job.id,
        kind=job.kind,
        lane=job.lane,
        parent_job_id=job.parent_id or None,
        root_job_id=job.root_id or None,
        trace_id=submitted.trace_id,
        span_id=submitted.span_id,
        transaction_id=trace.span_id,
        duration_ns=round(seconds * 1e9),
    )
