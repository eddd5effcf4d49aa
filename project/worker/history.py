"""What a job may read about other jobs: their course, but no parameters and no results."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from project.ledger import Job, Ledger
from project.ledger.job import format_time
from project.ledger.listing import JobFilter

PAGE = 500


def list_jobs(ledger: Ledger, since: datetime) -> Iterator[dict[str, Any]]:
    """The jobs that were submitted since then, newest first."""
    chosen, cursor = JobFilter(submitted_after=since), ""
    while True:
        page = ledger.list_jobs(chosen, cursor, PAGE)
        yield from map(_summarize, page.jobs)
        if not page.next_cursor:
            return
        cursor = page.next_cursor


def _summarize(job: Job) -> dict[str, Any]:
    last = job.attempts[-1] if job.attempts else None
    return {
        "submitted_at": format_time(job.submitted_at),
        "kind": job.kind,
        "queue": job.queue,
        "status": job.status.value,
        "attempts": job.attempt,
        "wait_seconds": last.wait_seconds if last else None,
        "run_seconds": last.run_seconds if last else None,
    }
