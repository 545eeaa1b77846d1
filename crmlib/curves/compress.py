"""Customers in unique rows: what the models' likelihoods need of a summary, once each.

Thousands of customers share (x, t_x, T): everybody who bought once on the same day has the same
row. A likelihood is a sum over unique rows with weights, and the costly functions of it
(log-gamma, digamma, logarithms) depend on one column only, so they are computed on its unique
values and looked up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crmlib import i18n
from crmlib.errors import ContractError

Array: TypeAlias = npt.NDArray[np.float64]
Places: TypeAlias = npt.NDArray[np.intp]
Unit: TypeAlias = Literal["days", "weeks", "months"]

DAYS = {"days": 1.0, "weeks": 7.0, "months": 365.25 / 12}
YEAR = 365.25  # days
HISTORY = ("frequency", "recency", "T")
_NOT_CHECKED = ("customer_id", "fold", "unit")


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A column: its ``cells``, its sorted unique ``values``, each cell's place ``at`` them."""

    cells: Array
    values: Array
    at: Places

    @classmethod
    def of(cls, cells: Array) -> Column:
        """Find the unique values."""
        values, at = np.unique(cells, return_inverse=True)
        return cls(cells, values, at)

    def sums(self, weight: Array) -> Array:
        """Sum a weight a row by unique value."""
        return np.asarray(np.bincount(self.at, weight, len(self.values)), dtype=float)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Unique rows of a summary, n of them.

    Attributes
    ----------
    x
        Repeat purchase days.
    t_x, T
        First to last purchase, and first purchase to as-of, in one unit of time.
    weight
        How many customers have the row, shape (n,).
    weight_x, weight_age, x_by_age
        Sums that do not depend on parameters: weights by unique x and T, weighted x by unique T.
    """

    x: Column
    t_x: Column
    T: Column
    weight: Array
    weight_x: Array
    weight_age: Array
    x_by_age: Array

    @classmethod
    def of(
        cls,
        x: npt.ArrayLike,
        t_x: npt.ArrayLike,
        T: npt.ArrayLike,
        weight: npt.ArrayLike | None = None,
    ) -> Rows:
        """Take arrays as they are; without ``weight`` each row is one customer."""
        first, last, age = (Column.of(np.atleast_1d(np.asarray(c, float))) for c in (x, t_x, T))
        weights = np.ones(len(first.at)) if weight is None else np.asarray(weight, dtype=float)
        sums = first.sums(weights), age.sums(weights), age.sums(weights * first.cells)
        return cls(first, last, age, weights, *sums)

    @property
    def customers(self) -> float:
        """Sum of the weights."""
        return float(self.weight.sum())

    def mean(self, values: Array) -> float:
        """Give the mean over customers of a value a row."""
        return dot(self.weight, values) / self.customers

    def thinned(self, most: int) -> Rows:
        """Take every k-th row, at most about ``most``: near enough to start from."""
        every = -(-len(self.weight) // most)
        if every == 1:
            return self
        x, t_x, T = (c.cells[::every] for c in (self.x, self.t_x, self.T))
        return Rows.of(x, t_x, T, self.weight[::every])


def dot(a: Array, b: Array) -> float:
    """Sum products. Not by BLAS, whose threads cost more than they save on such vectors."""
    return float(np.einsum("i,i->", a, b))


def compress(summary: pl.DataFrame, columns: Sequence[str] = HISTORY) -> pl.DataFrame:
    """Group a checked summary by ``columns``; ``weight`` counts customers (sums ``count``)."""
    count = pl.col("count").sum() if "count" in summary.columns else pl.len()
    return summary.group_by(columns).agg(weight=count.cast(pl.Float64)).sort(columns)


def rows(summary: pl.DataFrame) -> Rows:
    """Compress a checked summary of ``frequency``, ``recency``, ``T`` (and ``count``)."""
    unique = compress(summary)
    return Rows.of(*(unique[c].to_numpy() for c in (*HISTORY, "weight")))


def checked(
    summary: pl.DataFrame | pl.LazyFrame, columns: Sequence[str], *, unit: str | None = None
) -> pl.DataFrame:
    """Check a summary at the door and return it as numbers.

    Parameters
    ----------
    summary
        One row a customer, or many customers a row with their ``count``. A column ``unit``
        (made by :mod:`crmlib.curves.summary`) must be of one kind.
    columns
        Columns that the model reads.
    unit
        The unit that is expected; checked where the summary has a column ``unit``.

    Raises
    ------
    ContractError
        Names the columns that are missing, or the rule that rows break and how many do.
    """
    there = summary.lazy().collect_schema().names()
    missing = [c for c in columns if c not in there]
    if missing:
        raise ContractError(
            i18n.mark("summary: missing {missing}; it has {there}"),
            missing=", ".join(missing),
            there=", ".join(there),
        )
    kept = [c for c in (*columns, "count", *_NOT_CHECKED) if c in there]
    frame = summary.lazy().select(kept).collect()
    _one_unit(frame, unit)
    numbers = [c for c in kept if c not in _NOT_CHECKED]
    for name in numbers:
        if not frame.schema[name].is_numeric():
            raise ContractError(i18n.mark("summary: {column} must be a number"), column=name)
    _refuse(frame, _rules(numbers))
    return frame.with_columns(pl.col(n).cast(pl.Float64) for n in numbers)


def _one_unit(frame: pl.DataFrame, unit: str | None) -> None:
    if "unit" not in frame.columns:
        return
    found = frame["unit"].unique().sort().to_list()
    if len(found) > 1 or (unit is not None and found and found[0] != unit):
        raise ContractError(
            i18n.mark("summary: times are in {found}, expected one unit: {expected}"),
            found=", ".join(map(str, found)),
            expected=unit or str(found[0]),
        )


_MISSING = i18n.mark("summary: {rows} rows have no {column} or one that is not finite")
_NEGATIVE = i18n.mark("summary: {rows} rows have a negative {column}")
_FRACTION = i18n.mark("summary: {rows} rows have a fractional {column}; it counts")
_LATE = i18n.mark(
    "summary: {rows} rows have a recency longer than T; are both in one unit of time?"
)
_FIRST = i18n.mark("summary: {rows} rows have a recency but no repeat purchase")
_MORE = i18n.mark("summary: {rows} rows have more purchases than periods up to the last one")

_Rule: TypeAlias = tuple[str, str, pl.Expr]


def _rules(names: Iterable[str]) -> list[_Rule]:
    """Give what is wrong with a row, first things first."""
    found: list[_Rule] = []
    have = list(names)
    for name in have:
        cell = pl.col(name)
        found.append((_MISSING, name, ~cell.cast(pl.Float64).is_finite().fill_null(value=False)))
        if name != "monetary":  # a mean below 0 is reported, not refused
            found.append((_NEGATIVE, name, cell < 0))
    counted = {"frequency", "count"} | ({"recency", "n_periods"} if "n_periods" in have else set())
    for name in (n for n in have if n in counted):
        found.append((_FRACTION, name, pl.col(name).cast(pl.Float64) % 1 != 0))
    x, t_x = pl.col("frequency"), pl.col("recency")
    if "T" in have:
        found.append((_LATE, "recency", t_x > pl.col("T")))
    if "n_periods" in have:
        found.append((_LATE, "recency", t_x > pl.col("n_periods")))
        found.append((_MORE, "frequency", x > t_x))
    if "recency" in have:
        found.append((_FIRST, "recency", (x == 0) & (t_x > 0)))
    return found


def _refuse(frame: pl.DataFrame, rules: list[_Rule]) -> None:
    broken = frame.select(rule.sum().alias(str(i)) for i, (_, _, rule) in enumerate(rules))
    for (message, column, _), count in zip(rules, broken.row(0), strict=True):
        if count:
            raise ContractError(message, rows=int(count), column=column)
