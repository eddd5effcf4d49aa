"""`jobs.history`: the jobs of the last days as a table, for a report on the service itself."""

import csv
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import Field

from project.kinds.artifacts import keep_file
from project.kinds.context import Context
from project.kinds.definition import job
from project.kinds.parameters import Parameters
from project.kinds.result_view import show
from project.tables.spreadsheets import guard_cell

MOST_JOBS = 1_000_000
COLUMNS = ("submitted_at", "kind", "queue", "status", "attempts", "wait_seconds", "run_seconds")


class HistoryParameters(Parameters):
    """Which jobs to list."""

    days: int = Field(7, ge=1, le=90, description="How many days back the list begins")


@job("jobs.history", title="History of jobs", queue="long", time_limit_seconds=900)
def list_history(parameters: HistoryParameters, context: Context) -> dict[str, Any]:
    """A CSV file of the last days' jobs: kind, queue, status, how long they waited and ran."""
    since = datetime.now(UTC) - timedelta(days=parameters.days)
    target, count = context.files.folder / "jobs.csv", 0
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for summary in context.list_jobs(since):
            # A message may name an unknown kind.
            writer.writerow({name: guard_cell(summary[name]) for name in COLUMNS})
            count += 1
            if count % 500 == 0:
                context.report_progress(0, 0, f"{count:,} jobs")
            if count == MOST_JOBS:
                break
    return show(
        f"{count:,} jobs of the last {parameters.days} days",
        files=[keep_file(context, target.name)],
        jobs=count,
    )
