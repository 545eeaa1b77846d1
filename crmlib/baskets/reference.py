"""The same sets by mlxtend: the reference that the tests and the benchmark compare with."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crmlib.baskets import itemsets
from crmlib.baskets.coded import Baskets
from crmlib.baskets.exact import Ints
from crmlib.baskets.itemsets import Sets
from crmlib.baskets.memory import Budget

if TYPE_CHECKING:
    from crmlib.baskets.mining import MiningSpec

BYTES_PER_CELL = 3  # one-hot, and what fpgrowth makes of it


def frequent_sets(baskets: Baskets, least: int, spec: MiningSpec) -> Sets:
    """Find all frequent sets with mlxtend's fpgrowth."""
    often = np.flatnonzero(baskets.item_counts >= least)
    budget = Budget(spec.memory_mb, least)
    budget.allow(len(baskets.size) * len(often) * BYTES_PER_CELL)
    if not len(often):
        return itemsets.in_order([], [], len(baskets.labels))
    from mlxtend.frequent_patterns import fpgrowth

    n = len(baskets.size)
    # Between two counts, so that mlxtend's float comparison meets no tie.
    found = fpgrowth(one_hot(baskets, often), (least - 0.5) / n, max_len=spec.max_items)
    budget.check_sets(len(found))
    sizes = found["itemsets"].map(len).to_numpy()
    counts = np.rint(found["support"].to_numpy() * n).astype(np.int64)
    sets, by_size = [], []
    for size in range(1, int(sizes.max(initial=0)) + 1):
        rows = often[np.array([sorted(row) for row in found["itemsets"][sizes == size]], np.int64)]
        keep = ~_together(rows, baskets.apart)
        sets.append(rows[keep])
        by_size.append(counts[sizes == size][keep])
    return itemsets.in_order(sets, by_size, len(baskets.labels))


def _together(rows: Ints, apart: Ints) -> NDArray[np.bool_]:
    """Tell which sets hold two items that are to be kept apart."""
    pairs = {tuple(sorted(pair)) for pair in apart.tolist()}
    found = [any(pair in pairs for pair in combinations(row, 2)) for row in rows.tolist()]
    return np.array(found, bool)


def one_hot(baskets: Baskets, items: Ints) -> Any:
    """Give the pandas frame that mlxtend takes: a row a basket, a column an item."""
    import pandas as pd

    cells = np.zeros((len(baskets.size), len(items)), bool)
    for column, item in enumerate(items):
        cells[baskets.of_item(int(item)), column] = True
    return pd.DataFrame(cells)
