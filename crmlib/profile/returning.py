"""Returning: how many bought only once, and how many of last year's new customers came back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from crmlib import i18n
from crmlib.estimate import Estimate, Grade, jackknife_interval

YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class ReturningSpec:
    """What was asked.

    Attributes
    ----------
    last_day
        Last day that counts. "Last year's new customers" began in the 365 days that end 365
        days before it; they came back if they bought in the 365 days since.
    """

    last_day: date

    @property
    def came_back_from(self) -> date:
        """First of the last 365 days."""
        return self.last_day - YEAR + timedelta(days=1)

    @property
    def new_from(self) -> date:
        """First day on which last year's new customers began."""
        return self.came_back_from - YEAR


@dataclass(frozen=True, slots=True)
class ReturningResult:
    """Shares of customers, as fractions.

    Attributes
    ----------
    once_only
        Of the customers who bought in the window, those known to be new whose only purchase
        day so far it was. Customers first seen when the data begin may have bought before, so
        they never count here. ``None`` when nobody is known to be new, or not shown.
    at_least
        Whether ``once_only`` is a lower bound, since there are first-seen customers.
    came_back
        Of the new customers of the year before, those who bought again in the last 365 days;
        ``None`` with ``why_not`` when that is not known.
    new_customers
        How many new customers the year before had.
    why_not
        Why ``came_back`` is not known, an English sentence.
    """

    spec: ReturningSpec
    once_only: Estimate | None
    at_least: bool
    came_back: Estimate | None
    new_customers: int | None
    why_not: str = ""

    def headline(self, lang: str) -> str:
        """Say both shares, or why one is not known."""
        return " ".join(s for s in (self._once(lang), self._back(lang)) if s)

    def _once(self, lang: str) -> str:
        if self.once_only is None:
            return ""
        share = i18n.percent(self.once_only.value, lang)
        if self.at_least:
            return i18n.text("At least {share} bought once only.", lang, share=share)
        return i18n.text("{share} bought once only.", lang, share=share)

    def _back(self, lang: str) -> str:
        if self.came_back is None:
            return i18n.text(self.why_not, lang)
        share = i18n.percent(self.came_back.value, lang)
        return i18n.text("{share} of last year's new customers came back.", lang, share=share)


TOO_SHORT = i18n.mark(
    "The history is too short to say how many of last year's new customers came back."
)
TOO_FEW = i18n.mark("Too few new customers last year to say who came back.")
NOT_SHOWN = i18n.mark("How many of last year's new customers came back is not shown: too few.")


def measure(
    customer: pl.DataFrame, active: pl.DataFrame, spec: ReturningSpec, *, first_day: date
) -> ReturningResult:
    """Measure one-time buyers and the return of last year's new customers.

    Parameters
    ----------
    customer
        The customer mart as of ``spec.last_day``.
    active
        Customers of the window (:func:`crmlib.marts.customers.window`).
    spec
        The last day that counts.
    first_day
        From when a customer seen for the first time counts as new: the first day of the
        history and the burn-in after it.
    """
    known = customer.select("customer_id", "status", "purchase_days", "first_day", "last_day")
    known = known.rename({c: f"all_{c}" for c in known.columns[2:]})
    new = pl.col("status") == "new"
    bought = active.filter(pl.col("purchase_days") > 0).join(known, on="customer_id", how="inner")
    once = bought.select("fold", hit=new & (pl.col("all_purchase_days") == 1))
    began = customer.filter(
        new,
        pl.from_epoch("first_day", "d").is_between(
            spec.new_from, spec.came_back_from - timedelta(days=1)
        ),
    )
    back = began.select("fold", hit=pl.from_epoch("last_day", "d") >= spec.came_back_from)
    # Only a whole year of new customers can be told from a part of one.
    reaches = first_day <= spec.new_from
    anyone_new = bought.select((pl.col("status") == "new").any()).item()
    return ReturningResult(
        spec=spec,
        once_only=rate(once, "customers of the window, by purchase days") if anyone_new else None,
        at_least=bool(bought.select((pl.col("status") != "new").any()).item()),
        came_back=rate(back, "new customers of the year before") if reaches else None,
        new_customers=began.height if reaches else None,
        why_not=TOO_SHORT if not reaches else TOO_FEW if began.is_empty() else "",
    )


def rate(hits: pl.DataFrame, method: str) -> Estimate | None:
    """Give the share of ``hit`` with its delete-a-fold jackknife interval; none without rows."""
    if hits.is_empty():
        return None
    folds: Sequence[tuple[int, int]] = (
        hits.group_by("fold")
        .agg(pl.col("hit").sum(), n=pl.len())
        .sort("fold")
        .select("hit", "n")
        .rows()
    )
    top, n = sum(h for h, _ in folds), sum(m for _, m in folds)
    without = [(top - h) / (n - m) for h, m in folds if n > m]
    return Estimate(
        value=top / n,
        interval=jackknife_interval(top / n, without),
        n=n,
        method=f"share of {method}, delete-a-fold jackknife",
        grade=Grade.D,
    )
