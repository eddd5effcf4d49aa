"""Rows that belong together, as visits of one patient or days after each other.

A test by chance has rows beside others that were learnt from: it says how well the model remembers.
The report names what is found here; only a person can decide to split the rows by it.
"""

import re
from collections.abc import Iterator, Sequence

import polars as pl

from project.html_report.figures import count, shorten
from project.jobs.data_analyze.profiling import IDENTIFIER_NAME

_LEAST_ENTITIES = 10
_MANY_WORDS = 50
_MOST_ROWS = 200
"""What comes more often than that each is a class of things, as a city is."""
_CODES = 0.9
"""If this share of a column's texts contains a digit, they are codes, like p017."""
_LEAST_TIMES = 20
_ENTITY_NAME = re.compile(
    r"(?i)(^|[_\W])(patient|customer|client|user|subject|person|participant|student|employee|member|"
    r"account|device|sensor|machine|household)s?$"
)


def find_relations(frame: pl.DataFrame, taken: Sequence[str]) -> Iterator[str]:
    """Sentences on columns, except the target, time and group columns, which are in use."""
    others = [name for name in frame.columns if name not in taken]
    for name in others:
        values = frame[name].drop_nulls()
        if values.dtype.is_temporal() and _orders_rows(values):
            yield (
                f"The rows are of different times (“{shorten(name, 40)}”), and the test is by "
                "chance: its rows lie between others that were learnt from. Name it as time column "
                "to test on the latest rows."
            )
        elif (values.dtype == pl.String or values.dtype.is_integer()) and _names_entities(values):
            yield (
                f"“{shorten(name, 40)}” has {count(values.n_unique())} values that come again, as "
                "those of patients or customers: the test has rows of the same ones. Name it as "
                "group column to test on others."
            )


def _orders_rows(times: pl.Series) -> bool:
    different = times.n_unique()
    if different < _LEAST_TIMES:
        return False
    return different >= len(times) / 2 or times.is_sorted() or times.is_sorted(descending=True)


def _names_entities(values: pl.Series) -> bool:
    """Whether each of many values comes a few times, and is somebody's by its name or form."""
    different = values.n_unique()
    if different < _LEAST_ENTITIES or not 2 <= len(values) / different <= _MOST_ROWS:
        return False
    if IDENTIFIER_NAME.search(values.name) or _ENTITY_NAME.search(values.name):
        return True
    if values.dtype != pl.String:
        return False
    has_codes = values.str.contains(r"\d").sum() >= _CODES * len(values)
    return different > _MANY_WORDS or has_codes
