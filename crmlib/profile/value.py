"""Value: how unevenly customers bring profit, and which of them cost money."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from crmlib import i18n

CAUSES = {
    "returns": i18n.mark("returned goods"),
    "below_cost": i18n.mark("sales below cost"),
}
_AS_GOOD_AS_ALL = 0.995
_A_SHARE, _B_SHARE = 0.80, 0.95  # the usual ABC limits of cumulated value


@dataclass(frozen=True, slots=True)
class ValueSpec:
    """What was asked. Rates are fractions of one.

    Attributes
    ----------
    by
        ``"margin"``, ``"value"``, or ``"auto"``: margin where costs are known for at least
        ``min_cost_coverage`` of sales, else value.
    best
        Share of customers that the headline speaks of.
    points
        Steps of the curve.
    """

    by: Literal["auto", "margin", "value"] = "auto"
    best: float = 0.2
    points: int = 100
    min_cost_coverage: float = 0.8

    def __post_init__(self) -> None:
        if self.by not in ("auto", "margin", "value"):
            raise ValueError(f"by must be 'auto', 'margin' or 'value', got {self.by!r}")
        for name in ("best", "min_cost_coverage"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in (0, 1], got {getattr(self, name)}")
        if self.points < 1:
            raise ValueError(f"points must be at least 1, got {self.points}")


@dataclass(frozen=True, slots=True, eq=False)
class ValueResult:
    """How profit (or sales) is spread over customers, best first.

    Attributes
    ----------
    by
        ``"margin"`` or ``"value"``.
    curve
        ``customers_share``, ``value_share``: cumulated from the best customer on, with the
        origin; it rises over 1 and falls back where customers cost money (the whale curve).
    best_share
        What the best ``spec.best`` of customers (rounded up) bring; ``None`` if not shown.
    customers, total
        How many, and what they bring together, in shop currency; margin is without VAT.
    loss_makers, loss
        Customers that cost money and how much (negative); ``None`` when fewer than ``k`` and
        not shown. Zero when by value.
    cause
        What cost most among them: ``"returns"``, ``"below_cost"``, or ``None``.
    cost_coverage
        Share of sales whose cost is known.
    gini
        Gini coefficient of the Lorenz curve: 0 when all bring the same, towards 1 when one
        brings all; ``None`` where somebody costs money, since the curve is no Lorenz curve then.
    fewer_than
        How few loss-makers are not shown.
    short_window
        Whether the window is shorter than twelve months, so that goods that were bought before
        it and returned within it weigh more.
    classes
        ABC: ``class``, ``customers``, ``value_share``. Empty in a published result.
    deciles
        ``decile`` (1: best), ``customers``, ``value``, ``value_share``. Empty likewise.
    """

    by: Literal["margin", "value"]
    curve: pl.DataFrame
    best_share: float | None
    customers: int
    total: float
    loss_makers: int | None
    loss: float | None
    cause: str | None
    cost_coverage: float
    gini: float | None
    currency: str = "TRY"
    fewer_than: int = 0
    short_window: bool = False
    spec: ValueSpec = field(default_factory=ValueSpec)
    classes: pl.DataFrame = field(default_factory=pl.DataFrame)
    deciles: pl.DataFrame = field(default_factory=pl.DataFrame)

    def headline(self, lang: str) -> str:
        """Say what the best bring, and who costs money and why."""
        brings = self._best(lang)
        if self.by == "value":
            return brings
        return " ".join(s for s in (brings, self._losses(lang), self._coverage(lang)) if s)

    def _coverage(self, lang: str) -> str:
        if self.cost_coverage >= _AS_GOOD_AS_ALL:
            return ""
        share = i18n.percent(self.cost_coverage, lang)
        return i18n.text("Costs are known for {share} of sales.", lang, share=share)

    def _best(self, lang: str) -> str:
        if self.best_share is None:
            return ""
        sentence = (
            i18n.mark("The best {best} of customers bring {share} of profit.")
            if self.by == "margin"
            else i18n.mark("The best {best} of customers bring {share} of sales.")
        )
        best, share = (i18n.percent(s, lang) for s in (self.spec.best, self.best_share))
        return i18n.text(sentence, lang, best=best, share=share)

    def _losses(self, lang: str) -> str:
        if self.loss_makers is None:
            limit = i18n.number(self.fewer_than, lang)
            return i18n.text("Fewer than {n} customers cost us money.", lang, n=limit)
        if self.loss_makers == 0 or self.cause is None or self.loss is None:
            return i18n.text("No customer cost us money.", lang)
        sentence = (
            i18n.mark(
                "{n} customers cost us {amount} in this period, returns of earlier purchases "
                "included, mostly through {cause}."
            )
            if self.short_window
            else i18n.mark("{n} customers cost us {amount}, mostly through {cause}.")
        )
        return i18n.text(
            sentence,
            lang,
            n=i18n.number(self.loss_makers, lang),
            amount=i18n.money(-self.loss, self.currency, lang),
            cause=i18n.text(CAUSES[self.cause], lang),
        )


def whale(
    customer: pl.DataFrame | pl.LazyFrame,
    spec: ValueSpec | None = None,
    *,
    currency: str = "TRY",
) -> ValueResult:
    """Cumulate customers' margin (or value) from the best on: whale curve, ABC, deciles.

    Parameters
    ----------
    customer
        The customer mart, or a window of it. Customers without a purchase in it (returns alone)
        are left out: what they cost belongs to a purchase that is not there.
    spec
        What to cumulate and how finely.
    currency
        ISO code, for showing money.
    """
    spec = spec or ValueSpec()
    columns = ["customer_id", "value", *_MARGINS, "value_costed"]
    frame = customer.lazy().filter(pl.col("purchase_days") > 0).select(columns).collect()
    coverage = cost_coverage(frame)
    by = spec.by
    if by == "auto":
        by = "margin" if coverage >= spec.min_cost_coverage else "value"
    ranked = frame.sort(by, "customer_id", descending=[True, False])
    amounts = ranked[by].cast(pl.Float64)
    total = float(frame[by].sum())
    losing = frame.filter(pl.col("margin") < 0) if by == "margin" else frame.clear()
    classes, deciles = _classes(amounts, total), _deciles(amounts, total)
    return ValueResult(
        by=by,
        curve=_curve(amounts, total, spec.points),
        best_share=_best_share(amounts, total, spec.best),
        customers=frame.height,
        total=total,
        loss_makers=losing.height,
        loss=float(losing["margin"].sum()),
        cause=_cause(losing),
        cost_coverage=coverage,
        gini=_gini(amounts, total),
        currency=currency,
        spec=spec,
        classes=classes,
        deciles=deciles,
    )


_MARGINS = ("margin", "margin_returns", "margin_below_cost")


def cost_coverage(customer: pl.DataFrame) -> float:
    """Give the share of sales whose cost is known; 0 without sales."""
    value, costed = (float(customer[c].sum()) for c in ("value", "value_costed"))
    return costed / value if value > 0 else 0.0


def loss_makers(customer: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    """List customers whose margin is negative, worst first.

    Returns
    -------
    ``customer_id`` (pseudonym), ``margin``, ``margin_returns``, ``margin_below_cost``,
    ``value``, ``orders`` and ``cause``: what cost most with this customer.
    """
    returns, below = pl.col("margin_returns"), pl.col("margin_below_cost")
    cause = pl.when(returns <= below).then(pl.lit("returns")).otherwise(pl.lit("below_cost"))
    return (
        customer.lazy()
        .filter(pl.col("margin") < 0, pl.col("purchase_days") > 0)
        .select("customer_id", *_MARGINS, "value", "orders", cause=cause)
        .sort("margin", "customer_id")
        .collect()
    )


def _cause(losing: pl.DataFrame) -> str | None:
    if losing.is_empty():
        return None
    sums = {
        "returns": losing["margin_returns"].sum(),
        "below_cost": losing["margin_below_cost"].sum(),
    }
    return min(sums, key=lambda cause: float(sums[cause]))


def _best_share(amounts: pl.Series, total: float, best: float) -> float | None:
    count = _first(len(amounts), best)
    return float(amounts.head(count).sum()) / total if total > 0 else None


def _gini(amounts: pl.Series, total: float) -> float | None:
    """Give 1 - 2 x the area under the Lorenz curve, from the ranks (Gini 1912).

    With amounts x_1 <= ... <= x_n: G = 2 sum(i x_i) / (n sum(x_i)) - (n + 1) / n.
    """
    n = len(amounts)
    if total <= 0 or float(amounts.min()) < 0:  # type: ignore[arg-type]
        return None
    ranks = pl.int_range(n, 0, -1, eager=True)  # amounts run from the largest to the smallest
    return 2 * float((ranks * amounts).sum()) / (n * total) - (n + 1) / n


def _first(n: int, share: float) -> int:
    """Give how many of ``n`` are the first ``share`` of them, rounded up."""
    # An exact share of customers is not rounded up by a float's last digit.
    return math.ceil(round(share * n, 9))


def _curve(amounts: pl.Series, total: float, points: int) -> pl.DataFrame:
    """Give the cumulated share at each of ``points`` steps, and the origin."""
    n = len(amounts)
    if not n or total <= 0:
        return pl.DataFrame(schema={"customers_share": pl.Float64, "value_share": pl.Float64})
    cumulated = amounts.cum_sum()
    steps = sorted({_first(n, k / points) for k in range(points + 1)})
    return pl.DataFrame(
        {
            "customers_share": [s / n for s in steps],
            "value_share": [float(cumulated[s - 1]) / total if s else 0.0 for s in steps],
        }
    )


def _classes(amounts: pl.Series, total: float) -> pl.DataFrame:
    """Classes by cumulated value: A to 80 %, B to 95 %, C the rest; the crossing one is inside."""
    if total <= 0:
        return pl.DataFrame(
            schema={"class": pl.String, "customers": pl.Int64, "value_share": pl.Float64}
        )
    before = (amounts.cum_sum() - amounts) / total
    # The curve of losses falls again; a customer after the peak belongs to C.
    name = (
        pl.when((pl.col("before") < _A_SHARE) & (pl.col("amount") > 0))
        .then(pl.lit("A"))
        .when((pl.col("before") < _B_SHARE) & (pl.col("amount") > 0))
        .then(pl.lit("B"))
        .otherwise(pl.lit("C"))
    )
    return (
        pl.DataFrame({"amount": amounts, "before": before})
        .group_by(name.alias("class"))
        .agg(customers=pl.len().cast(pl.Int64), value_share=pl.col("amount").sum() / pl.lit(total))
        .sort("class")
    )


def _deciles(amounts: pl.Series, total: float) -> pl.DataFrame:
    rank = pl.int_range(pl.len())
    return (
        pl.DataFrame({"amount": amounts})
        .group_by((rank * 10 // pl.len() + 1).cast(pl.Int32).alias("decile"), maintain_order=True)
        .agg(
            customers=pl.len().cast(pl.Int64),
            value=pl.col("amount").sum(),
            value_share=pl.col("amount").sum() / pl.lit(total if total else math.nan),
        )
    )
