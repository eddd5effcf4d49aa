"""`report.build`: splits a table over many workers, and draws one PDF from their sums.

The first child job reads the table and prepares it for reading in parts; then one child job sums
each part. Once all have finished, the job draws the report. A rerun runs only failed child jobs.
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from project.kinds.artifacts import keep_file
from project.kinds.context import Child, Context, require_all
from project.kinds.definition import job
from project.kinds.files import AnyFile
from project.kinds.parameters import Parameters
from project.kinds.result_view import Table, show
from project.tables.parameters import TableParameters

if TYPE_CHECKING:
    from project.jobs.report_build.document import Facts
    from project.jobs.report_build.sums import Totals

MOST_PARTS = 256
PDF = "report.pdf"
LISTED_GROUPS = 20
"""The result lists at most this many groups; the PDF has more, the CSV file all."""

ColumnName = Annotated[str, Field(max_length=200)]


class ReportParameters(TableParameters):
    """The table, what to sum, and the number of parts to split the table into."""

    title: str = Field("Report", min_length=1, max_length=120, description="Heading of the PDF")
    value: ColumnName = Field(
        "", title="Column to sum", description="A number column; default: chosen automatically"
    )
    group_by: ColumnName = Field(
        "",
        title="Sum by",
        description="A column with few different values; default: chosen automatically",
    )
    measure: Literal["sum", "mean", "rows"] = Field(
        "sum",
        title="Measure",
        description="What the charts show: sums, means or numbers of rows; the tables show all",
    )
    date: ColumnName = Field(
        "", title="Date column", description="For the chart over time; default: the first one"
    )
    parts: int = Field(8, ge=1, le=MOST_PARTS, description="Number of jobs to split the table into")
    on_part_failure: Literal["fail", "leave_out"] = Field(
        "fail",
        title="When a part fails",
        description="Fail: the whole report fails. Leave out: the report omits the part's rows and "
        "says so",
    )


class SourceParameters(TableParameters):
    """The table, and the chosen columns."""

    value: ColumnName = ""
    group_by: ColumnName = ""
    date: ColumnName = ""
    parts: int = 1


class PartParameters(Parameters):
    """The rows of the prepared table to sum."""

    source: AnyFile
    start: int = Field(ge=0)
    count: int = Field(ge=0)
    value: str
    group: str
    date: str
    is_daily: bool = False
    least: float
    greatest: float


@job("report.build", title="Report", queue="long", time_limit_seconds=900, extra="reports")
def build_report(parameters: ReportParameters, context: Context) -> dict[str, Any]:
    """Sum up a large table on many workers at once, and draw a PDF with charts."""
    source = _gather_source(parameters, context)
    calls = [
        ("report.part", {**source["part"], "start": start, "count": count}, f"part {number}")
        for number, (start, count) in enumerate(split(source["rows"], parameters.parts), start=1)
    ]
    parts = context.gather(
        context.submit_many(calls), finished=1, total=len(calls) + 1, step="Adding up the parts"
    )
    if parameters.on_part_failure == "fail":
        require_all(parts)
    good = [part for part in parts if part.has_succeeded]
    if not good:
        require_all(parts)
    return _draw(parameters, context, source, parts)


@job(
    "report.source",
    title="Report: table",
    queue="long",
    time_limit_seconds=900,
    is_internal=True,
    extra="reports",
)
def read_source(parameters: SourceParameters, context: Context) -> dict[str, Any]:
    """Write the table as Parquet with a row group for each part, and choose its columns."""
    import polars as pl  # noqa: PLC0415 - large: only where such a job runs

    from project.jobs.report_build.columns import choose_columns, is_brief  # noqa: PLC0415
    from project.tables.opening import open_table, reading  # noqa: PLC0415

    context.report_progress(0, 3, "Reading the table")
    path, folder = context.files.path(parameters.table), context.files.folder
    table = open_table(path, folder, parameters.format, lambda *_: context.check())
    columns = choose_columns(table, parameters.value, parameters.group_by, parameters.date)
    wanted = list(dict.fromkeys(filter(None, (columns.value, columns.group, columns.date))))
    context.report_progress(1, 3, "Preparing the parts")
    prepared = folder / "source.parquet"
    rows_in_part = max(1, -(-table.row_count // parameters.parts))
    least = greatest = 0.0
    with reading(table.format):
        frame = table.frame.select(wanted or table.columns[:1])
        frame.sink_parquet(prepared, row_group_size=rows_in_part)
        if columns.value:
            value = pl.col(columns.value).cast(pl.Float64)
            row = frame.select(value.min(), value.max().alias("max")).collect().row(0)
            least, greatest = (float(bound or 0) for bound in row)
        is_daily = is_brief(frame, columns.date)
    part = {
        "source": context.files.add(prepared),
        "value": columns.value,
        "group": columns.group,
        "date": columns.date,
        "is_daily": is_daily,
        "least": least,
        "greatest": greatest,
    }
    return {
        "rows": table.row_count,
        "columns": len(table.columns),
        "notes": list(table.remarks),
        "part": part,
    }


@job(
    "report.part",
    title="Report: part",
    queue="long",
    time_limit_seconds=600,
    is_internal=True,
    extra="reports",
)
def sum_rows(parameters: PartParameters, context: Context) -> dict[str, Any]:
    """Write the sums of some rows to a small Parquet file."""
    import polars as pl  # noqa: PLC0415 - large: only where such a job runs

    from project.jobs.report_build.columns import Columns  # noqa: PLC0415
    from project.jobs.report_build.sums import count_bins, sum_part  # noqa: PLC0415

    context.report_progress(0, 1, f"Rows from {parameters.start + 1:,}")
    columns = Columns(parameters.value, parameters.group, parameters.date, parameters.is_daily)
    path = context.files.path(parameters.source)
    frame = pl.scan_parquet(path, glob=False).slice(parameters.start, parameters.count).collect()
    target = context.files.folder / "sums.parquet"
    sum_part(frame, columns).write_parquet(target)
    bins = count_bins(frame, columns, parameters.least, parameters.greatest)
    return {"rows": frame.height, "sums": context.files.add(target), "bins": bins}


def split(rows: int, parts: int) -> list[tuple[int, int]]:
    """Return each part's first row and number of rows. The last part may be shorter."""
    size = max(1, -(-rows // parts))
    return [(start, min(size, rows - start)) for start in range(0, rows, size)]


def _gather_source(parameters: ReportParameters, context: Context) -> dict[str, Any]:
    wanted = parameters.model_dump(include=set(SourceParameters.model_fields))
    (source,) = context.gather(
        [context.submit("report.source", wanted, key="table")], step="Reading the table"
    )
    if not source.has_succeeded:
        require_all([source])
    result: dict[str, Any] = source.result
    return result


def _draw(
    parameters: ReportParameters, context: Context, source: dict[str, Any], parts: list[Child]
) -> dict[str, Any]:
    """Merge the sums and draw the report."""
    from project.jobs.report_build.document import (  # noqa: PLC0415
        GROUPS,
        PERIODS,
        Facts,
        draw_report,
        write_figures,
    )
    from project.jobs.report_build.sums import merge, sort_groups  # noqa: PLC0415

    good = [part.result for part in parts if part.has_succeeded]
    context.report_progress(len(parts), len(parts) + 2, "Adding up")
    totals = merge(
        [context.files.path(part["sums"]) for part in good],
        [part["bins"] for part in good],
        sum(part["rows"] for part in good),
    )
    columns = {name: value for name, value in source["part"].items() if name != "source"}
    facts = Facts(
        **columns,
        title=parameters.title,
        measure=parameters.measure if columns["value"] else "rows",
        rows=source["rows"],
        parts=len(parts),
        missing_parts=len(parts) - len(good),
        job_id=context.job_id,
    )
    totals = sort_groups(totals, facts.measure)
    context.report_progress(len(parts) + 1, len(parts) + 2, "Drawing the report")
    pages = draw_report(context.files.folder / PDF, facts, totals)
    files = {GROUPS: totals.groups or [totals.all]}
    if facts.date:
        files[PERIODS] = totals.periods
    for name, figures in files.items():
        write_figures(context.files.folder / name, figures)
    kept = [keep_file(context, name) for name in files]
    return _show(context, facts, totals, pages) | {"files": kept, "notes": source["notes"]}


def _show(context: Context, facts: "Facts", totals: "Totals", pages: int) -> dict[str, Any]:
    left_out = f", {facts.missing_parts} parts left out" if facts.missing_parts else ""
    return show(
        f"{totals.all.rows:,} rows in {facts.parts} parts, {pages} pages{left_out}",
        facts={
            "Rows": totals.all.rows,
            "Parts": f"{facts.parts - facts.missing_parts} of {facts.parts}",
            "Summed": facts.value or "nothing: the table has no numbers",
            "By": facts.group or "nothing",
            "Groups": len(totals.groups),
            "Sum": round(totals.all.sum, 4),
        },
        report=keep_file(context, PDF),
        tables=[_list_groups(facts, totals)],
        rows=totals.all.rows,
        pages=pages,
    )


def _list_groups(facts: "Facts", totals: "Totals") -> Table:
    return {
        "title": f"By {facts.group}" if facts.group else "All rows",
        "columns": [facts.group or "", "Rows", "Sum", "Mean"],
        "rows": [
            [one.label, one.rows, round(one.sum, 2), one.mean and round(one.mean, 4)]
            for one in (totals.groups or [totals.all])[:LISTED_GROUPS]
        ],
    }
