"""A small shop whose associations are known, since they were put there."""

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.random import Generator

ITEMS, DAYS, CUSTOMERS, FIRST_DAY = 40, 240, 2_000, 20_000
PROMOTED = range(5)  # days of every forty


@dataclass
class Planted:
    """A shop of baskets with different appetites; the rest is added on top."""

    rng: Generator
    baskets: int = 8_000
    rows: list[pl.DataFrame] = field(default_factory=list)

    def __post_init__(self) -> None:
        n = self.baskets
        self.day = self.rng.integers(0, DAYS, n)
        self.customer = self.rng.integers(0, CUSTOMERS, n)
        self.store = self.rng.integers(0, 3, n)
        # Large baskets hold more of everything: any two items meet more often than by chance.
        appetite = self.rng.gamma(1.5, 1 / 1.5, n)
        chance = 0.04 + 0.06 * self.rng.random(ITEMS)
        self.holds = self.rng.random((n, ITEMS)) < np.minimum(appetite[:, None] * chance, 0.9)

    @property
    def in_promotion(self) -> np.ndarray:
        return np.isin(self.day % 40, PROMOTED)

    def add(self, item: int, where: np.ndarray, chance: float) -> np.ndarray:
        """Put an item into some baskets more; tell into which."""
        chosen = where & (self.rng.random(self.baskets) < chance)
        self.holds[chosen, item] = True
        return chosen

    def lines(self, promoted: tuple[int, ...] = ()) -> pl.DataFrame:
        """Give order lines; on promotion days some items carry a promotion."""
        basket, item = np.nonzero(self.holds)
        with_one = self.in_promotion[basket] & np.isin(item, promoted)
        return pl.DataFrame(
            {
                "order_id": [f"o{n:05}" for n in basket],
                "product_id": [f"p{n:02}" for n in item],
                "day": (FIRST_DAY + self.day[basket]).astype(np.int32),
                "fold": (self.customer[basket] % 64).astype(np.int32),
                "store": [f"s{n}" for n in self.store[basket]],
                "promotion_id": ["P" if one else None for one in with_one],
                "margin": np.where(item == 1, 30.0, 2.0),
            },
            schema_overrides={"promotion_id": pl.String},
        )
