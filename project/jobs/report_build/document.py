"""Writes a report as PDF, and its groups and periods as CSV."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    KeepTogether,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

from project.jobs.report_build.charts import (
    HAIR,
    INK,
    QUIET,
    SOFT,
    Bars,
    Histogram,
    Periods,
    Point,
    find_place,
    format_number,
    shorten,
)
from project.jobs.report_build.sums import Figures, Totals, merge_all
from project.jobs.report_build.texts import (
    BOLD,
    FONT,
    draw_text,
    make_cell,
    make_paragraph,
    register_fonts,
)
from project.tables.spreadsheets import guard_cell

MARGIN = 20 * mm
WIDTH = A4[0] - 2 * MARGIN
DRAWN_GROUPS = 15
GROUPS, PERIODS = "groups.csv", "periods.csv"
LISTED_GROUPS = 200
LISTED_PERIODS = 120


@dataclass(frozen=True, slots=True)
class Facts:
    """What the report is about; an empty column name means no such column."""

    title: str
    measure: str
    """What the charts show: `sum`, `mean` or `rows`."""
    value: str
    group: str
    date: str
    is_daily: bool
    rows: int
    parts: int
    missing_parts: int
    least: float
    greatest: float
    job_id: str


def draw_report(path: Path, facts: Facts, totals: Totals) -> int:
    """Write the PDF and return its number of pages."""
    register_fonts()
    document = BaseDocTemplate(
        str(path),
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=18 * mm,
        bottomMargin=18 * mm,
        title=facts.title,
        author="Jobs",
        subject=_describe(facts),
    )
    frame = Frame(MARGIN, 18 * mm, WIDTH, A4[1] - 36 * mm, 0, 0, 0, 0)
    document.addPageTemplates(
        PageTemplate(frames=[frame], onPage=lambda canvas, _: _draw_foot(canvas, facts))
    )
    document.build(_lay_out(facts, totals))
    return int(document.page)


def write_figures(path: Path, figures: Sequence[Figures]) -> None:
    """Write all groups or periods as CSV, with cells that a spreadsheet does not run."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["name", "rows", "missing", "sum", "mean", "deviation", "least", "greatest"]
        )
        for one in figures:
            writer.writerow(
                [
                    *(guard_cell(one.label), one.rows, one.missing, one.sum, one.mean),
                    *(one.deviation, one.least, one.greatest),
                ]
            )


def _lay_out(facts: Facts, totals: Totals) -> list[Flowable]:
    story: list[Flowable] = [
        make_paragraph(facts.title, _TITLE),
        make_paragraph(_describe(facts), _LEAD),
        Spacer(0, 5 * mm),
        _draw_tiles(facts, totals.all),
        Spacer(0, 3 * mm),
    ]
    if facts.missing_parts:
        text = f"{facts.missing_parts} of {facts.parts} parts failed: their rows are left out."
        story += [Paragraph(text, _WARNING), Spacer(0, 2 * mm)]
    story += _draw_charts(facts, totals)
    story += _list_tables(facts, totals)
    return [*story, *_describe_origin(facts, totals)]


def _describe(facts: Facts) -> str:
    what = _name_measure(facts)
    by = f" by {facts.group}" if facts.group else ""
    return f"{what}{by} · {facts.rows:,} rows · {datetime.now(UTC):%d %B %Y}"


def _draw_tiles(facts: Facts, all_rows: Figures) -> Table:
    tiles = [("Rows", f"{all_rows.rows:,}")]
    if facts.value:
        mean, deviation = all_rows.mean, all_rows.deviation
        tiles += [
            ("Sum", format_number(all_rows.sum)),
            ("Mean", "–" if mean is None else format_number(mean)),
            ("Standard deviation", "–" if deviation is None else format_number(deviation)),
            ("Missing values", f"{all_rows.missing / max(1, all_rows.rows):.1%}"),
        ]
    cells = [
        [Paragraph(text, _FIGURE) for _, text in tiles],
        [Paragraph(n, _SMALL) for n, _ in tiles],
    ]
    table = Table(cells, colWidths=[WIDTH / len(tiles)] * len(tiles))
    table.setStyle(
        TableStyle(
            [
                ("LINEABOVE", (0, 0), (-1, 0), 1.2, INK),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("TOPPADDING", (0, 0), (-1, 0), 6),
                ("BOTTOMPADDING", (0, 0), (-1, 0), 0),
                ("TOPPADDING", (0, 1), (-1, 1), 1),
            ]
        )
    )
    return table


def _draw_charts(facts: Facts, totals: Totals) -> list[Flowable]:
    what = _name_measure(facts)
    story: list[Flowable] = []
    if len(totals.groups) > 1:
        story += _section(f"{what} by {facts.group}", Bars(WIDTH, _list_bars(facts, totals.groups)))
    dated = [(one.name, one) for one in totals.periods if one.name is not None]
    if len(dated) > 1:
        points = [
            Point(name, value, find_place(name))
            for name, one in dated
            if (value := one.measure(facts.measure)) is not None
        ]
        story += _section(f"{what} by {_name_period(facts)}", Periods(WIDTH, 130, points))
    if totals.bins and any(totals.bins):
        chart = Histogram(WIDTH, 120, totals.bins, (facts.least, facts.greatest))
        story += _section(f"Distribution of {facts.value}", chart)
    return story


def _list_bars(facts: Facts, groups: Sequence[Figures]) -> list[Point]:
    """Return a bar for each of the largest groups, and one for the rest."""
    bars = [Point(one.label, one.measure(facts.measure) or 0.0) for one in groups[:DRAWN_GROUPS]]
    if rest := groups[DRAWN_GROUPS:]:
        others = merge_all(rest).measure(facts.measure)
        bars.append(Point(f"{len(rest):,} others", others or 0.0))
    return bars


def _name_measure(facts: Facts) -> str:
    if facts.measure == "rows":
        return "Number of rows"
    return f"{facts.measure.capitalize()} of {facts.value}"


def _name_period(facts: Facts) -> str:
    return "day" if facts.is_daily else "month"


def _list_tables(facts: Facts, totals: Totals) -> list[Flowable]:
    story: list[Flowable] = []
    period = _name_period(facts)
    for heading, name, figures, most, file in (
        (f"All by {facts.group}", facts.group, totals.groups, LISTED_GROUPS, GROUPS),
        (f"All by {period}", period.capitalize(), totals.periods, LISTED_PERIODS, PERIODS),
    ):
        if figures:
            story += [Spacer(0, 4 * mm), make_paragraph(heading, _HEADING)]
            story.append(_list_figures(name, figures[:most], is_valued=bool(facts.value)))
        if len(figures) > most:
            text = f"{len(figures) - most:,} more in {file}."
            story.append(Paragraph(text, _SMALL))
    return story


def _list_figures(name: str, figures: Sequence[Figures], *, is_valued: bool) -> Table:
    head = [
        make_cell(shorten(name, 34), _CELL),
        "Rows",
        "Sum",
        "Mean",
        "Deviation",
        "Least",
        "Greatest",
    ]
    rows = [
        [
            make_cell(shorten(one.label, 34), _CELL),
            f"{one.rows:,}",
            *(
                "–" if number is None else f"{number:,.2f}"
                for number in (one.sum, one.mean, one.deviation, one.least, one.greatest)
            ),
        ]
        for one in figures
    ]
    columns = 7 if is_valued else 2
    widths = [WIDTH - 60 * mm, 60 * mm]
    if is_valued:
        widths = [WIDTH - 132 * mm, 17 * mm, 31 * mm, *[21 * mm] * 4]
    table = Table([row[:columns] for row in [head, *rows]], colWidths=widths, repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("FONT", (0, 0), (-1, -1), FONT, 7.5),
                ("FONT", (0, 0), (-1, 0), BOLD, 7.5),
                ("TEXTCOLOR", (0, 0), (-1, 0), QUIET),
                ("TEXTCOLOR", (0, 1), (-1, -1), INK),
                ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
                ("LINEBELOW", (0, 0), (-1, 0), 0.8, INK),
                ("LINEBELOW", (0, 1), (-1, -1), 0.4, HAIR),
                ("LEFTPADDING", (0, 0), (0, -1), 0),
                ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
                ("TOPPADDING", (0, 0), (-1, -1), 2.6),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2.6),
            ]
        )
    )
    return table


def _describe_origin(facts: Facts, totals: Totals) -> list[Flowable]:
    good = facts.parts - facts.missing_parts
    text = (
        f"This report covers {totals.all.rows:,} of {facts.rows:,} rows, in {good} of "
        f"{facts.parts} parts. Each row is counted once. Sums are 64-bit floating-point numbers. "
        "Standard deviations are of the population."
    )
    return [
        KeepTogether(
            [
                Spacer(0, 6 * mm),
                Paragraph("How this report was made", _HEADING),
                Paragraph(text, _BODY),
            ]
        )
    ]


def _section(heading: str, chart: Flowable) -> list[Flowable]:
    return [
        KeepTogether([Spacer(0, 4 * mm), make_paragraph(heading, _HEADING), Spacer(0, 4), chart])
    ]


def _draw_foot(canvas: Canvas, facts: Facts) -> None:
    canvas.saveState()
    canvas.setStrokeColor(HAIR)
    canvas.setLineWidth(0.6)
    canvas.line(MARGIN, 13 * mm, MARGIN + WIDTH, 13 * mm)
    canvas.setFillColor(QUIET)
    text = shorten(f"{facts.title} · job {facts.job_id}".removesuffix(" · job "), 90)
    draw_text(canvas, (MARGIN, 9 * mm), text, size=7, most=WIDTH * 0.8)
    page = f"Page {canvas.getPageNumber()}"
    draw_text(canvas, (MARGIN + WIDTH, 9 * mm), page, size=7, at="right")
    canvas.restoreState()


def _style(size: float, leading: float, **more: Any) -> ParagraphStyle:
    values = {"fontName": FONT, "textColor": INK, **more}
    return ParagraphStyle("", fontSize=size, leading=leading, **values)


_TITLE = _style(21, 26, fontName=BOLD)
_LEAD = _style(9, 13, textColor=QUIET)
_HEADING = _style(10.5, 15, fontName=BOLD)
_BODY = _style(8, 12)
_CELL = _style(7.5, 9)
_SMALL = _style(7.5, 10, textColor=QUIET)
_FIGURE = _style(14, 18, fontName=BOLD)
_WARNING = _style(8.5, 13, backColor=SOFT, borderPadding=(4, 6, 4, 6))
