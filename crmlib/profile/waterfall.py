"""Waterfall: from gross margin down to profit, for those who cost money or for any group.

gross margin - discounts - returns - freight - service - contacts = profit, in exact decimals.
Sales whose cost is not known have no margin; they stay outside, and the result says how much.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

import polars as pl

from crmlib import i18n
from crmlib.profile import value

STEPS = {
    "gross_margin": i18n.mark("Gross margin before discounts"),
    "discounts": i18n.mark("Discounts"),
    "returns": i18n.mark("Returns"),
    "freight": i18n.mark("Freight"),
    "service": i18n.mark("Service"),
    "contacts": i18n.mark("Contacts"),
    "profit": i18n.mark("Profit"),
}
MONEY = pl.Decimal(38, 4)
_BETWEEN = ("discounts", "returns", "freight", "service", "contacts")
_TOOK = {  # inside a sentence
    "discounts": i18n.mark("discounts"),
    "returns": value.CAUSES["returns"],
    "freight": value.CAUSES["freight"],
    "service": value.CAUSES["service"],
    "contacts": value.CAUSES["contacts"],
}
NO_COSTS = i18n.mark("The data do not say what enough of the goods cost: nothing can be taken off.")


@dataclass(frozen=True, slots=True)
class WaterfallSpec:
    """What was asked.

    Attributes
    ----------
    of
        ``"loss_makers"``: customers of the frame that cost money; ``"all"``: all of them.
    min_cost_coverage
        Share of sales whose cost must be known, a fraction of one.
    """

    of: Literal["loss_makers", "all"] = "loss_makers"
    min_cost_coverage: float = 0.8

    def __post_init__(self) -> None:
        if self.of not in ("loss_makers", "all"):
            raise ValueError(f"of must be 'loss_makers' or 'all', got {self.of!r}")
        if not 0 < self.min_cost_coverage <= 1:
            raise ValueError(f"min_cost_coverage must lie in (0, 1], got {self.min_cost_coverage}")


@dataclass(frozen=True, slots=True, eq=False)
class WaterfallResult:
    """How a group's gross margin becomes its profit.

    Attributes
    ----------
    steps
        ``step`` (keys of :data:`STEPS`, in order), ``amount`` (what it adds, so that costs are
        negative; for the two ends the level itself), ``start`` and ``end`` (levels before and
        after it). Exact decimals in shop currency, without VAT. Empty where costs are not
        known, where there is nobody, and where it is not shown.
    customers
        How many customers it is about; ``None`` when fewer than ``fewer_than`` and not shown.
    cost_coverage
        Share of the group's sales (of the whole frame's, to judge whether costs are known)
        that the waterfall covers.
    costs_known
        Whether costs are known for enough of the sales.
    """

    steps: pl.DataFrame
    customers: int | None
    cost_coverage: float
    costs_known: bool
    spec: WaterfallSpec = field(default_factory=WaterfallSpec)
    currency: str = "TRY"
    fewer_than: int = 0

    def amount(self, step: str) -> Decimal:
        """Give what a step adds.

        Raises
        ------
        KeyError
            If the waterfall has no such step.
        """
        found = self.steps.filter(pl.col("step") == step)["amount"]
        if found.is_empty():
            raise KeyError(step)
        return Decimal(found.item())

    @property
    def largest(self) -> str | None:
        """The step that takes most off the gross margin; ``None`` when none takes anything."""
        taken = self.steps.filter(pl.col("step").is_in(_BETWEEN), pl.col("amount") < 0)
        return None if taken.is_empty() else str(taken.sort("amount")["step"][0])

    def headline(self, lang: str) -> str:
        """Say what is left of the gross margin and what took most of it."""
        if not self.costs_known:
            return i18n.text(NO_COSTS, lang)
        if self.customers is None:
            limit = i18n.number(self.fewer_than, lang)
            return i18n.text(value.FEWER, lang, n=limit)
        if self.steps.is_empty():
            nobody = value.NONE if self.spec.of == "loss_makers" else _NO_CUSTOMER
            return i18n.text(nobody, lang)
        said = [self._left(lang), value.coverage_sentence(self.cost_coverage, lang)]
        return " ".join(s for s in said if s)

    def _left(self, lang: str) -> str:
        gross, left = self.amount("gross_margin"), self.amount("profit")
        fields = {
            "gross": i18n.money(gross, self.currency, lang),
            "left": i18n.money(abs(left), self.currency, lang),
        }
        if left < 0 and gross <= 0:
            return i18n.text(_FROM_THE_START, lang, **fields)
        if self.largest is None:
            return i18n.text(_NOTHING_TAKEN, lang, **fields)
        fields["cause"] = i18n.text(_TOOK[self.largest], lang)
        fields["taken"] = i18n.money(-self.amount(self.largest), self.currency, lang)
        return i18n.text(_LOST if left < 0 else _KEPT, lang, **fields)


_NO_CUSTOMER = i18n.mark("Nobody bought here.")
_LOST = i18n.mark(
    "A gross margin of {gross} became a loss of {left}; most was taken by {cause}: {taken}."
)
_KEPT = i18n.mark(
    "Of a gross margin of {gross}, {left} is left as profit; most was taken by {cause}: {taken}."
)
_NOTHING_TAKEN = i18n.mark("Nothing was taken off the gross margin of {gross}.")
_FROM_THE_START = i18n.mark(
    "These sales lost money before anything was taken off: gross margin {gross}, loss {left}."
)


def measure(
    customer: pl.DataFrame | pl.LazyFrame,
    spec: WaterfallSpec | None = None,
    *,
    currency: str = "TRY",
) -> WaterfallResult:
    """Add up gross margin, what is taken off it, and profit, over customers who bought.

    Parameters
    ----------
    customer
        The customer mart, or a window of it, or some of its rows. Without the columns
        ``discount_net``, ``freight``, ``service``, ``contacts`` those steps are zero.
    spec
        Whom it is about.
    currency
        ISO code, for showing money.
    """
    spec = spec or WaterfallSpec()
    frame = customer.lazy().filter(pl.col("purchase_days") > 0)
    group = frame if spec.of == "all" else frame.filter(value.profit(frame) < 0)
    of_all, of_group = (_summed(part) for part in (frame, group))
    known = _coverage(of_all) >= spec.min_cost_coverage
    shown = known and of_group["customers"] > 0
    return WaterfallResult(
        steps=steps(of_group if shown else None),
        customers=int(of_group["customers"]) if known else 0,
        cost_coverage=_coverage(of_group if shown else of_all),
        costs_known=known,
        spec=spec,
        currency=currency,
    )


def steps(sums: Mapping[str, Decimal] | None) -> pl.DataFrame:
    """Make the steps of a waterfall from sums; no step from ``None``.

    Parameters
    ----------
    sums
        ``margin`` (of sales and returns, after discounts), ``margin_returns`` (its part from
        returned lines), ``discount_net``, ``freight``, ``service``, ``contacts``: what was
        given away or spent is positive.
    """
    schema: dict[str, Any] = {"step": pl.String, "amount": MONEY, "start": MONEY, "end": MONEY}
    if sums is None:
        return pl.DataFrame(schema=schema)
    level = sums["margin"] - sums["margin_returns"] + sums["discount_net"]
    taken = {
        "discounts": -sums["discount_net"],
        "returns": sums["margin_returns"],
        "freight": -sums["freight"],
        "service": -sums["service"],
        "contacts": -sums["contacts"],
    }
    rows = [("gross_margin", level, Decimal(0), level)]
    for step in _BETWEEN:
        rows.append((step, taken[step], level, level + taken[step]))
        level += taken[step]
    rows.append(("profit", level, Decimal(0), level))
    return pl.DataFrame(rows, schema=schema, orient="row")


_SUMS = ("margin", "margin_returns", "discount_net", "freight", "service", "contacts")


def _summed(customers: pl.LazyFrame) -> dict[str, Decimal]:
    there = customers.collect_schema().names()
    sums = {
        c: pl.col(c).sum().cast(MONEY) if c in there else pl.lit(Decimal(0), dtype=MONEY)
        for c in (*_SUMS, "value", "value_costed")
    }
    return customers.select(customers=pl.len(), **sums).collect().row(0, named=True)


def _coverage(sums: Mapping[str, Decimal]) -> float:
    return float(sums["value_costed"] / sums["value"]) if sums["value"] > 0 else 0.0
