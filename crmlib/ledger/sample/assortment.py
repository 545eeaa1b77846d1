"""What the sample shop sells, at which prices, and its promotions."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from crmlib.ledger.sample.associations import DUO_DAYS, DUO_PERCENT, Pairs, draw_pairs
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

    def product_ids(self) -> list[str]:
        """Name the first product of each slot."""
        every = product_ids()
        return [every[number] for number in self.first]

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


def jump_month(spec: SampleSpec) -> int:
    """Give the month that begins with the great rise in prices."""
    return spec.months * 7 // 10


def draw_price_index(spec: SampleSpec, rng: Generator) -> Ints:
    """Draw the index in hundredths: 100.00 at the start, about 3 % more each month, once 6 %."""
    rates = np.clip(rng.normal(0.03, 0.005, spec.months - 1), 0.015, 0.045)
    rates[jump_month(spec) - 1] = 0.06
    growth = np.cumprod(1 + rates)
    return np.rint(10_000 * np.concatenate([[1.0], growth])).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Promotions:
    """Weeks of lower prices.

    Those on a category do not move demand. Those on two products bring these into one basket.
    """

    category: Ints
    first_day: Ints
    percent: Ints
    pairs: Pairs

    @property
    def names(self) -> list[str]:
        """P01, P02, ..., then D1, ... of two products; the outlet comes last."""
        weeks = [f"P{n + 1:02d}" for n in range(len(self.category))]
        return [*weeks, *(f"D{n + 1}" for n in range(len(self.pairs.duo_first))), OUTLET]

    def running(self, slot: Ints, day: Ints, shelf: Assortment, days: int) -> tuple[Ints, Ints]:
        """Give number and percent of the promotion of each line; -1 and 0 without one."""
        weeks = np.full((len(CATEGORIES), days), -1)
        for number, (category, first) in enumerate(zip(self.category, self.first_day, strict=True)):
            weeks[category, first : first + 7] = number
        found = weeks[shelf.category[slot], day]
        percent = np.where(found >= 0, self.percent[found], 0)
        for duo, begin in enumerate(self.pairs.duo_days):
            both = (self.pairs.duo_first[duo], self.pairs.duo_second[duo])
            inside = np.zeros(days + 100, dtype=bool)
            inside[(begin[:, None] + np.arange(DUO_DAYS)).ravel()] = True
            here = np.isin(slot, both) & inside[day]
            found = np.where(here, len(self.category) + duo, found)
            percent = np.where(here, DUO_PERCENT, percent)
        return found, percent


def draw_promotions(
    shelf: Assortment, calendar: Calendar, rng: Generator, pairs: Generator
) -> Promotions:
    """Draw one promotion every three weeks; a category has its next when all have had one."""
    count = calendar.days // 21
    order = np.concatenate([rng.permutation(len(CATEGORIES)) for _ in range(count)])[:count]
    dearest = np.array([shelf.cost_ratio[shelf.category == c].max() for c in order])
    # Nine tenths of the margin at most: an ordinary customer never costs money.
    allowed = np.floor(0.9 * (1 - dearest) * 20).astype(np.int64) * 5
    percent = np.minimum(rng.integers(2, 7, count) * 5, np.maximum(allowed, 10))
    steady = np.flatnonzero(shelf.first == shelf.second)
    together = draw_pairs(np.setdiff1d(steady, shelf.no_cost), shelf.share, calendar, pairs)
    first_day = np.arange(count) * 21 + rng.integers(0, 15, count)
    return Promotions(order, first_day, percent, together)


@dataclass(frozen=True, slots=True, eq=False)
class Goods:
    """What is sold, at which level of prices, and when for less."""

    shelf: Assortment
    index: Ints
    promotions: Promotions


def draw_goods(spec: SampleSpec, calendar: Calendar, streams: dict[str, Generator]) -> Goods:
    """Draw all that the customers find in the shop."""
    shelf = draw_assortment(spec, streams["products"])
    index = draw_price_index(spec, streams["prices"])
    promotions = draw_promotions(shelf, calendar, streams["promotions"], streams["pairs"])
    return Goods(shelf, index, promotions)
