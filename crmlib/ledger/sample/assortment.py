"""What the sample shop sells, at which prices, and its promotions."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from crmlib.ledger.sample.catalogue import CATEGORIES
from crmlib.ledger.sample.world import Calendar, Floats, Ints, SampleSpec

SLOTS_PER_CATEGORY = 33  # of 35 products; the other two succeed discontinued ones
OUTLET = "OUTLET"


@dataclass(frozen=True, slots=True, eq=False)
class Assortment:
    """One entry a slot: a place on the shelf, held by a product or by two in succession.

    The successor takes over price level, cost ratio and popularity, so that the mix of what is
    sold does not drift: real spend per visit stays constant by construction.
    """

    category: Ints
    share: Floats
    price: Floats  # with VAT, in the first month
    cost_ratio: Floats
    first: Ints  # product numbers
    second: Ints
    switch: Ints  # the month in which the second replaces the first
    since: Ints  # days before the start
    no_cost: Ints  # slots whose cost the shop never recorded

    @property
    def vat(self) -> Ints:
        """VAT of each slot in percent."""
        return np.array([category.vat_percent for category in CATEGORIES])[self.category]


def draw_assortment(spec: SampleSpec, rng: Generator) -> Assortment:
    """Draw popularity, price level, cost and succession of the products of each category."""
    size, slots = len(CATEGORIES), SLOTS_PER_CATEGORY
    category = np.repeat(np.arange(size), slots)
    rank = np.concatenate([rng.permutation(slots) for _ in range(size)]) + 1
    weight = rank**-0.8
    shelf = np.array([c.share for c in CATEGORIES])[category]
    ratio = np.array([c.cost_ratio for c in CATEGORIES])[category]
    level = np.array([c.price for c in CATEGORIES])[category]
    first = category * (slots + 2) + np.tile(np.arange(slots), size)
    second, switch = first.copy(), np.full(len(first), spec.months)
    for number in range(size):
        replaced = number * slots + rng.choice(slots, size=2, replace=False)
        second[replaced] = number * (slots + 2) + slots + np.arange(2)
        switch[replaced] = rng.integers(spec.months // 4, spec.months * 3 // 4, 2)
    steady = np.flatnonzero((first == second) & (rank > 5))
    return Assortment(
        category=category,
        share=shelf * weight / weight.reshape(size, slots).sum(axis=1)[category],
        price=level * np.exp(rng.normal(0.0, 0.45, len(first))),
        cost_ratio=np.clip(ratio + rng.normal(0.0, 0.02, len(first)), 0.45, 0.75),
        first=first,
        second=second,
        switch=switch,
        since=rng.integers(0, 2000, len(first)),
        no_cost=np.sort(rng.choice(steady, size=3, replace=False)),
    )


def product_ids() -> list[str]:
    """Name the products by number: U0001, U0002, ..."""
    count = len(CATEGORIES) * (SLOTS_PER_CATEGORY + 2)
    return [f"U{number + 1:04d}" for number in range(count)]


def draw_price_index(spec: SampleSpec, rng: Generator) -> Ints:
    """Draw the index in hundredths: 100.00 at the start, about 3 % more each month."""
    growth = np.cumprod(1 + np.clip(rng.normal(0.03, 0.005, spec.months - 1), 0.015, 0.045))
    return np.rint(10_000 * np.concatenate([[1.0], growth])).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Promotions:
    """Campaigns of a week on one category each; they lower prices and do not move demand."""

    category: Ints
    first_day: Ints
    percent: Ints

    @property
    def names(self) -> list[str]:
        """P01, P02, ...; the outlet comes last."""
        return [f"P{n + 1:02d}" for n in range(len(self.category))] + [OUTLET]


def draw_promotions(shelf: Assortment, calendar: Calendar, rng: Generator) -> Promotions:
    """Draw one promotion every three weeks; a category has its next when all have had one."""
    count = calendar.days // 21
    order = np.concatenate([rng.permutation(len(CATEGORIES)) for _ in range(count)])[:count]
    dearest = np.array([shelf.cost_ratio[shelf.category == c].max() for c in order])
    # Nine tenths of the margin at most: an ordinary customer never costs money.
    allowed = np.floor(0.9 * (1 - dearest) * 20).astype(np.int64) * 5
    percent = np.minimum(rng.integers(2, 7, count) * 5, np.maximum(allowed, 10))
    return Promotions(order, np.arange(count) * 21 + rng.integers(0, 15, count), percent)
