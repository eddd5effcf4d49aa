"""Findings about a table, as sentences, the most serious first. Pure."""

from collections.abc import Iterator

from project.html_report.figures import (
    coefficient,
    count,
    counted,
    enumerate_names,
    number,
    share,
    shorten,
)
from project.html_report.page import Level
from project.jobs.data_analyze.profile import Profile, Role

Finding = tuple[Level, str]

MISSING_SERIOUS, MISSING_NOTABLE = 0.4, 0.05
SAME_AS = 0.95
SKEWED = 2.0
OUTLIERS_NOTABLE = 0.05
ONE_VALUE = 0.95
_MOST_PAIRS = 8
_MOST_GAPS = 8
_ORDER = {Level.SERIOUS: 0, Level.NOTABLE: 1, Level.MINOR: 2, Level.GOOD: 3}


def find_findings(profile: Profile) -> list[Finding]:
    """Return the findings, or a sentence that says that nothing stands out."""
    found = [
        *_of_table(profile),
        *_of_gaps(profile),
        *_of_pairs(profile),
        *_of_categories(profile),
        *_of_texts(profile),
        *_of_numbers(profile),
    ]
    found.sort(key=lambda finding: _ORDER[finding[0]])
    return found or [(Level.GOOD, "Nothing stands out: no gaps, no duplicates, no odd columns.")]


def _of_table(profile: Profile) -> Iterator[Finding]:
    if profile.duplicates:
        part = share(profile.duplicates, profile.rows)
        level = Level.SERIOUS if profile.duplicates > 0.05 * profile.rows else Level.NOTABLE
        yield level, f"{counted(profile.duplicates, 'row')} ({part}) repeat an earlier row."
    for doubt in profile.doubts:
        yield Level.NOTABLE, doubt
    empty = [each.name for each in profile.columns if each.role is Role.EMPTY]
    if empty:
        yield Level.SERIOUS, f"{_names(empty)} {_have(empty)} no values at all."
    same = [each.name for each in profile.columns if each.role is Role.CONSTANT]
    if same:
        yield Level.NOTABLE, f"{_names(same)} {_have(same)} the same value in each row."
    ids = [each.name for each in profile.columns if each.role is Role.ID]
    if ids:
        looks = "looks like an identifier" if len(ids) == 1 else "look like identifiers"
        yield (
            Level.MINOR,
            f"{_names(ids)} {looks}: all values differ. If not, set another column type.",
        )


def _of_pairs(profile: Profile) -> Iterator[Finding]:
    close = [pair for pair in profile.correlations.pairs() if abs(pair[2]) >= SAME_AS]
    for first, second, value, _ in close[:_MOST_PAIRS]:
        yield (
            Level.NOTABLE,
            f"{quote(first)} and {quote(second)} have a correlation of {coefficient(value)}: "
            "each nearly determines the other.",
        )
    if len(close) > _MOST_PAIRS:
        yield Level.NOTABLE, f"{len(close) - _MOST_PAIRS} more pairs are as closely correlated."


def _of_categories(profile: Profile) -> Iterator[Finding]:
    close = [each for each in profile.associations if each.value >= SAME_AS]
    for each in close[:_MOST_PAIRS]:
        measure = "correlation ratio" if each.is_ratio else "Cramér’s V"
        yield (
            Level.MINOR,
            f"{quote(each.first)} nearly determines {quote(each.second)} ({measure} "
            f"{coefficient(each.value)}).",
        )


def _of_gaps(profile: Profile) -> Iterator[Finding]:
    gaps = [
        each
        for each in profile.columns
        if each.role is not Role.EMPTY and each.missing >= MISSING_NOTABLE * each.rows
    ]
    gaps.sort(key=lambda each: -each.missing)
    for column in gaps[:_MOST_GAPS]:
        level = Level.SERIOUS if column.missing >= MISSING_SERIOUS * column.rows else Level.NOTABLE
        yield level, f"{quote(column.name)} is {share(column.missing, column.rows)} missing."
    if len(gaps) > _MOST_GAPS:
        more = counted(len(gaps) - _MOST_GAPS, "more column")
        yield (
            Level.NOTABLE,
            f"{more} with values missing in {100 * MISSING_NOTABLE:.0f} % of the rows or more.",
        )


def _of_texts(profile: Profile) -> Iterator[Finding]:
    free = [each for each in profile.columns if each.role is Role.TEXT]
    if free:
        listed = enumerate_names([f"{quote(e.name)} ({count(e.distinct)} values)" for e in free])
        yield Level.MINOR, f"Free text: {listed}."
    for column in profile.columns:
        if column.texts and column.role is not Role.CONSTANT:
            value, times = column.texts.top[0]
            if times >= ONE_VALUE * column.present:
                part = share(times, column.present)
                yield Level.MINOR, f"{quote(column.name)} is {quote(value)} in {part} of its rows."


def _of_numbers(profile: Profile) -> Iterator[Finding]:
    measured = [
        (column, column.numbers)
        for column in profile.columns
        if column.numbers and column.role in {Role.NUMBER, Role.WHOLE} and column.distinct > 10
    ]
    skewed = [
        f"{quote(column.name)} ({number(facts.skewness, 2)})"
        for column, facts in measured
        if abs(facts.skewness) >= SKEWED
    ]
    if skewed:
        yield Level.MINOR, f"Skewed, with a long tail: {enumerate_names(skewed)}."
    far = [
        f"{quote(column.name)} ({share(facts.outliers, column.present)} of its values)"
        for column, facts in measured
        if facts.outliers >= OUTLIERS_NOTABLE * column.present
    ]
    if far:
        yield Level.MINOR, f"Many outliers: {enumerate_names(far)}."


def quote(name: str) -> str:
    """Return the name or value in quotation marks, shortened to 40 characters."""
    return f"“{shorten(name, 40)}”"


def _names(names: list[str]) -> str:
    return enumerate_names([quote(name) for name in names])


def _have(names: list[str]) -> str:
    return "has" if len(names) == 1 else "have"
