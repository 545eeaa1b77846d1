"""Baskets as integers: every basket and every item a number, the pairs of them sorted by item."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from crmlib import i18n
from crmlib.baskets.exact import Ints
from crmlib.errors import ContractError

# The work grows with the square of a basket: one of 10,000 items holds 50 million pairs.
MAX_BASKET_ITEMS = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class Baskets:
    """Which basket holds which item.

    Attributes
    ----------
    start
        items + 1; the baskets of item ``i`` are ``basket[start[i]:start[i + 1]]``, rising.
    basket
        Basket numbers, each once an item.
    size
        Number of distinct items of each basket; 0 for one that was left out.
    labels
        Names of the items; item ``i`` is ``labels[i]``. From a frame they are in order.
    left_out
        How many baskets have more items than the cap. They are counted nowhere else.
    items_left_out
        How many basket-item pairs they hold.
    repeated
        How many rows named an item that its basket held already.
    max_basket_items
        The cap.
    basket_labels
        Names of the baskets; ``None`` where they were numbers from the start.
    apart
        Pairs of items that are never put into one set, two columns: an item and its category,
        which is always there with it.
    """

    start: Ints
    basket: NDArray[np.int32]
    size: NDArray[np.int32]
    labels: pl.Series
    left_out: int = 0
    items_left_out: int = 0
    repeated: int = 0
    max_basket_items: int = MAX_BASKET_ITEMS
    basket_labels: pl.Series | None = None
    apart: Ints = field(default_factory=lambda: np.zeros((0, 2), np.int64))

    @property
    def count(self) -> int:
        """How many baskets count."""
        return len(self.size) - self.left_out

    @property
    def item_counts(self) -> Ints:
        """In how many baskets each item is."""
        return np.diff(self.start)

    def of_item(self, item: int) -> NDArray[np.int32]:
        """Give the baskets of an item, rising."""
        return self.basket[self.start[item] : self.start[item + 1]]

    def item_of_entry(self) -> NDArray[np.int32]:
        """Give the item of each entry of ``basket``."""
        return np.repeat(np.arange(len(self.labels), dtype=np.int32), self.item_counts)

    def kept(self, baskets: NDArray[np.bool_]) -> Baskets:
        """Give some of the baskets, numbered anew in their order; the items stay."""
        number = np.cumsum(baskets, dtype=np.int32) - np.int32(1)
        inside = baskets[self.basket]
        before = np.concatenate([[0], np.cumsum(inside)])
        return replace(
            self,
            start=before[self.start],
            basket=number[self.basket[inside]],
            size=self.size[baskets],
            left_out=int(np.count_nonzero(self.size[baskets] == 0)) if self.left_out else 0,
            basket_labels=None
            if self.basket_labels is None
            else self.basket_labels.filter(baskets),
        )

    def report(self, lang: str) -> str:
        """Say what was left out; empty if nothing was."""
        if not self.left_out:
            return ""
        return i18n.text(
            "{n} baskets of more than {cap} items are left out, with {entries} items in them.",
            lang,
            n=i18n.number(self.left_out, lang),
            cap=i18n.number(self.max_basket_items, lang),
            entries=i18n.number(self.items_left_out, lang),
        )


def from_codes(
    basket: ArrayLike,
    item: ArrayLike,
    *,
    baskets: int | None = None,
    labels: pl.Series | None = None,
    max_basket_items: int = MAX_BASKET_ITEMS,
) -> Baskets:
    """Take baskets from two arrays of numbers from 0 on, one element a line; order is free.

    Parameters
    ----------
    basket, item
        Numbers of baskets and items; an item that is named twice in a basket counts once.
    baskets
        How many baskets there are, if some are empty; else the largest number and one.
    labels
        Names of the items, by number; else the numbers themselves.
    max_basket_items
        Baskets of more items are left out and reported.

    Raises
    ------
    ValueError
        If the arrays are no whole numbers, differ in length, or name what does not exist.
    """
    rows, columns = _numbers(basket, "basket"), _numbers(item, "item")
    if len(rows) != len(columns):
        raise ValueError(f"{len(rows)} baskets but {len(columns)} items: one of each a line")
    if max_basket_items < 1:
        raise ValueError(f"max_basket_items must be at least 1, got {max_basket_items}")
    n = int(rows.max(initial=-1)) + 1 if baskets is None else baskets
    width = int(columns.max(initial=-1)) + 1 if labels is None else len(labels)
    if rows.max(initial=-1) >= n or columns.max(initial=-1) >= width:
        raise ValueError(f"numbers go up to {n - 1} for baskets and {width - 1} for items")
    names = pl.Series("item", np.arange(width)) if labels is None else labels
    start, sorted_rows = _by_item(rows, columns, n, width)
    size = np.bincount(sorted_rows, minlength=n).astype(np.int32)
    found = Baskets(start, sorted_rows, size, names, repeated=len(rows) - len(sorted_rows))
    return _capped(found, max_basket_items)


def _numbers(values: ArrayLike, name: str) -> NDArray[np.integer]:
    found = np.asarray(values)
    if found.size == 0:
        return np.zeros(0, np.int32)
    if found.ndim != 1 or not np.issubdtype(found.dtype, np.integer) or found.min() < 0:
        raise ValueError(f"{name} must be a one-dimensional array of whole numbers from 0 on")
    # Signed, and narrow where that is enough: the sorting below is bound by memory.
    return found.astype(np.int32 if found.max() < 2**31 else np.int64, copy=False)


def _by_item(
    basket: NDArray[np.integer], item: NDArray[np.integer], n: int, width: int
) -> tuple[Ints, NDArray[np.int32]]:
    """Sort by item, then basket, each pair once: two counting sorts, without comparing."""
    from scipy import sparse

    entries = (np.ones(len(basket), np.int8), (basket, item))
    # By basket first (coo to csr), then by item: within an item the baskets rise.
    columns = sparse.coo_array(entries, shape=(n, width)).tocsr(copy=False).tocsc()
    columns.sum_duplicates()
    return columns.indptr.astype(np.int64), columns.indices.astype(np.int32, copy=False)


def _capped(found: Baskets, cap: int) -> Baskets:
    over = found.size > cap
    found = replace(found, max_basket_items=cap)
    if not over.any():
        return found
    inside = ~over[found.basket]
    before = np.concatenate([[0], np.cumsum(inside)])
    return replace(
        found,
        start=before[found.start],
        basket=found.basket[inside],
        size=np.where(over, 0, found.size).astype(np.int32),
        left_out=int(np.count_nonzero(over)),
        items_left_out=int(found.size[over].sum()),
    )


def from_lines(
    lines: pl.DataFrame | pl.LazyFrame,
    *,
    basket: str = "order_id",
    item: str = "product_id",
    max_basket_items: int = MAX_BASKET_ITEMS,
) -> Baskets:
    """Take baskets from order lines; where there is a ``quantity``, only what was sold counts.

    Raises
    ------
    ContractError
        If a column is missing or has empty fields.
    """
    pairs = sold(lines, basket, item).select(basket, item)
    for name in (basket, item):
        if empty := pairs[name].null_count():
            raise ContractError(_EMPTY, column=name, n=empty)
    # Numbers follow the order of the names, so that results do not depend on the rows' order.
    labels, orders = (pairs[name].unique().sort() for name in (item, basket))
    codes = pairs.select(pl.all().rank("dense") - 1)
    found = from_codes(
        codes[basket].to_numpy(),
        codes[item].to_numpy(),
        labels=labels,
        max_basket_items=max_basket_items,
    )
    return replace(found, basket_labels=orders)


def sold(lines: pl.DataFrame | pl.LazyFrame, *needed: str) -> pl.DataFrame:
    """Give the lines that were sold, not returned; check the columns at the door.

    Raises
    ------
    ContractError
        If a needed column is missing.
    """
    lazy = lines.lazy()
    names = lazy.collect_schema().names()
    if missing := [name for name in needed if name not in names]:
        raise ContractError(_MISSING, columns=", ".join(missing), there=", ".join(names))
    return (lazy.filter(pl.col("quantity") > 0) if "quantity" in names else lazy).collect()


_MISSING = i18n.mark("Order lines: {columns} missing; there are {there}.")
_EMPTY = i18n.mark(
    "Order lines: {n} fields of {column} are empty. Leave those lines out, or name the column "
    "that holds the order or the product."
)
