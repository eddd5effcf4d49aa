"""What categories have to do with each other and with numbers; correlations are of numbers."""

from collections.abc import Sequence
from itertools import combinations, product

import numpy as np
import polars as pl
from scipy.stats.contingency import association

from project.jobs.data_analyze.profile import Association, Column, Role
from project.jobs.data_analyze.relations import SAMPLED_ROWS

MAX_CATEGORIES = 20
"""Columns of categories that are compared, and as many of numbers."""
_MOST_VALUES = 200
"""Of a column: with more, all of them seem related, as each has few rows."""
_LEAST_ROWS = 30


def associate(frame: pl.DataFrame, columns: Sequence[Column]) -> list[Association]:
    """Each pair of categories by Cramér's V, each with a number by its correlation ratio.

    Both are 0 where one says nothing about the other, and 1 where it says all; over the rows in
    which both are there, of many rows over as many as correlations are. The strongest come first.
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
    """Cramér's V; None where one of both is always the same."""
    counted = pair.group_by("a", "b").len()
    places = [counted[name].rank("dense").to_numpy() - 1 for name in ("a", counted.columns[1])]
    table = np.zeros([int(each.max()) + 1 for each in places], dtype=np.int64)
    table[places[0], places[1]] = counted["len"].to_numpy()
    return float(association(table, method="cramer")) if min(table.shape) > 1 else None


def _measure_ratio(pair: pl.DataFrame) -> float | None:
    """The root of the share of the number's variance that lies between the categories."""
    number = pl.col("b").cast(pl.Float64)
    # Centred first: squares of large numbers would swallow small differences.
    centred = pair.select("a", number - number.mean())
    whole = centred.select((pl.col("b") ** 2).sum()).item()
    means = centred.group_by("a").agg(pl.col("b").mean(), pl.len())
    between = means.select((pl.col("len") * pl.col("b") ** 2).sum()).item()
    if not whole or means.height < 2:
        return None
    return float(np.sqrt(min(1.0, between / whole)))
