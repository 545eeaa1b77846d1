"""Losses that repeat: whether last year's loss-makers lose again, more than the others.

If they do not, a loss was an accident of the year and the cause is what to change; if they do,
the customer is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from crmlib import i18n
from crmlib.estimate import Estimate, Grade, Interval, jackknife_interval
from crmlib.profile import value
from crmlib.profile.returning import rate

NO_COSTS = i18n.mark("The data do not say what enough of the goods cost.")
NOBODY = i18n.mark("No loss-maker of last year bought again.")
TOO_FEW = i18n.mark("Too few loss-makers of last year bought again to compare them.")
TOO_SHORT = i18n.mark("The history is too short to say whether losses repeat.")
_ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class RepeatSpec:
    """What was asked.

    Attributes
    ----------
    min_cost_coverage
        Share of each year's sales whose cost must be known, a fraction of one.
    """

    min_cost_coverage: float = 0.8

    def __post_init__(self) -> None:
        if not 0 < self.min_cost_coverage <= 1:
            raise ValueError(f"min_cost_coverage must lie in (0, 1], got {self.min_cost_coverage}")


@dataclass(frozen=True, slots=True)
class RepeatResult:
    """Who costs money two years in a row. Shares are fractions.

    Attributes
    ----------
    again
        Of the customers that cost money in the year before and bought in this one, the share
        that cost money in this one; ``None`` with ``why_not`` when not known or not shown.
    others
        The same share among the customers that did not cost money in the year before.
    difference
        ``again`` less ``others``.
    loss_makers, gone
        Customers that cost money in the year before, and those of them who bought no more: they
        can neither lose again nor earn. ``None`` when not shown.
    loss_again
        What those who lost again cost in this year (negative), in shop currency.
    """

    again: Estimate | None
    others: Estimate | None
    difference: Estimate | None
    loss_makers: int | None
    gone: int | None
    loss_again: float | None
    why_not: str = ""
    spec: RepeatSpec = RepeatSpec()
    currency: str = "TRY"

    @property
    def persists(self) -> bool | None:
        """Whether loss-makers clearly lose more often than others; ``None`` if not known."""
        if self.difference is None or self.difference.interval is None:
            return None
        return self.difference.interval.low > 0

    def headline(self, lang: str) -> str:
        """Say both shares, and whether losing stays with the customer."""
        if self.again is None or self.others is None:
            return i18n.text(self.why_not, lang)
        said = i18n.text(
            "Of last year's loss-makers who bought again, {again} cost us money again; of the "
            "other customers {others} did.",
            lang,
            again=i18n.percent(self.again.value, lang),
            others=i18n.percent(self.others.value, lang),
        )
        return f"{said} {i18n.text(_VERDICT[self.persists], lang)}"


_VERDICT = {
    True: i18n.mark("Losing stays with the customer."),
    False: i18n.mark("Losing does not clearly stay with the customer."),
    None: i18n.mark("Too few to tell whether losing stays with the customer."),
}


def repeat(
    before: pl.DataFrame,
    now: pl.DataFrame,
    spec: RepeatSpec | None = None,
    *,
    currency: str = "TRY",
) -> RepeatResult:
    """Compare last year's loss-makers with the others, by who costs money this year.

    Parameters
    ----------
    before, now
        :func:`crmlib.marts.customers.window` of two years, one after the other. Only customers
        with a purchase in both can lose twice.
    spec
        How much of the sales must have a known cost.
    currency
        ISO code, for showing money.
    """
    spec = spec or RepeatSpec()
    years = [f.filter(pl.col("purchase_days") > 0) for f in (before, now)]
    if any(value.cost_coverage(year) < spec.min_cost_coverage for year in years):
        return _nothing(NO_COSTS, spec, currency)
    first, second = (
        year.select("customer_id", "fold", profit=value.profit(year)) for year in years
    )
    lost = first.filter(pl.col("profit") < 0)
    both = first.join(second.drop("fold"), on="customer_id", suffix="_now")
    both = both.select("fold", "profit_now", was=pl.col("profit") < 0, hit=pl.col("profit_now") < 0)
    losers, others = (both.filter(pl.col("was") == was) for was in (True, False))
    if losers.is_empty():
        return replace(_nothing(NOBODY, spec, currency), loss_makers=lost.height, gone=lost.height)
    return RepeatResult(
        again=_share(losers, "loss-makers of the year before who bought again"),
        others=_share(others, "other customers of the year before who bought again"),
        difference=_difference(both),
        loss_makers=lost.height,
        gone=lost.height - losers.height,
        loss_again=float(losers.filter("hit")["profit_now"].sum()),
        why_not="" if others.height else TOO_FEW,
        spec=spec,
        currency=currency,
    )


def _nothing(why: str, spec: RepeatSpec, currency: str) -> RepeatResult:
    return RepeatResult(None, None, None, None, None, None, why, spec, currency)


def _share(hits: pl.DataFrame, method: str) -> Estimate | None:
    """Give the share of hits; none or all of ``n`` is not taken for certain.

    Where every customer is alike the folds do not differ, and their jackknife says that nothing
    is uncertain. The exact interval of a binomial share (Clopper and Pearson 1934) ends at
    1 - (alpha / 2)^(1 / n) then.
    """
    found = rate(hits, method)
    if found is None or 0 < found.value < 1:
        return found
    far = (_ALPHA / 2) ** (1 / found.n)
    interval = Interval(0.0, 1 - far) if found.value == 0 else Interval(far, 1.0)
    return replace(found, interval=interval, method=f"share of {method}, exact binomial")


def _difference(both: pl.DataFrame) -> Estimate | None:
    """Compare the two shares; whole folds are left out, since a fold holds both kinds."""
    was, hit = pl.col("was"), pl.col("hit")
    sums = (a.cast(pl.Int64).sum() for a in (was & hit, was, ~was & hit, ~was))
    folds = both.group_by("fold").agg(*(s.alias(str(i)) for i, s in enumerate(sums))).sort("fold")
    total = tuple(int(folds[str(i)].sum()) for i in range(4))
    if not total[1] or not total[3]:
        return None
    rest = (
        tuple(t - x for t, x in zip(total, row, strict=True))
        for row in folds.select("0", "1", "2", "3").iter_rows()
    )
    without = [_gap(row) for row in rest if row[1] and row[3]]
    return Estimate(
        value=_gap(total),
        interval=jackknife_interval(_gap(total), without),
        n=both.height,
        method="difference of two shares, delete-a-fold jackknife",
        grade=Grade.D,
    )


def _gap(counts: tuple[int, ...]) -> float:
    return counts[0] / counts[1] - counts[2] / counts[3]
