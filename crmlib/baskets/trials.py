"""The tests that a rule must pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from crmlib.baskets import strata
from crmlib.baskets.candidates import Block
from crmlib.baskets.coded import Baskets
from crmlib.baskets.exact import Ints
from crmlib.baskets.facts import Facts
from crmlib.baskets.itemsets import Sets
from crmlib.baskets.measures import Floats
from crmlib.baskets.significance import fisher_greater
from crmlib.baskets.strata import Stratified
from crmlib.schema.rules import FOLDS


def by_chance(rules: Block, baskets: int) -> Floats:
    """Give Fisher's exact p of each rule."""
    return fisher_greater(rules.both_count, rules.left_count, rules.right_count, baskets)


def against_shorter(sets: Sets, rules: Block, baskets: int) -> Floats:
    """Give the p of each rule against those with one item less on the left: the largest of them.

    Among the baskets that hold the shorter left side, the item that was left out must still go
    with the right side. For one item on the left that is :func:`by_chance`. (Webb 2007, Machine
    Learning 68: productive rules.)
    """
    width = rules.left.shape[1]
    if width == 1:
        return by_chance(rules, baskets)
    worst = np.zeros(len(rules))
    for left_out in range(width):
        part = np.delete(rules.left, left_out, axis=1)
        with_right = sets.count_of(np.sort(np.hstack([part, rules.right]), axis=1))
        p = fisher_greater(rules.both_count, rules.left_count, with_right, sets.count_of(part))
        worst = np.maximum(worst, p)
    return worst


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One rule as numbers of items, and its place among all."""

    place: int
    left: tuple[int, ...]
    right: tuple[int, ...]


def rules_of(blocks: Sequence[Block]) -> list[Rule]:
    """Give the rules of all blocks, in their order."""
    sides = ((a, b) for block in blocks for a, b in zip(block.left, block.right, strict=True))
    return [Rule(i, tuple(a.tolist()), tuple(b.tolist())) for i, (a, b) in enumerate(sides)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the stratified tests found of a rule.

    Attributes
    ----------
    size
        Among baskets with as many items beside the left side.
    promotion
        The same, on days without a promotion of the rule's items.
    season, store
        The same as ``size``, within months and within stores.
    baskets
        How many baskets ``promotion`` counted.
    """

    size: Stratified
    promotion: Stratified
    season: Stratified
    store: Stratified
    baskets: int


class Bench:
    """Baskets with one left side, ready for the tests of its rules.

    Strata are by the number of items *beside* the left side. Where each basket has its own
    appetite and each item its own appeal (Rasch 1960), that number says all about the appetite
    that the other items can tell, so the left side says nothing more about the right one: that
    is the null hypothesis, exactly. The number of all items would count the left side too, and
    make pairs look rarer than chance in small baskets.
    """

    def __init__(self, known: Facts, left: tuple[int, ...]) -> None:
        self.known, self.left = known, left
        size = known.baskets.size
        overlap = np.zeros(len(size), np.int32)
        for item in left:
            overlap[known.baskets.of_item(item)] += 1
        self.held: NDArray[np.bool_] = overlap == len(left)
        stratum = strata.size_strata(int(size.max(initial=0)))
        self.strata = int(stratum[-1]) + 1
        # A basket that was left out for its size has none of its items here.
        self.stratum: Ints = np.where(size == 0, -1, stratum[size - overlap])
        self._kept: dict[str, strata.Cells] = {}

    def size(self, right: NDArray[np.int32]) -> Stratified:
        """Test among baskets of like size."""
        return strata.measure(self._cells("size").table(right))

    def season(self, right: NDArray[np.int32]) -> Stratified:
        """Test among baskets of like size and the same month."""
        return strata.measure(self._cells("season").table(right))

    def store(self, right: NDArray[np.int32]) -> Stratified:
        """Test among baskets of like size and the same store."""
        return strata.measure(self._cells("store").table(right))

    def outside_promotions(
        self, right: NDArray[np.int32], items: tuple[int, ...]
    ) -> tuple[Stratified, int]:
        """Test on days without a promotion of any of the items; tell how many baskets that are."""
        away = self.known.in_promotion(np.array(items))
        if not away.any():
            cells = self._cells("size")
        else:
            outside = np.where(away, -1, self.stratum)
            cells = strata.cells(self.held, outside, self.known.fold, (FOLDS, self.strata))
        return strata.measure(cells.table(right)), int(cells.baskets.sum())

    def _cells(self, name: str) -> strata.Cells:
        if name not in self._kept:
            month, store = self.known.month, self.known.store
            within = {
                "size": (np.zeros_like(month), 1),
                "season": (month - month.min(), int(np.ptp(month)) + 1),
                "store": (store, self.known.stores),
            }
            group, groups = within[name]
            stratum = np.where(self.stratum < 0, -1, group * self.strata + self.stratum)
            shape = (FOLDS, self.strata * groups)
            self._kept[name] = strata.cells(self.held, stratum, self.known.fold, shape)
        return self._kept[name]


def benches(known: Facts, rules: Sequence[Rule]) -> Iterator[tuple[Rule, Bench, NDArray[np.int32]]]:
    """Give each rule with its bench and the baskets of its right side; left sides are shared."""
    for left, group in groupby(sorted(rules, key=lambda r: (r.left, r.right)), lambda r: r.left):
        bench = Bench(known, left)
        for rule in group:
            yield rule, bench, holding(known.baskets, rule.right)


def holding(baskets: Baskets, items: tuple[int, ...]) -> NDArray[np.int32]:
    """Give the baskets that hold all of the items."""
    found = baskets.of_item(items[0])
    for item in items[1:]:
        found = np.intersect1d(found, baskets.of_item(item), assume_unique=True)
    return found


def all_strata(known: Facts, rules: Sequence[Rule]) -> dict[int, Outcome]:
    """Make all stratified tests, by the rules' places."""
    found = {}
    for rule, bench, right in benches(known, rules):
        outside, baskets = bench.outside_promotions(right, rule.left + rule.right)
        found[rule.place] = Outcome(
            bench.size(right), outside, bench.season(right), bench.store(right), baskets
        )
    return found
