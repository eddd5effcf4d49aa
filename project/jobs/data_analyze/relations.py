"""Compares columns: which numbers correlate, and which values are missing together."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from project.jobs.data_analyze.profile import Column, Correlations, Role

MAX_COMPARED = 30
"""At most this many number columns are compared: a larger picture is unreadable."""
SAMPLED_ROWS = 200_000
_SEED = 0
_MAX_PATTERN_COLUMNS = 20
_SHOWN_PATTERNS = 8
_COMPARED = {Role.NUMBER, Role.WHOLE, Role.TRUTH}

Array = Any
"""A numpy array of numbers."""
Matrix = Any
"""A numpy array of two dimensions."""


def correlate(frame: pl.DataFrame, columns: Sequence[Column]) -> Correlations:
    """Compute Pearson's and Spearman's coefficients of each pair, over the rows that have both.

    Of more than SAMPLED_ROWS rows, a random sample is used: every n-th row might always be the same
    sensor, weekday or shop. The seed is fixed, so the sample is the same each time.
    """
    fitting = [each.name for each in columns if each.role in _COMPARED and each.distinct > 1]
    names = fitting[:MAX_COMPARED]
    numbers = frame.select(pl.col(name).cast(pl.Float64) for name in names)
    sample = numbers.sample(SAMPLED_ROWS, seed=_SEED) if frame.height > SAMPLED_ROWS else numbers
    return Correlations(
        names=names,
        pearson=_as_rows(_correlate_pairs(_to_array(sample))),
        spearman=_as_rows(_correlate_ranks(sample)),
        rows_used=sample.height,
        left_out=len(fitting) - len(names),
    )


def _to_array(frame: pl.DataFrame) -> Matrix:
    return frame.fill_null(float("nan")).to_numpy()


def _correlate_pairs(values: Matrix) -> Matrix:
    """Compute Pearson's coefficients by sums over the rows in which both columns have a value."""
    if not values.size:
        return np.zeros((0, 0))
    is_there = ~np.isnan(values)
    # Centre and scale first: otherwise the squares of large numbers swallow small differences.
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without values has no mean
        scaled = (values - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0)
        scaled = np.nan_to_num(scaled, nan=0.0, posinf=0.0, neginf=0.0)
        there = is_there.astype(float)
        count = there.T @ there
        sums, squares = scaled.T @ there, (scaled**2).T @ there
        together = count * (scaled.T @ scaled) - sums * sums.T
        spread = count * squares - sums**2
        result = together / np.sqrt(spread * spread.T)
    result[(count < 3) | ~np.isfinite(result)] = np.nan
    return np.clip(result, -1, 1)


def _correlate_ranks(sample: pl.DataFrame) -> Matrix:
    """Compute Spearman's coefficients, ranking each pair within the rows that have both values.

    Ranks among all values of a column would have holes where the other column has gaps.
    """
    places = [
        values.rank("dense").cast(pl.Int64).fill_null(0).to_numpy()
        for values in sample.iter_columns()
    ]
    result = np.full((len(places), len(places)), np.nan)
    for b, second in enumerate(places):
        for a, first in enumerate(places[: b + 1]):
            are_there = (first > 0) & (second > 0)
            ranks = [_rank(each[are_there]) for each in (first, second)]
            if are_there.any():
                result[a, b] = result[b, a] = _correlate_pairs(np.column_stack(ranks))[0, 1]
    return result


def _rank(places: Array) -> Array:
    """Return each value's mean rank among these, from dense ranks among more, without sorting."""
    counts = np.bincount(places)
    return (np.cumsum(counts) - (counts - 1) / 2)[places]


def _as_rows(matrix: Matrix) -> list[list[float | None]]:
    return [[None if np.isnan(value) else float(value) for value in row] for row in matrix]


def find_missing_patterns(
    frame: pl.DataFrame, columns: Sequence[Column]
) -> list[tuple[tuple[str, ...], int]]:
    """Find which columns are missing together, among the columns with the most gaps."""
    gaps = sorted(
        (each for each in columns if each.missing and each.distinct), key=lambda each: -each.missing
    )
    names = [each.name for each in gaps[:_MAX_PATTERN_COLUMNS]]
    if not names:
        return []
    flags = frame.select(
        pl.sum_horizontal(
            pl.col(name).is_null().cast(pl.Int64) * (1 << place) for place, name in enumerate(names)
        ).alias("flags")
    )
    counted = flags.filter(pl.col("flags") > 0)["flags"].value_counts(sort=True, name="rows")
    return [
        (tuple(name for place, name in enumerate(names) if flags >> place & 1), int(rows))
        for flags, rows in counted.head(_SHOWN_PATTERNS).iter_rows()
    ]
