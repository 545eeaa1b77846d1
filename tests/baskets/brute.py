"""The same counts the slow way: every set of items, every basket, exact fractions."""

from fractions import Fraction
from itertools import chain, combinations

import numpy as np
import polars as pl
from hypothesis import strategies as st

Basket = frozenset[str]


def itemsets(baskets: list[Basket], least: int, longest: int | None = None) -> dict[Basket, int]:
    """Count every set that lies in a basket; keep those in ``least`` baskets or more."""
    found: dict[Basket, int] = {}
    for basket in baskets:
        for size in range(1, (longest or len(basket)) + 1):
            for items in combinations(sorted(basket), size):
                found[frozenset(items)] = found.get(frozenset(items), 0) + 1
    return {items: count for items, count in found.items() if count >= least}


def rules(
    sets: dict[Basket, int], least: Fraction, most_right: int | None = None
) -> dict[tuple[Basket, Basket], Fraction]:
    """Split every set in every way; give the exact confidence of those that reach ``least``."""
    found = {}
    for items, count in sets.items():
        for right in proper_parts(items):
            left = items - right
            confidence = Fraction(count, sets[left])
            if confidence >= least and len(right) <= (most_right or len(items)):
                found[left, right] = confidence
    return found


def proper_parts(items: Basket) -> list[Basket]:
    """Give all subsets but the empty one and the whole."""
    sizes = (combinations(sorted(items), n) for n in range(1, len(items)))
    return [frozenset(part) for part in chain.from_iterable(sizes)]


def lines(baskets: list[Basket]) -> pl.DataFrame:
    """Give baskets as order lines; an empty basket has none."""
    rows = [(f"{n:04}", item) for n, basket in enumerate(baskets) for item in sorted(basket)]
    return pl.DataFrame(rows, schema={"order_id": pl.String, "product_id": pl.String}, orient="row")


def random_baskets(
    rng: np.random.Generator, *, baskets: int, items: int, mean: float
) -> list[Basket]:
    """Draw baskets of items of falling popularity; none is empty."""
    chance = 1 / np.arange(1, items + 1) ** 0.8
    sizes = np.minimum(rng.geometric(1 / mean, baskets), items)
    names = np.array([f"i{n:02}" for n in range(items)])
    drawn = (rng.choice(names, n, replace=False, p=chance / chance.sum()) for n in sizes)
    return [frozenset(basket.tolist()) for basket in drawn]


# Up to 7 items and 30 baskets: small enough for ties at every threshold, and to count by hand.
BASKETS = st.lists(st.frozensets(st.sampled_from("abcdefg"), min_size=1), min_size=1, max_size=30)
