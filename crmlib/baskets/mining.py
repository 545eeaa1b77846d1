"""Exact mining: all sets of items that are bought together often enough, counted, not estimated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Literal, TypeVar

import numpy as np
import polars as pl

from crmlib import i18n
from crmlib.baskets import bits, itemsets, pairs, reference, search
from crmlib.baskets.coded import Baskets
from crmlib.baskets.exact import Ints, Share, min_count, share
from crmlib.baskets.itemsets import Sets
from crmlib.baskets.memory import Budget, TooMuchError

T = TypeVar("T")

BYTES_PER_ENTRY = 40  # a basket-item pair in the sparse product and its transposes
BYTES_PER_CELL = 24  # a pair that is counted, while it is sifted
COPIES = 3  # the rows of bits, those of the node at work and of the nodes above it
_STEP = 1.5  # by how much the floor rises at a time


@dataclass(frozen=True, slots=True)
class MiningSpec:
    """What was asked.

    Attributes
    ----------
    min_support
        Least share of baskets that hold a set: a decimal, best as text or ``Decimal``. The least
        count is that share of the baskets, rounded up.
    max_items
        Most items of a set; ``None`` for any number.
    keep
        ``"all"`` frequent sets, only the ``"closed"`` (every superset is rarer) or only the
        ``"maximal"`` ones (no superset is frequent).
    memory_mb
        How much memory mining may take, in megabytes.
    when_too_much
        ``"refuse"`` says what to ask instead; ``"raise_floor"`` raises the least count by half
        until the answer fits, and says so.
    engine
        ``"bits"``, or the slower ``"mlxtend"`` to check it against.
    """

    min_support: Share = "0.002"
    max_items: int | None = 3
    keep: Literal["all", "closed", "maximal"] = "all"
    memory_mb: int = 2_000
    when_too_much: Literal["refuse", "raise_floor"] = "refuse"
    engine: Literal["bits", "mlxtend"] = "bits"

    def __post_init__(self) -> None:
        share(self.min_support, "min_support")
        if self.max_items is not None and self.max_items < 1:
            raise ValueError(f"max_items must be at least 1 or None, got {self.max_items}")
        if self.memory_mb < 1:
            raise ValueError(f"memory_mb must be at least 1, got {self.memory_mb}")
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {allowed}, got {getattr(self, name)!r}")

    @property
    def support(self) -> Fraction:
        """The least support, exactly."""
        return share(self.min_support, "min_support")


_CHOICES = {
    "keep": ("all", "closed", "maximal"),
    "when_too_much": ("refuse", "raise_floor"),
    "engine": ("bits", "mlxtend"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Itemsets:
    """What is bought together.

    Attributes
    ----------
    sets
        All frequent sets, as numbers.
    frame
        Those that were asked for: ``items`` (names, in order), ``size``, ``count``, ``support``.
    baskets
        How many baskets were looked at.
    min_count
        The least count that was kept.
    asked_count
        The least count that was asked for; less than ``min_count`` where the floor was raised.
    source
        The baskets, with what was left out of them.
    spec
        What was asked.
    """

    sets: Sets
    frame: pl.DataFrame
    baskets: int
    min_count: int
    asked_count: int
    source: Baskets
    spec: MiningSpec

    def headline(self, lang: str) -> str:
        """Say how many sets there are, and what was changed to count them."""
        said = i18n.text(
            "{sets} sets of items are in at least {count} of {baskets} baskets.",
            lang,
            sets=i18n.number(self.frame.height, lang),
            count=i18n.number(self.min_count, lang),
            baskets=i18n.number(self.baskets, lang),
        )
        return " ".join(s for s in (said, *self.notes(lang)) if s)

    def notes(self, lang: str) -> tuple[str, ...]:
        """Say what was left out or raised; nothing if all was done as asked."""
        return (self.source.report(lang), raised(self.asked_count, self.min_count, lang))


def raised(asked: int, used: int, lang: str) -> str:
    """Say that the floor was raised; empty if it was not."""
    if used == asked:
        return ""
    return i18n.text(
        "The least count was raised from {asked} to {used}, since the answer would not have "
        "fitted into the memory allowed.",
        lang,
        asked=i18n.number(asked, lang),
        used=i18n.number(used, lang),
    )


def mine(baskets: Baskets, spec: MiningSpec | None = None) -> Itemsets:
    """Find all sets of items that reach the support.

    Raises
    ------
    TooMuchError
        If it needs more memory than allowed, and the floor may not be raised.
    """
    return fitting(baskets, spec or MiningSpec(), lambda sets, budget: None)[0]


def fitting(
    baskets: Baskets, spec: MiningSpec, work: Callable[[Sets, Budget], T]
) -> tuple[Itemsets, T]:
    """Mine and do some work with the sets; where it may be raised, raise the floor until it fits.

    Raises
    ------
    TooMuchError
        If mining or the work needs more memory than allowed, and the floor may not be raised.
    """
    asked = count = min_count(spec.support, baskets.count)
    while True:
        try:
            sets = frequent(baskets, count, spec)
            done = work(sets, Budget(spec.memory_mb, count))
            break
        except TooMuchError:
            if spec.when_too_much == "refuse" or count >= baskets.count:
                raise
            count = ceil(count * _STEP)
    kept = {"all": None, "closed": itemsets.closed, "maximal": itemsets.maximal}[spec.keep]
    found = itemsets.frame(sets, baskets.labels, baskets.count, kept(sets) if kept else None)
    return Itemsets(sets, found, baskets.count, count, asked, baskets, spec), done


def frequent(baskets: Baskets, least: int, spec: MiningSpec) -> Sets:
    """Give all frequent sets as numbers, by the engine that was asked for."""
    engine = {"bits": by_bits, "mlxtend": reference.frequent_sets}[spec.engine]
    return engine(baskets, least, spec)


def by_bits(baskets: Baskets, least: int, spec: MiningSpec) -> Sets:
    """Count items, then pairs by the sparse product, then longer sets by rows of bits."""
    counts = baskets.item_counts
    often = np.flatnonzero(counts >= least)
    # Rare items first: their rows of bits, which all below share, have the fewest extensions.
    order = often[np.argsort(counts[often], kind="stable")]
    budget = Budget(spec.memory_mb, least)
    found = _Found(budget)
    found.add((), order[:, None], counts[order])
    if spec.max_items != 1 and len(order) > 1:
        two = _kept_apart(_pairs(baskets, order, budget), order, baskets)
        found.add((), np.stack([order[two.left], order[two.right]], axis=1), two.count)
        if spec.max_items is None or spec.max_items > 2:
            _longer(baskets, order, two, found, spec.max_items)
    return itemsets.in_order(*found.by_size(), width=len(baskets.labels))


def _pairs(baskets: Baskets, order: Ints, budget: Budget) -> pairs.Pairs:
    if pairs.cheaper_by_bits(baskets, len(order)):
        candidates = len(order) ** 2 // 2 * BYTES_PER_CELL
        budget.allow(_row_bytes(baskets, len(order)) + candidates)
        return pairs.by_bits(bits.pack(baskets, order), budget.least)
    cells = len(order) * min(len(order), pairs.rows_at_once(len(order)))
    entries = int(baskets.item_counts[order].sum())
    budget.allow(entries * BYTES_PER_ENTRY + cells * BYTES_PER_CELL)
    return pairs.frequent(baskets, order, budget.least)


def _kept_apart(two: pairs.Pairs, order: Ints, baskets: Baskets) -> pairs.Pairs:
    """Drop pairs that are not to be in one set, and with them every longer set."""
    if not len(baskets.apart):
        return two
    width = len(baskets.labels)
    ends = np.sort(np.stack([order[two.left], order[two.right]], axis=1), axis=1)
    never = np.sort(baskets.apart, axis=1)
    keep = ~np.isin(ends @ [width, 1], never @ [width, 1])
    return pairs.in_order(two.left[keep], two.right[keep], two.count[keep], rows=len(order))


def _row_bytes(baskets: Baskets, items: int) -> int:
    return COPIES * 8 * items * bits.words(len(baskets.size))


def _longer(
    baskets: Baskets, order: Ints, two: pairs.Pairs, found: _Found, longest: int | None
) -> None:
    """Add the sets of three items and more."""
    # An item with one neighbour is in no set of three.
    ends = np.concatenate([two.left, two.right])
    busy = np.flatnonzero(np.bincount(ends, minlength=len(order)) > 1)
    found.budget.allow(_row_bytes(baskets, len(busy)))
    position = np.full(len(order), -1)
    position[busy] = np.arange(len(busy))
    left, right = position[two.left], position[two.right]
    both = (left >= 0) & (right >= 0)
    edges = pairs.in_order(left[both], right[both], two.count[both], rows=len(busy))
    root = search.Node((), order[busy], bits.pack(baskets, order[busy]), edges)
    for node in search.depth_first(root, found.budget.least, longest):
        if node.prefix:
            ends = np.stack([node.items[node.pairs.left], node.items[node.pairs.right]], axis=1)
            found.add(node.prefix, ends, node.pairs.count)


class _Found:
    """Sets as they come, by size; stops when there are too many."""

    def __init__(self, budget: Budget) -> None:
        self.budget, self.total = budget, 0
        self.blocks: dict[int, list[tuple[tuple[int, ...], Ints, Ints]]] = {}

    def add(self, prefix: tuple[int, ...], ends: Ints, counts: Ints) -> None:
        """Take sets that begin with the same items."""
        self.total += len(counts)
        self.budget.check_sets(self.total)
        size = len(prefix) + ends.shape[1]
        self.blocks.setdefault(size, []).append((prefix, ends, counts))

    def by_size(self) -> tuple[list[Ints], list[Ints]]:
        """Give sets and counts, by size."""
        sets, counts = [], []
        for _, blocks in sorted(self.blocks.items()):
            length = np.array([len(c) for _, _, c in blocks])
            shared = np.array([p for p, _, _ in blocks], dtype=np.int64).reshape(len(blocks), -1)
            ends = np.concatenate([e for _, e, _ in blocks])
            sets.append(np.hstack([np.repeat(shared, length, axis=0), ends]))
            counts.append(np.concatenate([c for _, _, c in blocks]))
        return sets, counts
