"""The report on a table: findings first, then all columns, then their relations. Pure."""

from collections.abc import Iterator, Sequence

from project.html_report import figures, grids, page, plots
from project.html_report.figures import count, moment, number, share, shorten
from project.html_report.markup import Html, element, join
from project.jobs.data_analyze.column_cards import make_cards, part_of
from project.jobs.data_analyze.findings import Finding, quote
from project.jobs.data_analyze.profile import Column, Correlations, Profile, Role

_LINKED_COLUMNS = 60
_SHOWN_PAIRS = 10
_WEAK = 0.05
"""Pairs below this are not shown."""
_SMALL_MAP = 8
"""A heat map of at most this many columns fits beside the pairs."""
_SHOWN_COLUMNS = 12
"""The first rows are shown with at most this many columns."""


def write_report(title: str, profile: Profile, found: Sequence[Finding], made_on: str) -> str:
    """Write the whole report."""
    has_pairs = len(profile.correlations.names) > 1
    links = {
        "Findings": "findings",
        "Overview": "overview",
        "Columns": "columns",
        **({"Missing values": "missing"} if profile.missing else {}),
        **({"Correlations": "correlations"} if has_pairs else {}),
        **({"Categories": "categories"} if profile.associations else {}),
        **({"Over time": "time"} if profile.months else {}),
        "First rows": "rows",
    }
    body: list[object] = [
        _tiles(profile),
        page.contents(links, is_main=True),
        page.section("findings", "What stands out", page.findings(found)),
        page.section("overview", "Overview", _overview(profile)),
        page.section("columns", "Columns", _column_links(profile), make_cards(profile)),
    ]
    if profile.missing:
        body.append(page.section("missing", "Missing values", *_missing(profile)))
    if has_pairs:
        body.append(page.section("correlations", "Correlations", *_correlations(profile)))
    if profile.associations:
        relations = page.section(
            "categories", "Associations of categories", *_associations(profile)
        )
        body.append(relations)
    if profile.months:
        body.append(page.section("time", "Over time", *_over_time(profile)))
    body.append(page.section("rows", "First rows", *_first_rows(profile)))
    lead = (
        f"{figures.counted(profile.rows, 'row')} and "
        f"{figures.counted(len(profile.columns), 'column')}, analysed on {made_on}."
    )
    return page.sheet(
        eyebrow="Table analysis", title=title, lead=lead, body=body, foot=_foot(profile)
    )


def _tiles(profile: Profile) -> Html:
    return page.tiles(
        {
            "rows": count(profile.rows),
            "columns": count(len(profile.columns)),
            "of cells missing": share(profile.missing, profile.cells),
            "duplicate rows": count(profile.duplicates),
            "number columns": count(
                sum(each.role in {Role.NUMBER, Role.WHOLE} for each in profile.columns)
            ),
        }
    )


def _overview(profile: Profile) -> Html:
    rows = [
        (
            element("a", shorten(each.name, 32), href=f"#{part_of(place)}", title=each.name),
            each.role,
            _small_plot(each),
            share(each.missing, each.rows) if each.missing else None,
            count(each.distinct),
            _typical(each),
        )
        for place, each in enumerate(profile.columns)
    ]
    names = ("Column", "Type", "Distribution", "Missing", "Different", "Typical value")
    return page.table(names, rows, numeric=("Missing", "Different"))


def _small_plot(column: Column) -> Html:
    if column.numbers:
        return plots.sparkline(column.numbers.counts)
    if column.times:
        return plots.sparkline(column.times.counts)
    if column.texts:
        return plots.sparkline([times for _, times in column.texts.top])
    return Html("")


def _typical(column: Column) -> str | None:
    if column.numbers and column.role is not Role.ID:
        return f"{number(column.numbers.median)} (median)"
    if column.times:
        return f"{moment(column.times.first)} – {moment(column.times.last)}"
    return shorten(column.texts.top[0][0], 30) if column.texts else None


def _column_links(profile: Profile) -> Html:
    names = [each.name for each in profile.columns[:_LINKED_COLUMNS]]
    links = page.contents({name: part_of(place) for place, name in enumerate(names)})
    return links if len(names) > 1 else Html("")


def _missing(profile: Profile) -> Iterator[Html]:
    gaps = sorted(
        (each for each in profile.columns if each.missing), key=lambda each: -each.missing
    )
    rows = [
        (each.name, each.missing / each.rows, share(each.missing, each.rows), False)
        for each in gaps[:20]
    ]
    patterns = [
        (
            ", ".join(shorten(name, 30) for name in names[:6])
            + (f" and {len(names) - 6} more" if len(names) > 6 else ""),
            count(times),
            share(times, profile.rows),
        )
        for names, times in profile.missing_patterns
    ]
    yield page.note(f"{len(gaps)} of {len(profile.columns)} columns have missing values.")
    yield page.cards(
        page.card("Columns with the most missing values", page.bars(rows)),
        page.card(
            "Missing together",
            page.table(("Exactly these columns", "Rows", "Share"), patterns, ("Rows", "Share")),
        ),
    )


def _correlations(profile: Profile) -> Iterator[Html]:
    found = profile.correlations
    basis = (
        f"over {count(found.rows_used)} rows drawn at random"
        if found.rows_used < profile.rows
        else "over the rows that have both values"
    )
    left_out = f" {found.left_out} more columns are not compared." if found.left_out else ""
    yield page.note(
        f"Pearson’s coefficient, {basis}: 1 means that both rise together, −1 that one falls as "
        f"the other rises, 0 that there is no linear relation.{left_out}"
    )
    heat_map = page.card("Heat map", grids.heat_map(found.names, found.pearson))
    pairs = page.card("Strongest pairs", *_strongest(found))
    if len(found.names) <= _SMALL_MAP:
        yield page.cards(heat_map, pairs)
    else:
        yield from (element("div", each, class_="wide") for each in (heat_map, pairs))


def _strongest(found: Correlations) -> Iterator[Html]:
    rows = [
        (shorten(first, 24), shorten(second, 24), _coefficient(value), _coefficient(rank))
        for first, second, value, rank in found.pairs()[:_SHOWN_PAIRS]
        if max(abs(value), abs(rank or 0)) >= _WEAK
    ]
    if not rows:
        yield page.note(f"No pair reaches {_WEAK}.")
        return
    yield page.note("Spearman’s coefficient compares ranks, so it also finds curved relations.")
    names = ("Column", "with", "Pearson", "Spearman")
    yield page.table(names, rows, ("Pearson", "Spearman"))


def _associations(profile: Profile) -> Iterator[Html]:
    rows = [
        (
            shorten(each.first, 24),
            shorten(each.second, 24),
            "correlation ratio" if each.is_ratio else "Cramér’s V",
            figures.coefficient(each.value),
        )
        for each in profile.associations[:_SHOWN_PAIRS]
        if each.value >= _WEAK
    ]
    if not rows:
        yield page.note(f"No pair reaches {_WEAK}.")
        return
    of_rows = (
        f"{count(profile.correlations.rows_used)} rows drawn at random"
        if profile.correlations.rows_used < profile.rows
        else "the rows that have both values"
    )
    yield page.note(
        "0 means that the two columns are unrelated, 1 that the category determines the other; "
        f"over {of_rows}."
    )
    yield page.table(("Category", "with", "Measure", "Value"), rows, ("Value",))


def _coefficient(value: float | None) -> str | None:
    return None if value is None else figures.coefficient(value)


def _over_time(profile: Profile) -> Iterator[Html]:
    months = profile.months
    if months is None:
        return
    first, last = months.labels[0], months.labels[-1]
    yield page.note(f"For each {months.step} of {quote(months.column)}.")
    cards = [
        page.card("Rows", page.figure(plots.columns(months.counts, first, last, months.labels)))
    ]
    for name, means in months.means.items():
        drawn = plots.lines([means], first, last)
        cards.append(page.card(f"Mean of {shorten(name, 40)}", page.figure(drawn)))
    yield page.cards(*cards)


def _first_rows(profile: Profile) -> Iterator[Html]:
    frame = profile.first_rows
    names = frame.columns[:_SHOWN_COLUMNS]
    if len(frame.columns) > len(names):
        yield page.note(f"Only the first {len(names)} columns are shown.")
    rows = [
        [None if cell is None else shorten(cell, 40) for cell in row]
        for row in frame.select(names).iter_rows()
    ]
    numeric = [name for name in names if frame[name].dtype.is_numeric()]
    yield page.table(names, rows, numeric)


def _foot(profile: Profile) -> Html:
    return join(
        (
            "A column has a type only if all of its values are of that type. An outlier lies more "
            "than 1.5 times the width of the middle half outside it. ",
            "Quantiles are interpolated; skewness is not corrected for small samples.",
        )
    )
