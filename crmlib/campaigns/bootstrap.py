"""Bootstrap: intervals by drawing customers, or folds of them, again and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crmlib.estimate import Interval

Floats: TypeAlias = NDArray[np.float64]
LEAST = 1_000
_AT_ONCE = 4_000_000  # drawn customers held in memory


@dataclass(frozen=True, slots=True, eq=False)
class Bootstrap:
    """Drawn differences of two means.

    Attributes
    ----------
    difference
        Of the data themselves.
    interval
        Between the quantiles of the drawn differences (Efron, Tibshirani 1993, chapter 13).
    draws
        The drawn differences.
    method
        What was drawn.
    """

    difference: float
    interval: Interval
    draws: Floats
    method: str

    @property
    def error(self) -> float:
        """Standard error: standard deviation of the drawn differences."""
        return float(np.std(self.draws, ddof=1))


def by_rows(
    treated: pl.Series,
    control: pl.Series,
    *,
    rng: np.random.Generator,
    replicates: int = LEAST,
    level: float = 0.95,
) -> Bootstrap:
    """Draw the customers of either arm with replacement.

    Where values repeat (most spend nothing), how often each value is drawn is multinomial: the
    same distribution, at a cost that depends on the different values and not on the customers.

    Parameters
    ----------
    treated, control
        The outcome, one value a customer.
    rng
        Source of chance.
    replicates
        At least 1,000.
    level
        Of the interval.
    """
    _enough(replicates)
    one, zero = (_means(values, replicates, rng) for values in (treated, control))
    found = float(np.mean(treated.to_numpy())) - float(np.mean(control.to_numpy()))
    return _of(found, one - zero, level, "bootstrap of customers")


def by_counts(
    hits: int,
    n: int,
    hits_control: int,
    n_control: int,
    *,
    rng: np.random.Generator,
    replicates: int = LEAST,
    level: float = 0.95,
) -> Bootstrap:
    """Draw customers of two rates: of ``n`` drawn with replacement the hits are binomial."""
    _enough(replicates)
    one = rng.binomial(n, hits / n, replicates) / n
    zero = rng.binomial(n_control, hits_control / n_control, replicates) / n_control
    found = hits / n - hits_control / n_control
    return _of(found, one - zero, level, "bootstrap of customers")


def by_folds(
    cells: pl.DataFrame,
    arm: str,
    control: str,
    *,
    rng: np.random.Generator,
    replicates: int = LEAST,
    level: float = 0.95,
) -> Bootstrap:
    """Draw folds with replacement, from ``cells`` of one outcome (and one pre value).

    A fold keeps its customers of both arms together, so it also serves where customers of one
    fold are not independent. With 64 folds the interval is a little short.
    """
    _enough(replicates)
    folds = fold_sums(cells, [arm, control])
    if len(folds) < 2:
        raise ValueError("there is only one fold: nothing to draw from")
    drawn = rng.multinomial(len(folds), np.full(len(folds), 1 / len(folds)), replicates)
    found, draws = _gap(folds.sum(axis=0)[None, :])[0], _gap(drawn @ folds)
    return _of(float(found), draws[np.isfinite(draws)], level, "bootstrap of folds")


def fold_sums(cells: pl.DataFrame, arms: Sequence[str]) -> Floats:
    """Give by fold (rows) customers and outcome of each arm: n, total, n, total, ..."""
    one = cells.filter(pl.col("pre") == cells["pre"][0])
    total = (pl.col("y") + pl.col("n") * pl.col("centre_y")).sum()
    by = one.group_by("fold", "arm").agg(pl.col("n").sum(), total=total)
    every = by.select("fold").unique().sort("fold")
    for i, arm in enumerate(arms):
        own = by.filter(pl.col("arm") == arm).select("fold", **{f"n{i}": "n", f"y{i}": "total"})
        every = every.join(own, on="fold", how="left")
    return every.sort("fold").drop("fold").fill_null(0).cast(pl.Float64).to_numpy()


def _gap(sums: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = sums[:, 1] / sums[:, 0] - sums[:, 3] / sums[:, 2]
    return found


def _means(values: pl.Series, replicates: int, rng: np.random.Generator) -> Floats:
    """Give the means of ``replicates`` draws of as many customers as there are."""
    n = len(values)
    counts = values.cast(pl.Float64).alias("kind").value_counts().sort("kind")
    kinds, times = counts["kind"].to_numpy(), counts["count"].to_numpy()
    if 4 * len(kinds) < n:
        draws: Floats = rng.multinomial(n, times / n, replicates) @ kinds / n
        return draws
    data, found = values.cast(pl.Float64).to_numpy(), np.empty(replicates)
    step = max(1, _AT_ONCE // n)
    for start in range(0, replicates, step):
        stop = min(start + step, replicates)
        found[start:stop] = data[rng.integers(0, n, (stop - start, n))].mean(axis=1)
    return found


def _of(found: float, draws: Floats, level: float, method: str) -> Bootstrap:
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Bootstrap(found, Interval(float(low), float(high), level), draws, method)


def _enough(replicates: int) -> None:
    if replicates < LEAST:
        raise ValueError(f"replicates must be at least {LEAST}, got {replicates}")
