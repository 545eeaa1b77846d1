"""Rules: who has these in the basket has that one too, so often, so much more than by chance."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import reduce
from typing import Literal

import numpy as np
import polars as pl

from crmlib import i18n
from crmlib.baskets import candidates, coded, itemsets, mining
from crmlib.baskets.candidates import Block
from crmlib.baskets.coded import MAX_BASKET_ITEMS, Baskets
from crmlib.baskets.exact import Share, share
from crmlib.baskets.itemsets import Sets
from crmlib.baskets.measures import NAMES, measures
from crmlib.baskets.memory import Budget
from crmlib.baskets.mining import Itemsets, MiningSpec

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "antecedent": pl.List(pl.String),
    "consequent": pl.List(pl.String),
    "items": pl.Int64,
    "count": pl.Int64,
    "antecedent_count": pl.Int64,
    "consequent_count": pl.Int64,
    **dict.fromkeys(NAMES, pl.Float64),
    "improvement": pl.Float64,
}


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """What was asked. Shares are fractions of one, best written as text or ``Decimal``.

    Attributes
    ----------
    min_support
        Least share of baskets that hold the whole rule.
    min_confidence
        Of the baskets with the left side, the least share that holds the right side too.
    max_items
        Most items of a whole rule, both sides; ``None`` for any number.
    max_consequent
        Most items on the right; ``None`` for any number.
    max_basket_items
        Baskets of more items are left out and reported.
    memory_mb, when_too_much, engine
        See :class:`crmlib.baskets.mining.MiningSpec`.
    """

    min_support: Share = "0.002"
    min_confidence: Share = "0.1"
    max_items: int | None = 3
    max_consequent: int | None = 1
    max_basket_items: int = MAX_BASKET_ITEMS
    memory_mb: int = 2_000
    when_too_much: Literal["refuse", "raise_floor"] = "refuse"
    engine: Literal["bits", "mlxtend"] = "bits"

    def __post_init__(self) -> None:
        share(self.min_confidence, "min_confidence")
        if self.max_items is not None and self.max_items < 2:
            raise ValueError(f"max_items must be at least 2 or None, got {self.max_items}")
        if self.max_consequent is not None and self.max_consequent < 1:
            raise ValueError(
                f"max_consequent must be at least 1 or None, got {self.max_consequent}"
            )
        if self.max_basket_items < 1:
            raise ValueError(f"max_basket_items must be at least 1, got {self.max_basket_items}")
        _ = self.mining

    @property
    def mining(self) -> MiningSpec:
        """What to ask of the miner."""
        return MiningSpec(
            min_support=self.min_support,
            max_items=self.max_items,
            memory_mb=self.memory_mb,
            when_too_much=self.when_too_much,
            engine=self.engine,
        )

    @property
    def confidence(self) -> Fraction:
        """The least confidence, exactly."""
        return share(self.min_confidence, "min_confidence")


@dataclass(frozen=True, slots=True, eq=False)
class BasketRules:
    """Rules that reach the support and the confidence that were asked for.

    Attributes
    ----------
    rules
        One row a rule, highest lift first: ``antecedent`` and ``consequent`` (names, in order),
        ``items`` of both, ``count`` of baskets with both, ``antecedent_count``,
        ``consequent_count``, the measures (:func:`crmlib.baskets.measures.measures`) and
        ``improvement``: how much the confidence exceeds that of the best rule with less on the
        left, and the right side's own share.
    itemsets
        All frequent sets: ``items``, ``size``, ``count``, ``support``.
    baskets
        How many baskets were looked at.
    min_count, asked_count
        The least count of baskets with the whole rule, used and asked for; see ``notes``.
    tested
        How many rules could have been found: what a correction for many tests corrects for.
    spec
        What was asked.
    mined
        The item sets as numbers, with their source.
    """

    rules: pl.DataFrame
    itemsets: pl.DataFrame
    baskets: int
    min_count: int
    asked_count: int
    tested: int
    spec: RuleSpec
    mined: Itemsets = field(repr=False)

    def headline(self, lang: str) -> str:
        """Say how many rules there are, the strongest of them, and what was changed."""
        return " ".join(s for s in (self._said(lang), *self.mined.notes(lang)) if s)

    def _said(self, lang: str) -> str:
        asked = {
            "baskets": i18n.number(self.baskets, lang),
            "count": i18n.number(self.min_count, lang),
            "confidence": i18n.percent(float(self.spec.confidence), lang),
        }
        if self.rules.is_empty():
            return i18n.text(
                "No rule is in at least {count} of {baskets} baskets and right in at least "
                "{confidence} of its cases.",
                lang,
                **asked,
            )
        best = self.rules.row(0, named=True)
        return i18n.text(
            "{n} rules are in at least {count} of {baskets} baskets and right in at least "
            "{confidence} of their cases. Strongest: {left} → {right}, {lift} times as often as "
            "by chance. None of them has been tested yet.",
            lang,
            n=i18n.number(self.rules.height, lang),
            left=" + ".join(best["antecedent"]),
            right=" + ".join(best["consequent"]),
            lift=i18n.number(best["lift"], lang, 1),
            **asked,
        )


def mine(lines: pl.DataFrame | pl.LazyFrame, spec: RuleSpec | None = None) -> BasketRules:
    """Mine rules from order lines: ``order_id``, ``product_id`` and, if there, ``quantity``.

    An item that is in an order twice counts once; where there is a quantity, only lines that
    were sold count.

    Raises
    ------
    ContractError
        If a column is missing or has empty fields.
    TooMuchError
        If it needs more memory than allowed, and the floor may not be raised.
    """
    spec = spec or RuleSpec()
    return of_baskets(coded.from_lines(lines, max_basket_items=spec.max_basket_items), spec)


def of_baskets(baskets: Baskets, spec: RuleSpec | None = None) -> BasketRules:
    """Mine rules from baskets that are numbers already."""
    spec = spec or RuleSpec()
    found, blocks = mined_and_split(baskets, spec)
    return BasketRules(
        rules=table(found.sets, blocks, baskets.labels, baskets.count).sort(
            "lift", "count", descending=True, maintain_order=True
        ),
        itemsets=found.frame,
        baskets=baskets.count,
        min_count=found.min_count,
        asked_count=found.asked_count,
        tested=candidates.tested(found.sets, spec.max_items, spec.max_consequent),
        spec=spec,
        mined=found,
    )


def mined_and_split(baskets: Baskets, spec: RuleSpec) -> tuple[Itemsets, list[Block]]:
    """Mine item sets and split them into rules of enough confidence."""

    def split(sets: Sets, budget: Budget) -> list[Block]:
        return candidates.split(sets, spec.max_consequent, spec.confidence, budget)

    return mining.fitting(baskets, spec.mining, split)


def table(sets: Sets, blocks: list[Block], labels: pl.Series, baskets: int) -> pl.DataFrame:
    """Give rules with their names and measures, in the order of the blocks."""
    names = labels.cast(pl.String)
    parts = [_rows(sets, block, names, baskets) for block in blocks]
    return reduce(pl.DataFrame.vstack, parts, pl.DataFrame(schema=SCHEMA))


def _rows(sets: Sets, rules: Block, names: pl.Series, baskets: int) -> pl.DataFrame:
    found = {
        "antecedent": itemsets.named(rules.left, names),
        "consequent": itemsets.named(rules.right, names),
        "items": np.full(len(rules), rules.left.shape[1] + rules.right.shape[1]),
        "count": rules.both_count,
        "antecedent_count": rules.left_count,
        "consequent_count": rules.right_count,
        **measures(rules.both_count, rules.left_count, rules.right_count, baskets),
        "improvement": candidates.improvement(sets, rules, baskets),
    }
    return pl.DataFrame(found, schema=SCHEMA)
