"""Associations of categories with each other and with numbers. `relations` correlates numbers."""

from collections.abc import Sequence
from itertools import combinations, product

import numpy as np
import polars as pl
from scipy.stats.contingency import association

from project.jobs.data_analyze.profile import Association, Column, Role
from project.jobs.data_analyze.relations import SAMPLED_ROWS

MAX_CATEGORIES = 20
"""Compare at most this many category columns, and this many number columns."""
_MOST_VALUES = 200
"""A column with more values is skipped: each has so few rows that everything seems related."""
_LEAST_ROWS = 30


def associate(frame: pl.DataFrame, columns: Sequence[Column]) -> list[Association]:
    """Measure category pairs by Cramér's V, and category-number pairs by the correlation ratio.

    Both measures go from 0, unrelated, to 1, fully determined. Only rows that have both values
    count. Of more than SAMPLED_ROWS rows, a random sample is used. The strongest pairs come first.
    """
    if frame.height > SAMPLED_ROWS:
        frame = frame.sample(SAMPLED_ROWS, seed=0)
    words = [
        each.name
        for each in columns
        if each.role in {Role.CATEGORY, Role.TRUTH} and 1 < each.distinct <= _MOST_VALUES
    ][:MAX_CATEGORIES]
    numbers = [
        each.name
        for each in columns
        if each.role in {Role.NUMBER, Role.WHOLE} and each.distinct > 1
    ][:MAX_CATEGORIES]
    found = []
    for first, second in [*combinations(words, 2), *product(words, numbers)]:
        pair = frame.select(pl.col(first).cast(pl.String).alias("a"), pl.col(second).alias("b"))
        pair = pair.drop_nulls()
        if pair.height < _LEAST_ROWS:
            continue
        measure = _measure_ratio if second in numbers else _measure_v
        if (value := measure(pair)) is not None:
            found.append(Association(first, second, value, is_ratio=second in numbers))
    return sorted(found, key=lambda each: -each.value)


def _measure_v(pair: pl.DataFrame) -> float | None:
    """Return Cramér's V, or None if one column is constant."""
    counted = pair.group_by("a", "b").len()
    places = [counted[name].rank("dense").to_numpy() - 1 for name in ("a", counted.columns[1])]
    table = np.zeros([int(each.max()) + 1 for each in places], dtype=np.int64)
    table[places[0], places[1]] = counted["len"].to_numpy()
    return float(association(table, method="cramer")) if min(table.shape) > 1 else None


def _measure_ratio(pair: pl.DataFrame) -> float | None:
    """Return the square root of the share of the number's variance between the categories."""
    number = pl.col("b").cast(pl.Float64)
    # Centre the values first: otherwise the squares of large numbers swallow small differences.
    centred = pair.select("a", number - number.mean())
    whole = centred.select((pl.col("b") ** 2).sum()).item()
    means = centred.group_by("a").agg(pl.col("b").mean(), pl.len())
    between = means.select((pl.col("len") * pl.col("b") ** 2).sum()).item()
    if not whole or means.height < 2:
        return None
    return float(np.sqrt(min(1.0, between / whole)))
