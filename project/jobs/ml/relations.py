"""Finds rows that belong together, like visits of one patient or consecutive days.

If a random split parts such rows, the test measures how well the model remembers. The report names
such columns; only the user can decide to split the rows by them.
"""

import re
from collections.abc import Iterator, Sequence

import polars as pl

from project.html_report.figures import count, shorten
from project.jobs.data_analyze.profiling import IDENTIFIER_NAME

_LEAST_ENTITIES = 10
_MANY_WORDS = 50
_MOST_ROWS = 200
"""Values with more rows than this on average are categories, like cities, not entities."""
_CODES = 0.9
"""If this share of a column's texts contains a digit, they are codes, like p017."""
_LEAST_TIMES = 20
_ENTITY_NAME = re.compile(
    r"(?i)(^|[_\W])(patient|customer|client|user|subject|person|participant|student|employee|member|"
    r"account|device|sensor|machine|household)s?$"
)


def find_relations(frame: pl.DataFrame, taken: Sequence[str]) -> Iterator[str]:
    """Yield a sentence on each such column that is not in `taken`."""
    others = [name for name in frame.columns if name not in taken]
    for name in others:
        values = frame[name].drop_nulls()
        if values.dtype.is_temporal() and _orders_rows(values):
            yield (
                f"The rows have different times (“{shorten(name, 40)}”), and the test rows were "
                "chosen at random, between rows that the model learnt from. To test on the latest "
                "rows, set this as the time column."
            )
        elif (values.dtype == pl.String or values.dtype.is_integer()) and _names_entities(values):
            yield (
                f"“{shorten(name, 40)}” has {count(values.n_unique())} values that repeat, like "
                "patients or customers, and the model was tested on values that it learnt from. "
                "To test on new ones, set this as the group column."
            )


def _orders_rows(times: pl.Series) -> bool:
    different = times.n_unique()
    if different < _LEAST_TIMES:
        return False
    return different >= len(times) / 2 or times.is_sorted() or times.is_sorted(descending=True)


def _names_entities(values: pl.Series) -> bool:
    """Whether each of many values occurs a few times and, by its name or form, is an entity's."""
    different = values.n_unique()
    if different < _LEAST_ENTITIES or not 2 <= len(values) / different <= _MOST_ROWS:
        return False
    if IDENTIFIER_NAME.search(values.name) or _ENTITY_NAME.search(values.name):
        return True
    if values.dtype != pl.String:
        return False
    has_codes = values.str.contains(r"\d").sum() >= _CODES * len(values)
    return different > _MANY_WORDS or has_codes
