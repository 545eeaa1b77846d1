"""Lift within strata: what is left of a rule among baskets that are alike.

Large baskets hold more of everything, so any two products meet there more often than their
shares say. A promotion, a season or a store does the same. Strata are baskets that are alike in
that; the Mantel-Haenszel way adds up what is found and what chance brings in each of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crmlib.baskets.exact import Ints
from crmlib.baskets.measures import Floats
from crmlib.baskets.significance import at_least

EXACT_SIZES = 16  # up to here each number of other items is a stratum of its own
_GROWTH = 1.15  # above, each stratum reaches so much further than the last


def size_strata(largest: int) -> Ints:
    """Give the stratum of each number of items, 0 to ``largest``."""
    sizes = np.arange(largest + 1)
    above = np.log(np.maximum(sizes, EXACT_SIZES) / EXACT_SIZES) / np.log(_GROWTH)
    return np.where(sizes <= EXACT_SIZES, sizes, EXACT_SIZES + np.ceil(above).astype(np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """One rule in strata; every array is folds x strata.

    Attributes
    ----------
    baskets, left, right, both
        Baskets in all, with the left side, with the right side, and with both.
    """

    baskets: Floats
    left: Floats
    right: Floats
    both: Floats

    def without_each_fold(self) -> Table:
        """Give the table that leaves each fold out in turn; its rows are not folds to be added."""
        parts = (self.baskets, self.left, self.right, self.both)
        return Table(*(part.sum(axis=0) - part for part in parts))

    def all_folds(self) -> Table:
        """Give the sums over folds, one row."""
        parts = (self.baskets, self.left, self.right, self.both)
        return Table(*(part.sum(axis=0, keepdims=True) for part in parts))

    def expected(self) -> Floats:
        """How many baskets with both sides chance brings, by row."""
        chance = _over(self.left * self.right, self.baskets)
        return np.asarray(chance.sum(axis=1))


def _over(top: Floats, bottom: Floats) -> Floats:
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)


@dataclass(frozen=True, slots=True)
class Stratified:
    """A rule's lift within strata.

    Attributes
    ----------
    lift
        Baskets with both sides, over those that chance brings within strata; nan without any.
        With one stratum it is the plain lift.
    expected
        How many baskets chance brings.
    odds_ratio
        Common odds ratio of Mantel and Haenszel (1959); infinite where no table has a failure.
    p_value
        That chance brings so many or more: an upper bound (:func:`at_least`).
    fold_p_value
        That the lift is above 1, from the spread between groups of customers: delete-a-fold
        jackknife and Student's t. A rule that f folds alone make is about sqrt(f) errors away
        from 1, however strong it looks. 1 where it cannot be told.
    low, high
        Interval of ``lift`` by the same jackknife of its logarithm; nan where it cannot be told.
    """

    lift: float
    expected: float
    both: int
    odds_ratio: float
    p_value: float
    fold_p_value: float
    low: float
    high: float


def measure(table: Table, level: float = 0.95) -> Stratified:
    """Measure a rule's lift within strata."""
    whole = table.all_folds()
    both, expected = float(whole.both.sum()), float(whole.expected()[0])
    trials = float(np.minimum(whole.left, whole.right).sum())
    p_value = at_least(np.array([both]), np.array([expected]), np.array([trials]))[0]
    lift = both / expected if expected > 0 else np.nan
    fold_p, low, high = _by_folds(table, lift, level)
    return Stratified(
        lift=lift,
        expected=expected,
        both=int(both),
        odds_ratio=_odds_ratio(whole),
        p_value=float(p_value),
        fold_p_value=fold_p,
        low=low,
        high=high,
    )


def _odds_ratio(whole: Table) -> float:
    a, n = whole.both, whole.baskets
    b, c = whole.left - a, whole.right - a
    agree = float(_over(a * (n - a - b - c), n).sum())
    differ = float(_over(b * c, n).sum())
    if differ == 0:
        return np.inf if agree > 0 else np.nan
    return agree / differ


def _by_folds(table: Table, lift: float, level: float) -> tuple[float, float, float]:
    from scipy.special import stdtr, stdtrit

    held = table.baskets.sum(axis=1) > 0
    folds = int(held.sum())
    rest = table.without_each_fold()
    both, expected = rest.both.sum(axis=1)[held], rest.expected()[held]
    if folds < 2 or not np.isfinite(lift) or not (both > 0).all() or not (expected > 0).all():
        return 1.0, np.nan, np.nan
    lifts = both / expected
    error, log_error = _jackknife_error(lifts), _jackknife_error(np.log(lifts))
    if error == 0:
        return 1.0, np.nan, np.nan
    half = float(stdtrit(folds - 1, 0.5 + level / 2)) * log_error
    p_value = float(stdtr(folds - 1, (1 - lift) / error))
    return p_value, lift * float(np.exp(-half)), lift * float(np.exp(half))


def _jackknife_error(values: Floats) -> float:
    """Give the delete-a-group standard error (Kott 2001, equation 2)."""
    folds = len(values)
    return float(np.sqrt((folds - 1) / folds * np.square(values - values.mean()).sum()))


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Baskets in cells of fold and stratum, with a left side: what its rules have in common.

    Attributes
    ----------
    held
        By basket: whether it holds the left side.
    cell
        By basket: ``fold x strata + stratum``; one more than the last for a basket that does
        not count.
    shape
        Folds and strata.
    baskets, left
        Counts, folds x strata.
    """

    held: NDArray[np.bool_]
    cell: Ints
    shape: tuple[int, int]
    baskets: Floats
    left: Floats

    def table(self, right: NDArray[np.int32]) -> Table:
        """Count a right side, given by the baskets that hold it."""
        rights = self._count(right)
        both = self._count(right[self.held[right]])
        return Table(self.baskets, self.left, rights, both)

    def _count(self, baskets: NDArray[np.int32]) -> Floats:
        return _cells(self.cell[baskets], self.shape)


def cells(held: NDArray[np.bool_], stratum: Ints, fold: Ints, shape: tuple[int, int]) -> Cells:
    """Count baskets, and those that hold the left side, in folds and strata.

    Parameters
    ----------
    held
        By basket: whether it holds the left side.
    stratum, fold
        By basket, from 0 on; a basket of stratum -1 does not count.
    shape
        How many folds and strata there are.
    """
    folds, strata = shape
    cell = np.where(stratum < 0, folds * strata, fold * strata + stratum)
    return Cells(held, cell, shape, _cells(cell, shape), _cells(cell[held], shape))


def _cells(cell: Ints, shape: tuple[int, int]) -> Floats:
    total = shape[0] * shape[1]
    return np.bincount(cell, minlength=total + 1)[:total].reshape(shape).astype(np.float64)
