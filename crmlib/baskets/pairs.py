"""Pairs of items that are frequent: the sparse product X'X by blocks, or rows of bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crmlib.baskets import bits
from crmlib.baskets.bits import Words
from crmlib.baskets.coded import Baskets
from crmlib.baskets.exact import Ints

BLOCK_CELLS = 1 << 18  # counted at once; larger blocks are no faster
MIN_ROWS = 64


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Frequent pairs as lists of neighbours.

    Attributes
    ----------
    start
        rows + 1; the neighbours of ``i`` are ``right[start[i]:start[i + 1]]``, rising, all > i.
    right
        The other row of each pair.
    count
        In how many baskets both are.
    """

    start: Ints
    right: Ints
    count: Ints

    @property
    def left(self) -> Ints:
        """The first row of each pair."""
        return np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))


def frequent(baskets: Baskets, items: Ints, least: int) -> Pairs:
    """Count all pairs of ``items`` and keep those that are in ``least`` baskets or more.

    Rows of the result are positions in ``items``. Memory is bounded: the product is made for a
    block of items at a time (:func:`rows_at_once`).
    """
    from scipy import sparse

    rank = len(items)
    held = np.concatenate([baskets.of_item(int(item)) for item in items])
    start = np.concatenate([[0], np.cumsum(baskets.item_counts[items])])
    if start[-1] < 2**31:  # as narrow as the baskets, or scipy widens these too
        start = start.astype(np.int32)
    shape = (rank, len(baskets.size))
    by_item = sparse.csr_array((np.ones(len(held), np.int32), held, start), shape=shape)
    by_basket = by_item.T.tocsr()
    step = rows_at_once(rank)
    left, right, count = [], [], []
    for begin in range(0, rank, step):
        block = (by_item[begin : begin + step] @ by_basket).tocoo()
        keep = (block.data >= least) & (block.col > block.row + begin)
        left.append(block.row[keep].astype(np.int64) + begin)
        right.append(block.col[keep].astype(np.int64))
        count.append(block.data[keep].astype(np.int64))
    return in_order(*(np.concatenate([*x, np.zeros(0, np.int64)]) for x in (left, right, count)),
                    rows=rank)  # fmt: skip


def rows_at_once(rank: int) -> int:
    """Give the number of rows of a block of the product; some, even where they are very wide."""
    return max(MIN_ROWS, BLOCK_CELLS // max(1, rank))


def cheaper_by_bits(baskets: Baskets, items: int) -> bool:
    """Tell whether few items in full baskets are counted faster by all pairs of rows of bits.

    The product's work is the sum of squared basket sizes; that of the rows is a word an item
    pair. One step of the product was measured to cost what twelve to twenty words do.
    """
    squares = int(np.square(baskets.size, dtype=np.int64).sum())
    return items * (items - 1) // 2 * bits.words(len(baskets.size)) < 12 * squares


def by_bits(rows: Words, least: int) -> Pairs:
    """Count all pairs of rows and keep those of ``least`` baskets or more."""
    left, right = np.triu_indices(len(rows), 1)
    count = bits.counts(rows, left, right)
    keep = count >= least
    return in_order(left[keep], right[keep], count[keep], rows=len(rows))


def in_order(left: Ints, right: Ints, count: Ints, *, rows: int) -> Pairs:
    """Sort pairs into lists of neighbours."""
    order = np.lexsort((right, left))
    start = np.concatenate([[0], np.cumsum(np.bincount(left, minlength=rows))])
    return Pairs(start, right[order], count[order])
