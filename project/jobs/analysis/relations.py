"""Columns beside each other: which numbers go together, and what is missing together."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from project.jobs.analysis.profile import Column, Correlations, Role

MAX_COMPARED = 30
"""Columns of numbers; more would be no picture that anybody can read."""
SAMPLED_ROWS = 200_000
_MAX_PATTERN_COLUMNS = 20
_SHOWN_PATTERNS = 8
_COMPARED = {Role.NUMBER, Role.WHOLE, Role.TRUTH}

Matrix = Any
"""A numpy array of numbers, two-dimensional."""


def correlate(frame: pl.DataFrame, columns: Sequence[Column]) -> Correlations:
    """Pearson's and Spearman's coefficients of each pair, over the rows in which both are there.

    Of more rows than SAMPLED_ROWS, so many are taken at equal distances.
    """
    fitting = [each.name for each in columns if each.role in _COMPARED and each.distinct > 1]
    names = fitting[:MAX_COMPARED]
    step = -(-frame.height // SAMPLED_ROWS) if frame.height > SAMPLED_ROWS else 1
    sample = frame.select(pl.col(name).cast(pl.Float64) for name in names).gather_every(step)
    ranks = sample.select(pl.col(name).rank() for name in names)
    return Correlations(
        names=names,
        pearson=_as_rows(_correlate_pairs(_to_array(sample))),
        spearman=_as_rows(_correlate_pairs(_to_array(ranks))),
        rows_used=sample.height,
        left_out=len(fitting) - len(names),
    )


def _to_array(frame: pl.DataFrame) -> Matrix:
    return frame.fill_null(float("nan")).to_numpy()


def _correlate_pairs(values: Matrix) -> Matrix:
    """By sums over the rows in which both columns have a value."""
    if not values.size:
        return np.zeros((0, 0))
    is_there = ~np.isnan(values)
    # Centred and scaled first: else squares of large numbers would swallow small differences.
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


def _as_rows(matrix: Matrix) -> list[list[float | None]]:
    return [[None if np.isnan(value) else float(value) for value in row] for row in matrix]


def find_missing_patterns(
    frame: pl.DataFrame, columns: Sequence[Column]
) -> list[tuple[tuple[str, ...], int]]:
    """Which columns are missing together, among those with the most gaps."""
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
