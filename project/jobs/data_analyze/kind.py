"""`data.analyze`: describes a table in a report, pictures and a table of its columns."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog
from pydantic import Field

from project.kinds.artifacts import keep, keep_picture
from project.kinds.definition import Context, job
from project.kinds.result_view import show
from project.tables.parameters import TableParameters

if TYPE_CHECKING:
    from project.jobs.data_analyze.findings import Finding
    from project.jobs.data_analyze.profile import Profile
    from project.tables.opening import Table

READ_SHARE = 0.4
"""Reading's share of the progress: it takes about as long as analysing the columns."""
_SHOWN_FINDINGS = 12

_log = structlog.get_logger()


class AnalyzeParameters(TableParameters):
    """The table to analyse, and the report's heading."""

    title: str = Field(
        "Table",
        min_length=1,
        max_length=120,
        title="Title",
        description="Heading of the report",
        examples=["Orders 2026"],
    )


@job(
    "data.analyze",
    title="Analyse a table",
    queue="long",
    time_limit_seconds=1800,
    extra="tables",
)
def analyze(parameters: AnalyzeParameters, context: Context) -> dict[str, Any]:
    """Analyse each column of a CSV or Parquet table, and the relations between columns.

    The result has a report (HTML), two pictures, a table of the columns, and `columns.csv`.
    """
    # Importing polars and matplotlib takes seconds and 100 MiB: import them only here.
    from project.jobs.data_analyze.findings import find_findings  # noqa: PLC0415
    from project.tables.opening import open_table  # noqa: PLC0415

    report = _Reporter(context.report_progress)
    report("Reading the table")
    path = context.files.path(parameters.table)
    table = open_table(path, context.files.folder, parameters.format, report.rows_read)
    _log.info("table_opened", rows=table.row_count, columns=len(table.columns))
    profile = _profile(table, parameters, report, context.check)
    found = find_findings(profile)
    _log.info("table_analysed", findings=len(found))
    report.at(0.9, "Writing the report")
    return _make_result(
        parameters.title, profile, found, table=table, context=context, report=report
    )


class _Reporter:
    """Reports progress from 0 to 1: reading, then analysing the columns, then writing results."""

    def __init__(self, report_progress: Callable[..., None]) -> None:
        self._report_progress = report_progress
        self._done = 0.0
        self.steps = 1

    def __call__(self, step: str) -> None:
        """Report the next step of the analysis."""
        self.at(self._done, step)
        self._done += (0.9 - READ_SHARE) / self.steps if self.steps > 1 else 0

    def at(self, done: float, step: str) -> None:
        """Report `step`, with this share of the job done."""
        self._done = done
        self._report_progress(round(min(done, 1.0), 3), 1, step)

    def rows_read(self, rows: int) -> None:
        """Report the rows read so far, before the file's row count is known."""
        self.at(min(READ_SHARE, 0.05 + rows / 4_000_000), f"Reading the table: {rows:,} rows")


def _profile(
    table: "Table", parameters: AnalyzeParameters, report: _Reporter, check: Callable[[], None]
) -> "Profile":
    from project.jobs.data_analyze.profiling import profile_table  # noqa: PLC0415
    from project.tables.opening import reading  # noqa: PLC0415

    report.at(READ_SHARE, f"Loading {table.row_count:,} rows")
    frame = table.load(check=check)
    report.steps = frame.width + 5
    with reading(table.format):
        profile = profile_table(frame, report, parameters.column_types, table.lost)
    doubts = [each.sentence for each in table.strays] + [each.sentence for each in table.guesses]
    return replace(profile, doubts=doubts)


def _make_result(
    title: str,
    profile: "Profile",
    found: "list[Finding]",
    *,
    table: "Table",
    context: Context,
    report: _Reporter,
) -> dict[str, Any]:
    from project.html_report.page import Level  # noqa: PLC0415
    from project.jobs.data_analyze.overview import make_table, write_csv  # noqa: PLC0415
    from project.jobs.data_analyze.pictures import (  # noqa: PLC0415
        draw_correlations,
        draw_distributions,
    )
    from project.jobs.data_analyze.report import write_report  # noqa: PLC0415

    html = write_report(title, profile, found, f"{datetime.now(UTC):%Y-%m-%d}")
    link = keep(context, html.encode(), "report.html")
    columns = keep(context, write_csv(profile.columns), "columns.csv")
    report.at(0.94, "Drawing the distributions")
    pictures = [keep_picture(context, draw_distributions(profile), "Distributions")]
    if len(profile.correlations.names) > 1:
        report.at(0.97, "Drawing the correlations")
        drawn = draw_correlations(profile.correlations)
        pictures.append(keep_picture(context, drawn, "Correlations"))
    serious = sum(level is Level.SERIOUS for level, _ in found)
    return show(
        f"{profile.rows:,} rows, {len(profile.columns)} columns: {_say(len(found), serious)}.",
        facts={
            "Rows": profile.rows,
            "Columns": len(profile.columns),
            "Missing cells": profile.missing,
            "Duplicate rows": profile.duplicates,
            "Format": table.format,
        },
        pictures=pictures,
        report=link,
        tables=[make_table(profile.columns)],
        files=[columns],
        findings=[{"level": level, "text": text} for level, text in found[:_SHOWN_FINDINGS]],
        notes=list(table.notes),
    )


def _say(findings: int, serious: int) -> str:
    noun = "finding" if findings == 1 else "findings"
    return f"{findings} {noun}, {serious} of them serious" if serious else f"{findings} {noun}"
