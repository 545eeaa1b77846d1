"""Value: how unevenly customers bring profit, and which of them cost money."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from crmlib import i18n
from crmlib.estimate import Interval, jackknife_interval

CAUSES = {
    "returns": i18n.mark("returned goods"),
    "below_cost": i18n.mark("sales below cost"),
    "freight": i18n.mark("freight"),
    "service": i18n.mark("service"),
    "contacts": i18n.mark("contacts"),
}
FEWER = i18n.mark("Fewer than {n} customers cost us money.")
NONE = i18n.mark("No customer cost us money.")
NOT_TOLD = i18n.mark("How many customers cost us money is not shown here.")
_COSTS = ("freight", "service", "contacts")
_AS_GOOD_AS_ALL = 0.995
_A_SHARE, _B_SHARE = 0.80, 0.95  # the usual ABC limits of cumulated value


@dataclass(frozen=True, slots=True)
class ValueSpec:
    """What was asked. Rates are fractions of one.

    Attributes
    ----------
    by
        ``"profit"`` (margin less freight, service and contacts), ``"margin"``, ``"value"``, or
        ``"auto"``: where costs are known for at least ``min_cost_coverage`` of sales, profit if
        the frame has it and margin if not, else value.
    best
        Share of customers that the headline speaks of.
    points
        Steps of the curve.
    """

    by: Literal["auto", "profit", "margin", "value"] = "auto"
    best: float = 0.2
    points: int = 100
    min_cost_coverage: float = 0.8

    def __post_init__(self) -> None:
        if self.by not in ("auto", "profit", "margin", "value"):
            known = "'auto', 'profit', 'margin' or 'value'"
            raise ValueError(f"by must be {known}, got {self.by!r}")
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
        ``"profit"``, ``"margin"`` or ``"value"``.
    curve
        ``customers_share``, ``value_share``: cumulated from the best customer on, with the
        origin; it rises over 1 and falls back where customers cost money (the whale curve).
    best_share
        What the best ``spec.best`` of customers (rounded up) bring; ``None`` if not shown.
    best_interval
        How sure that share is, taking customers for a sample of those who might have come
        (folds' jackknife).
    customers, total
        How many, and what they bring together, in shop currency; margin and profit are without
        VAT.
    loss_makers, loss
        Customers that cost money and how much (negative); ``None`` when fewer than ``k`` and
        not shown. Zero when by value.
    cause
        What cost most among them, a key of :data:`CAUSES`, or ``None``.
    cost_coverage
        Share of sales whose cost is known.
    gini
        Gini coefficient of the Lorenz curve: 0 when all bring the same, towards 1 when one
        brings all; ``None`` where somebody costs money, since the curve is no Lorenz curve then.
    fewer_than
        How few loss-makers are not shown; 0 where it is not told, either, whether they are few.
    short_window
        Whether the window is shorter than twelve months, so that goods that were bought before
        it and returned within it weigh more.
    classes
        ABC: ``class``, ``customers``, ``value_share``. Empty in a published result.
    deciles
        ``decile`` (1: best), ``customers``, ``value``, ``value_share``. Empty likewise.
    """

    by: Literal["profit", "margin", "value"]
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
    best_interval: Interval | None = None

    def headline(self, lang: str) -> str:
        """Say what the best bring, and who costs money and why."""
        brings = self._best(lang)
        if self.by == "value":
            return brings
        known = coverage_sentence(self.cost_coverage, lang)
        return " ".join(s for s in (brings, self._losses(lang), known) if s)

    def _best(self, lang: str) -> str:
        if self.best_share is None:
            return ""
        sentence = (
            i18n.mark("The best {best} of customers bring {share} of profit.")
            if self.by != "value"
            else i18n.mark("The best {best} of customers bring {share} of sales.")
        )
        best, share = (i18n.percent(s, lang) for s in (self.spec.best, self.best_share))
        return i18n.text(sentence, lang, best=best, share=share)

    def _losses(self, lang: str) -> str:
        if self.loss_makers is None and not self.fewer_than:
            return i18n.text(NOT_TOLD, lang)
        if self.loss_makers is None:
            limit = i18n.number(self.fewer_than, lang)
            return i18n.text(FEWER, lang, n=limit)
        if self.loss_makers == 0 or self.cause is None or self.loss is None:
            return i18n.text(NONE, lang)
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
    """Cumulate customers' profit (margin, value) from the best on: whale curve, ABC, deciles.

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
    bought = customer.lazy().filter(pl.col("purchase_days") > 0)
    frame = _with_costs(bought).collect()
    coverage = cost_coverage(frame)
    by = spec.by
    if by == "auto":
        made = "profit" if "profit" in bought.collect_schema() else "margin"
        by = made if coverage >= spec.min_cost_coverage else "value"  # type: ignore[assignment]
    ranked = frame.sort(by, "customer_id", descending=[True, False])
    amounts = ranked[by].cast(pl.Float64)
    total = float(frame[by].sum())
    losing = frame.filter(pl.col(by) < 0) if by != "value" else frame.clear()
    best_share, best_interval = _best(ranked["fold"], amounts, total, spec.best)
    return ValueResult(
        by=by,  # type: ignore[arg-type]
        curve=_curve(amounts, total, spec.points),
        best_share=best_share,
        customers=frame.height,
        total=total,
        loss_makers=losing.height,
        loss=float(losing[by].sum()),
        cause=_cause(losing, by),
        cost_coverage=coverage,
        gini=_gini(amounts, total),
        currency=currency,
        spec=spec,
        classes=_classes(amounts, total),
        deciles=_deciles(amounts, total),
        best_interval=best_interval,
    )


def profit(customer: pl.DataFrame | pl.LazyFrame) -> pl.Expr:
    """Give what a customer brought: ``profit`` where the frame has it, else ``margin``."""
    there = customer.collect_schema().names()
    return pl.col("profit" if "profit" in there else "margin").fill_null(0)


def _with_costs(customer: pl.LazyFrame) -> pl.LazyFrame:
    """Keep the columns of this module; a frame without costs beside the goods' gets zeros."""
    there = customer.collect_schema().names()
    zero = pl.lit(0, dtype=pl.Decimal(38, 4))
    costs = {c: pl.col(c) if c in there else zero for c in _COSTS}
    plain = ("customer_id", "fold", "value", *_MARGINS, "value_costed", "orders")
    return customer.select(*plain, **costs, profit=profit(customer))


_MARGINS = ("margin", "margin_returns", "margin_below_cost")


def coverage_sentence(share: float, lang: str) -> str:
    """Say for how much of sales costs are known; nothing where it is as good as all."""
    if share >= _AS_GOOD_AS_ALL:
        return ""
    known = i18n.percent(share, lang)
    return i18n.text("Costs are known for {share} of sales.", lang, share=known)


def cost_coverage(customer: pl.DataFrame) -> float:
    """Give the share of sales whose cost is known; 0 without sales."""
    value, costed = (float(customer[c].sum()) for c in ("value", "value_costed"))
    return costed / value if value > 0 else 0.0


def loss_makers(customer: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    """List customers whose profit (or margin, see :func:`profit`) is negative, worst first.

    Returns
    -------
    ``customer_id`` (pseudonym), ``profit``, ``margin``, ``margin_returns``,
    ``margin_below_cost``, ``freight``, ``service``, ``contacts``, ``value``, ``orders`` and
    ``cause``: what cost most with this customer.
    """
    taken = _taken(beside_goods="profit" in customer.collect_schema())
    most = pl.max_horizontal(*taken.values())
    cause = pl.coalesce(pl.when(t == most).then(pl.lit(c)) for c, t in taken.items())
    return (
        _with_costs(customer.lazy().filter(pl.col("purchase_days") > 0))
        .filter(pl.col("profit") < 0)
        .select("customer_id", "profit", *_MARGINS, *_COSTS, "value", "orders", cause=cause)
        .sort("profit", "customer_id")
        .collect()
    )


def _taken(*, beside_goods: bool) -> dict[str, pl.Expr]:
    """Give what each cause took, positive; of the goods alone there are two causes."""
    goods = {"returns": -pl.col("margin_returns"), "below_cost": -pl.col("margin_below_cost")}
    return goods | ({c: pl.col(c) for c in _COSTS} if beside_goods else {})


def _cause(losing: pl.DataFrame, by: str) -> str | None:
    if losing.is_empty():
        return None
    taken = {c: t.sum() for c, t in _taken(beside_goods=by == "profit").items()}
    sums = losing.select(**taken).row(0, named=True)
    return max(sums, key=lambda cause: float(sums[cause]))


def _best(
    folds: pl.Series, amounts: pl.Series, total: float, best: float
) -> tuple[float | None, Interval | None]:
    """Give what the best share of customers bring, and its delete-a-fold interval.

    Without a fold, the border between the best and the rest moves by a few places only: the
    walk over these places gives the same number as sorting the rest anew.
    """
    if total <= 0:
        return None, None
    n = len(amounts)
    top = _first(n, best)
    inside = pl.int_range(n, eager=True) < top
    sizes = (
        pl.DataFrame({"fold": folds, "amount": amounts, "inside": inside})
        .group_by("fold")
        .agg(
            pl.len(),
            pl.col("amount").sum(),
            inside=pl.col("inside").sum(),
            inside_amount=pl.col("amount").filter("inside").sum(),
        )
        .sort("fold")
    )
    brought = float(amounts.head(top).sum())
    amount_at, fold_at = amounts.to_numpy(), folds.to_numpy()
    without = []
    for fold, size, amount, within, within_amount in sizes.iter_rows():
        if size == n or total - amount <= 0:
            continue
        short = _first(n - size, best) - (top - within)  # so many more (or fewer) belong to it
        rest = brought - within_amount
        place = top if short > 0 else top - 1
        while short:
            if fold_at[place] != fold:
                rest += amount_at[place] if short > 0 else -amount_at[place]
                short -= 1 if short > 0 else -1
            place += 1 if short > 0 else -1
        without.append(float(rest) / (total - amount))
    share = brought / total
    return share, jackknife_interval(share, without)


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
