"""Analyses a table's columns one by one, so that only one at a time is copied."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl

from project.jobs.data_analyze.associations import associate
from project.jobs.data_analyze.calendar_months import count_over_time, describe_times
from project.jobs.data_analyze.profile import Column, NumberFacts, Profile, Role, TextFacts
from project.jobs.data_analyze.relations import correlate, find_missing_patterns

TOP_VALUES = 10
SHOWN_ROWS = 8
MAX_BINS = 40
OUTLIER_EXAMPLES = 5
FENCE = 1.5
"""An outlier is more than this many interquartile ranges beyond a quartile (Tukey)."""
_QUANTILES = (1, 5, 25, 75, 95, 99)
_FEW = 50
"""Texts with at most this many different values are a category, whatever the number of rows."""
_CATEGORY_ROWS = 3
"""Texts that occur this often on average are also a category."""
_MOST_CATEGORIES = 10_000
_LEAST_IDS = 20
IDENTIFIER_NAME = re.compile(r"(?i:^|[_\W])(?i:id|no|nr|key|index|idx|row)$|[a-z]I[dD]$")

_ROLES = (
    (pl.Float64, Role.NUMBER),
    (pl.Boolean, Role.TRUTH),
    (pl.Date, Role.DATE),
    (pl.Datetime, Role.TIME),
)

_NAMED = {"category": Role.CATEGORY, "identifier": Role.ID, "text": Role.TEXT}
NOTHING: Mapping[str, Any] = MappingProxyType({})

Array = Any
"""A numpy array of numbers."""

Report = Callable[[str], None]
"""Called with the next step's name; may raise, for example if the job was cancelled."""


def profile_table(
    frame: pl.DataFrame,
    report: Report,
    types: Mapping[str, str] = NOTHING,
    lost: Mapping[str, int] = NOTHING,
) -> Profile:
    """Describe the table and its columns.

    `types` are the column types that the user chose. `lost` counts, for each column, the nulls that
    stand for values of another type, not for missing values.
    """
    columns = []
    for number, name in enumerate(frame.columns, start=1):
        report(f"Column {number} of {frame.width}")
        columns.append(profile_column(frame[name], types.get(name, ""), lost.get(name, 0)))
    report("Duplicates")
    duplicates = frame.height - frame.hash_rows().n_unique()
    report("Missing values")
    patterns = find_missing_patterns(frame, columns)
    report("Correlations")
    correlations = correlate(frame, columns)
    report("Time")
    months = count_over_time(frame, columns)
    report("Associations of categories")
    associations = associate(frame, columns)
    return Profile(
        frame.height,
        columns,
        duplicates,
        patterns,
        correlations,
        months,
        frame.head(SHOWN_ROWS),
        associations,
    )


def profile_column(values: pl.Series, type_: str = "", lost: int = 0) -> Column:
    """Describe a column, by `type_` or else by the type of its values and how many differ."""
    present = values.drop_nulls()
    column = Column(
        name=values.name,
        role=Role.EMPTY,
        rows=len(values),
        missing=values.null_count() - lost,
        distinct=present.n_unique(),
        lost=lost,
    )
    if not len(present):
        return column
    column = replace(column, role=_find_role(present, column.distinct, type_))
    if values.dtype.is_numeric():
        return replace(
            column,
            numbers=_describe_numbers(values, present, column.distinct),
            texts=_describe_texts(present) if column.distinct <= TOP_VALUES else None,
        )
    if values.dtype.is_temporal():
        return replace(column, times=describe_times(present))
    return replace(column, texts=_describe_texts(present))


def _find_role(present: pl.Series, distinct: int, type_: str) -> Role:
    if type_ in _NAMED:
        return _NAMED[type_]
    if distinct == 1 and len(present) > 1:
        return Role.CONSTANT
    if present.dtype.is_integer():
        is_identifier = not type_ and _is_identifier(present, distinct)
        return Role.ID if is_identifier else Role.WHOLE
    if present.dtype == pl.String:
        return _find_text_role(present, distinct)
    return next(role for kind, role in _ROLES if present.dtype == kind)


def _is_identifier(present: pl.Series, distinct: int) -> bool:
    """Whether whole numbers look like identifiers: all differ, and either the column is named so,
    or they count up from 0 or 1 without a gap. Rising is not enough: years rise, too.
    """
    if distinct < len(present) or distinct < _LEAST_IDS:
        return False
    low, high = _as_float(present.min()), _as_float(present.max())
    counts_up = low in {0, 1} and high - low == distinct - 1
    return counts_up or IDENTIFIER_NAME.search(present.name) is not None


def _find_text_role(present: pl.Series, distinct: int) -> Role:
    is_unique = distinct == len(present) and distinct >= _LEAST_IDS
    has_one_word = _as_float(present.str.contains(r"\s").mean()) < 0.05
    if is_unique and has_one_word:
        return Role.ID
    # Texts that repeat are names, like countries; sentences hardly ever repeat.
    few = max(_FEW, min(_MOST_CATEGORIES, len(present) / _CATEGORY_ROWS))
    return Role.CATEGORY if distinct <= few else Role.TEXT


def _describe_numbers(values: pl.Series, present: pl.Series, distinct: int) -> NumberFacts:
    numbers = present.cast(pl.Float64)
    array = numbers.to_numpy()
    low, *quantiles, high = np.quantile(
        array, [0, *(percent / 100 for percent in _QUANTILES), 1]
    ).tolist()
    at = dict(zip(_QUANTILES, quantiles, strict=True))
    reach = FENCE * (at[75] - at[25])
    fences = at[25] - reach, at[75] + reach
    outside = (array < fences[0]) | (array > fences[1])
    inside = array[~outside]
    counts, edges = _count_bins(array, (low, high), (at[1], at[99]), distinct, values.dtype)
    return NumberFacts(
        minimum=low,
        maximum=high,
        mean=_as_float(numbers.mean()),
        median=_as_float(numbers.median()),
        deviation=_as_float(numbers.std()) if len(numbers) > 1 else 0.0,
        skewness=_as_float(numbers.skew()),
        quantiles=at,
        zeros=int((array == 0).sum()),
        negatives=int((array < 0).sum()),
        counts=counts.tolist(),
        edges=edges.tolist(),
        is_stepwise=values.dtype.is_integer() and edges[0] % 1 == 0.5,
        beyond=len(array) - int(counts.sum()),
        fences=fences,
        whiskers=(float(inside.min()), float(inside.max())) if len(inside) else (low, high),
        outliers=int(outside.sum()),
        outlier_examples=_find_examples(values, fences),
    )


def _as_float(value: object) -> float:
    """Convert a polars aggregate, which is None if it is undefined."""
    return float(value) if isinstance(value, int | float) else float("nan")


def _count_bins(
    array: Array,
    extent: tuple[float, float],
    bulk: tuple[float, float],
    distinct: int,
    dtype: pl.DataType,
) -> tuple[Array, Array]:
    """Count the values in bins. A few values far away are left out, to show the others' shape."""
    low, high = extent
    reach = (bulk[1] - bulk[0]) or 1.0
    low, high = max(low, bulk[0] - reach), min(high, bulk[1] + reach)
    if dtype.is_integer() and high - low < MAX_BINS:  # a bar for each whole number
        edges = np.arange(np.ceil(low), np.floor(high) + 2) - 0.5
    else:
        if low == high:
            low, high = low - 0.5, high + 0.5
        edges = np.linspace(low, high, min(MAX_BINS, max(5, distinct)) + 1)
    counts, edges = np.histogram(array, bins=edges)
    return counts, edges


def _find_examples(values: pl.Series, fences: tuple[float, float]) -> list[tuple[int, float]]:
    middle = (fences[0] + fences[1]) / 2
    found = (
        pl.DataFrame({"value": values.cast(pl.Float64)})
        .with_row_index("row", offset=1)
        .lazy()
        .filter((pl.col("value") < fences[0]) | (pl.col("value") > fences[1]))
        .sort((pl.col("value") - middle).abs(), descending=True)
        .head(OUTLIER_EXAMPLES)
        .collect()
    )
    return [(int(row), float(value)) for row, value in found.iter_rows()]


def _describe_texts(present: pl.Series) -> TextFacts:
    texts = present.cast(pl.String).alias("value")
    top = texts.value_counts(name="times").sort(["times", "value"], descending=[True, False])
    lengths = texts.str.len_chars()
    return TextFacts(
        top=[(str(value), int(times)) for value, times in top.head(TOP_VALUES).iter_rows()],
        shortest=int(_as_float(lengths.min())),
        longest=int(_as_float(lengths.max())),
        mean_length=_as_float(lengths.mean()),
    )
