"""Frequent item sets as sorted arrays, and the number of any of their subsets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import polars as pl

from crmlib.baskets.exact import Ints

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "items": pl.List(pl.String),
    "size": pl.Int64,
    "count": pl.Int64,
    "support": pl.Float64,
}


@dataclass(frozen=True, slots=True, eq=False)
class Sets:
    """All frequent sets of items: with a set, each of its subsets is there.

    Attributes
    ----------
    items
        By size, from 1 on: sets x size, item numbers rising in a row, rows in order.
    counts
        By size: in how many baskets each set is.
    width
        How many items there are in all.
    keys
        By size: number of the set without its last item, times ``width``, and the last item.
        The rows are in order, so the keys rise and a set is found by bisection.
    """

    items: tuple[Ints, ...]
    counts: tuple[Ints, ...]
    width: int
    keys: tuple[Ints, ...]

    @property
    def total(self) -> int:
        """How many sets there are."""
        return sum(len(c) for c in self.counts)

    @property
    def by_size(self) -> tuple[int, ...]:
        """How many sets there are of 1, 2, ... items."""
        return tuple(len(c) for c in self.counts)

    def numbers(self, rows: Ints) -> Ints:
        """Give the numbers of sets that are known to be frequent: sets x size, items rising."""
        found = np.zeros(len(rows), np.int64)
        for size, column in enumerate(rows.T):
            found = np.searchsorted(self.keys[size], found * self.width + column)
        return found

    def count_of(self, rows: Ints) -> Ints:
        """Give the counts of sets that are known to be frequent."""
        return self.counts[rows.shape[1] - 1][self.numbers(rows)]


def in_order(items: Sequence[Ints], counts: Sequence[Ints], width: int) -> Sets:
    """Sort item sets: items within a set, then sets of a size; sizes without a set are left out."""
    sets, sizes = [], []
    keys: list[Ints] = []
    for rows, count in zip(items, counts, strict=True):
        if not len(count):
            break
        ordered = np.sort(rows, axis=1)
        order = np.lexsort(ordered.T[::-1])
        sets.append(ordered[order])
        sizes.append(count[order])
    found = Sets(tuple(sets), tuple(sizes), width, ())
    for rows in sets:
        known = Sets(found.items, found.counts, width, tuple(keys))
        keys.append(known.numbers(rows[:, :-1]) * width + rows[:, -1])
    return Sets(found.items, found.counts, width, tuple(keys))


def maximal(sets: Sets) -> tuple[Ints, ...]:
    """Give, by size, the numbers of sets without a frequent superset.

    Where the length of sets is limited, those of the greatest length count as maximal.
    """
    return tuple(np.flatnonzero(best == 0) for best in _largest_superset(sets))


def closed(sets: Sets) -> tuple[Ints, ...]:
    """Give, by size, the numbers of sets whose supersets are all in fewer baskets."""
    best = _largest_superset(sets)
    return tuple(np.flatnonzero(b < c) for b, c in zip(best, sets.counts, strict=True))


def _largest_superset(sets: Sets) -> list[Ints]:
    """Give each set's largest count among the sets that have one item more; 0 without one."""
    found = [np.zeros(n, np.int64) for n in sets.by_size]
    for size in range(1, len(sets.items)):
        rows, counts = sets.items[size], sets.counts[size]
        for left_out in range(size + 1):
            part = sets.numbers(np.delete(rows, left_out, axis=1))
            np.maximum.at(found[size - 1], part, counts)
    return found


def frame(
    sets: Sets, labels: pl.Series, baskets: int, kept: Sequence[Ints] | None = None
) -> pl.DataFrame:
    """Give item sets with their names: ``items``, ``size``, ``count``, ``support``."""
    chosen = kept or [np.arange(n) for n in sets.by_size]
    names = labels.cast(pl.String)
    parts = [
        pl.DataFrame(
            {
                "items": named(rows[which], names),
                "size": np.full(len(which), size, np.int64),
                "count": counts[which],
                "support": counts[which] / baskets,
            },
            schema=SCHEMA,
        )
        for size, (rows, counts, which) in enumerate(
            zip(sets.items, sets.counts, chosen, strict=True), start=1
        )
    ]
    return reduce(pl.DataFrame.vstack, parts, pl.DataFrame(schema=SCHEMA))


def named(rows: Ints, names: pl.Series) -> pl.Series:
    """Give sets of one size as lists of names."""
    if not len(rows):
        return pl.Series(dtype=pl.List(pl.String))
    return names.gather(rows.ravel()).reshape(rows.shape).arr.to_list()
