"""A card for each column of a table, with a plot and figures. Pure."""

from collections.abc import Iterator

from project.html_report import figures, page, plots
from project.html_report.figures import count, moment, number, share, shorten
from project.html_report.markup import Html, element
from project.jobs.data_analyze.findings import quote
from project.jobs.data_analyze.profile import (
    Column,
    NumberFacts,
    Profile,
    Role,
    TextFacts,
    TimeFacts,
)

_TAGS = {
    Role.NUMBER: "number",
    Role.WHOLE: "number",
    Role.DATE: "time",
    Role.TIME: "time",
    Role.TEXT: "text",
    Role.CATEGORY: "text",
    Role.TRUTH: "text",
}
_SHOWN_SHARE = 0.005
"""If no text is more frequent than this, the card shows examples in place of bars."""


def make_cards(profile: Profile) -> Html:
    """Return a card for each column."""
    return page.cards(*(_column_card(place, each) for place, each in enumerate(profile.columns)))


def _column_card(place: int, column: Column) -> Html:
    parts: list[Html] = []
    if column.role is Role.EMPTY:
        parts.append(page.note("No row has a value."))
    elif column.numbers:
        parts += _number_parts(column, column.numbers)
    elif column.times:
        parts += _time_parts(column, column.times)
    elif column.texts:
        parts += _text_parts(column, column.texts)
    tag = (column.role.value, _TAGS.get(column.role, ""))
    return page.card(column.name, _presence(column), *parts, part=part_of(place), tag=tag)


def _presence(column: Column) -> Html:
    """Return a thin bar that shows the share of rows with a value."""
    if not column.missing:
        return Html("")
    there = element("i", style=f"width:{100 * column.present / column.rows:.1f}%")
    gap = f"{share(column.missing, column.rows)} missing"
    return element("div", there, class_="present", title=gap, role="img", aria_label=gap)


def _shared_facts(column: Column) -> dict[str, object]:
    missing = f"{count(column.missing)} ({share(column.missing, column.rows)})"
    return {
        "Missing": missing if column.missing else "none",
        **({"Left out": count(column.lost)} if column.lost else {}),
        "Different values": count(column.distinct),
    }


def _time_parts(column: Column, facts: TimeFacts) -> Iterator[Html]:
    first, last = moment(facts.first), moment(facts.last)
    drawn = plots.columns(facts.counts, first, last, labels=facts.labels)
    yield page.figure(drawn, f"Rows by {facts.step}.")
    yield page.facts({**_shared_facts(column), "First": first, "Last": last})


def _number_parts(column: Column, facts: NumberFacts) -> Iterator[Html]:
    if column.role is Role.CONSTANT:
        yield page.facts({**_shared_facts(column), "Value": number(facts.minimum)})
        return
    if column.role is Role.ID:
        ends = {"Smallest": number(facts.minimum), "Largest": number(facts.maximum)}
        yield page.facts(_shared_facts(column) | ends)
        return
    box = plots.Box(
        facts.whiskers[0],
        facts.quantiles[25],
        facts.median,
        facts.quantiles[75],
        facts.whiskers[1],
    )
    beyond = (
        f" {figures.counted(facts.beyond, 'value')} farther out not shown." if facts.beyond else ""
    )
    yield page.figure(
        plots.histogram(
            facts.counts,
            facts.edges,
            box,
            is_stepwise=facts.is_stepwise,
        ),
        f"Histogram; the box marks the middle half.{beyond}",
    )
    yield page.facts(
        {
            **_shared_facts(column),
            "Mean": number(facts.mean),
            "Median": number(facts.median),
            "Standard deviation": number(facts.deviation),
            "Smallest": number(facts.minimum),
            "Largest": number(facts.maximum),
            "5 % – 95 %": f"{number(facts.quantiles[5])} – {number(facts.quantiles[95])}",
            "Zero": count(facts.zeros),
            "Negative": count(facts.negatives),
            "Skewness": figures.coefficient(facts.skewness),
            "Outliers": f"{count(facts.outliers)} ({share(facts.outliers, column.present)})"
            if facts.outliers
            else "none",
        }
    )
    if facts.outlier_examples:
        shown = ", ".join(
            f"{number(value)} (row {count(row)})" for row, value in facts.outlier_examples
        )
        yield page.note(f"Farthest out: {shown}.")


def _text_parts(column: Column, facts: TextFacts) -> Iterator[Html]:
    most = facts.top[0][1]
    is_spread = most < _SHOWN_SHARE * column.present
    if column.role is not Role.ID and not is_spread:
        rest = column.present - sum(times for _, times in facts.top)
        rows = [
            (shorten(value, 40), times / most, share(times, column.present), False)
            for value, times in facts.top
        ]
        others = column.distinct - len(facts.top)
        if rest and column.role is not Role.TEXT:
            rows.append((f"{count(others)} others", rest / most, share(rest, column.present), True))
        yield page.bars(rows)
    lengths = (
        f"{count(facts.shortest)} – {count(facts.longest)}"
        if facts.shortest < facts.longest
        else count(facts.longest)
    )
    examples = ", ".join(quote(value) for value, _ in facts.top[:3])
    yield page.facts(
        {
            **_shared_facts(column),
            **({} if column.role is Role.TRUTH else {"Characters": lengths}),
            **({"Examples": examples} if column.role is Role.ID or is_spread else {}),
        }
    )


def part_of(place: int) -> str:
    """Return the id of a column's card, the target of links."""
    return f"c{place + 1}"
