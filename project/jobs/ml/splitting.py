"""Holds rows out for the test, so that training sees nothing of them.

Rows with the same features go to the same side: the model would know a copy by heart. If there are
few combinations of values, equal rows are not copies, and are split at random. With a group column,
rows of the same customer or patient go to the same side; with a time column, the latest rows are
the test, as in real use.
"""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import polars as pl
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold

from project.errors import PermanentError
from project.html_report.figures import counted, moment, number, shorten

Array = Any
"""A numpy array."""

_MIN_TEST_ROWS = 5
_MIN_GROUPS = 4
_ROWS_OF_A_COMBINATION = 3
"""With at least this many rows per possible combination, equal rows are normal, not copies."""


@dataclass(frozen=True, slots=True)
class Split:
    """Row numbers of both parts, and how they were split, as words."""

    train: Array
    test: Array
    how: str
    notes: tuple[str, ...] = ()


def split_rows(
    rows: pl.DataFrame, target: Array, *, test_share: float, seed: int, is_stratified: bool
) -> Split:
    """Split at random, with the same share of each class if stratified. `rows` has the features."""
    is_coarse = _has_few_combinations(rows)
    groups = np.arange(rows.height) if is_coarse else _number_groups(rows)
    first, inverse = _first_of_each(groups)
    chance = np.random.default_rng(seed)
    if is_stratified:
        tested = np.concatenate(
            [
                _draw(np.flatnonzero(target[first] == label), test_share, chance)
                for label in np.unique(target)
            ]
        )
    else:
        tested = _draw(np.arange(len(first)), test_share, chance)
    is_tested = np.isin(inverse, tested)
    copies = len(groups) - len(first)
    notes = (_note_copies(copies),) if copies else ()
    if is_coarse:
        notes = (
            "The features have few combinations of values, so many rows are equal in all of them: "
            "equal rows are in both parts.",
        )
    how = "at random, with the same share of each class" if is_stratified else "at random"
    return _checked(Split(np.flatnonzero(~is_tested), np.flatnonzero(is_tested), how, notes))


def split_groups(
    groups: Array, target: Array, *, test_share: float, seed: int, is_stratified: bool, name: str
) -> Split:
    """Split groups at random, with about the same share of each class if stratified."""
    if len(np.unique(groups)) < _MIN_GROUPS:
        raise PermanentError(
            f"“{shorten(name, 40)}” has fewer than {_MIN_GROUPS} different values: choose another "
            "group column, or leave it out."
        )
    folds: Any = (
        StratifiedGroupKFold(max(2, round(1 / test_share)), shuffle=True, random_state=seed)
        if is_stratified
        else GroupShuffleSplit(1, test_size=test_share, random_state=seed)
    )
    train, test = next(folds.split(target, target, groups))
    how = f"at random, with all rows of the same “{shorten(name, 40)}” in one part"
    return _checked(Split(train, test, how))


def split_by_time(rows: pl.DataFrame, times: pl.Series, *, test_share: float) -> Split:
    """Test on the latest rows. Rows of the same time are on the same side."""
    if times.null_count():
        raise PermanentError(
            f"{counted(times.null_count(), 'row')} have no time in “{shorten(times.name, 40)}”: "
            "choose another time column, or leave it out."
        )
    order = times.arg_sort().to_numpy()
    border = times[int(order[int(len(order) * (1 - test_share))])]
    is_late = (times >= border).to_numpy()
    groups = _number_groups(rows)
    is_known = np.isin(groups, groups[~is_late])
    tested = is_late & ~is_known
    notes = []
    if copies := int((is_late & is_known).sum()):
        was = "was" if copies == 1 else "were"
        notes.append(
            f"{counted(copies, 'late row')} with the same features as an earlier row {was} left "
            "out of the test."
        )
    how = f"by “{shorten(times.name, 40)}”, testing from {_describe(border)}"
    # In the order of time, which cross-validation within the training part also uses.
    train = order[~is_late[order]]
    return _checked(Split(train, np.flatnonzero(tested), how, tuple(notes)))


def _describe(border: Any) -> str:
    return number(border, 12) if isinstance(border, int | float) else moment(border)


def _number_groups(rows: pl.DataFrame) -> Array:
    """Give equal rows the same number."""
    return rows.hash_rows(seed=0).to_numpy()


def _has_few_combinations(rows: pl.DataFrame) -> bool:
    """Whether rows must be equal by chance, because there are more rows than combinations."""
    combinations = prod(each.n_unique() for each in rows.iter_columns())
    return combinations * _ROWS_OF_A_COMBINATION <= rows.height


def _first_of_each(groups: Array) -> tuple[Array, Array]:
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    return first, inverse


def _draw(candidates: Array, share: float, chance: np.random.Generator) -> Array:
    """Draw that share of the candidates: at least one, but not all unless there is only one."""
    wanted = max(1, min(round(share * len(candidates)), len(candidates) - 1))
    return chance.permutation(candidates)[:wanted]


def _note_copies(copies: int) -> str:
    if copies == 1:
        return "1 row has the same features as another row: both are in the same part."
    return f"{copies:,} rows have the same features as another row: they are in the same part."


def _checked(split: Split) -> Split:
    if len(split.test) < _MIN_TEST_ROWS or len(split.train) < _MIN_TEST_ROWS:
        raise PermanentError(
            f"{counted(len(split.train), 'row')} to learn from and {len(split.test)} to test on "
            "are too few: send more rows, or choose another test share."
        )
    return split
