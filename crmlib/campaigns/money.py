"""Money: what a campaign earned beyond what would have come without it.

Without a verdict there is no figure here: a return is never worked out from sales alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import polars as pl

from crmlib import i18n
from crmlib.campaigns import effects, experiment
from crmlib.campaigns.cells import moments
from crmlib.campaigns.contrasts import z_of
from crmlib.campaigns.lift import CampaignLift
from crmlib.estimate import Estimate, Grade, Interval

NO_VERDICT = i18n.mark("What the campaign earned is not known, since its effect is not.")


@dataclass(frozen=True, slots=True)
class MoneySpec:
    """What it cost, and where the money stands.

    Attributes
    ----------
    fixed_cost, cost_per_contact
        In shop currency.
    contacts
        Messages sent, by arm; one a customer of the arm if not given.
    revenue, margin
        Outcomes; ``margin=None`` with ``margin_rate``.
    margin_rate
        Assumed margin as a share of revenue, where costs are not known.
    """

    fixed_cost: Decimal = Decimal(0)
    cost_per_contact: Decimal = Decimal(0)
    contacts: Mapping[str, int] | None = None
    revenue: str = "value_real"
    margin: str | None = "margin"
    margin_rate: float | None = None

    def __post_init__(self) -> None:
        for name in ("fixed_cost", "cost_per_contact"):
            object.__setattr__(self, name, Decimal(getattr(self, name)))
        if self.fixed_cost < 0 or self.cost_per_contact < 0:
            raise ValueError("costs must not be below 0")
        if (self.margin is None) == (self.margin_rate is None):
            raise ValueError("give margin or margin_rate, one of them")
        if self.margin_rate is not None and not 0 < self.margin_rate <= 1:
            raise ValueError(f"margin_rate must lie in (0, 1], got {self.margin_rate}")


@dataclass(frozen=True, slots=True)
class Earned:
    """What one arm, or all together, earned; in shop currency.

    Attributes
    ----------
    arm
        Name; "" for all treated arms together.
    customers
        Customers of the arm.
    revenue, margin
        Beyond the control's, for all customers of the arm.
    cost
        Counted, so without an interval.
    profit
        Margin less cost.
    roi
        Profit over cost; ``None`` where it cost nothing.
    """

    arm: str
    customers: int
    revenue: Estimate
    margin: Estimate
    cost: Decimal
    profit: Estimate
    roi: Estimate | None


@dataclass(frozen=True, slots=True)
class CampaignMoney:
    """What a campaign earned, arm by arm.

    Attributes
    ----------
    arms
        Treated arms; empty with ``why_not``.
    total
        All of them; they share a control, which the interval allows for.
    assumed
        Whether the margin is an assumed share of revenue.
    """

    arms: tuple[Earned, ...]
    total: Earned | None
    spec: MoneySpec
    assumed: bool = False
    why_not: str = ""
    currency: str = "TRY"

    def headline(self, lang: str) -> str:
        """Say what it earned after cost, or why that is not known."""
        if self.total is None or self.total.profit.interval is None:
            return i18n.text(self.why_not or NO_VERDICT, lang)
        interval = self.total.profit.interval
        kind = 1 if interval.low > 0 else -1 if interval.high < 0 else 0
        said = i18n.text(
            _VERDICT[kind],
            lang,
            profit=i18n.money(self.total.profit.value, self.currency, lang),
            low=i18n.money(interval.low, self.currency, lang),
            high=i18n.money(interval.high, self.currency, lang),
        )
        return f"{said} {i18n.text(_ASSUMED, lang)}" if self.assumed else said


_VERDICT = {
    1: i18n.mark("The campaign earned {profit} after its cost ({low} to {high})."),
    0: i18n.mark(
        "Whether the campaign paid is not clear: {profit} after its cost ({low} to {high})."
    ),
    -1: i18n.mark("The campaign lost money: {profit} after its cost ({low} to {high})."),
}
_ASSUMED = i18n.mark("The margin is an assumed share of sales.")


def measure(
    outcomes: pl.DataFrame | pl.LazyFrame,
    lift: CampaignLift,
    spec: MoneySpec | None = None,
    *,
    campaign_id: str | None = None,
    day: int | None = None,
) -> CampaignMoney:
    """Turn effects a customer into money for all who were in the arms.

    Parameters
    ----------
    outcomes, campaign_id, day
        What :func:`crmlib.campaigns.lift.measure` was given; it holds revenue and margin.
    lift
        Its result: without a verdict there is no money.
    spec
        Costs and outcomes.
    """
    spec = spec or MoneySpec()
    assumed = spec.margin is None
    if lift.status != "judged":
        return CampaignMoney((), None, spec, assumed, NO_VERDICT, lift.currency)
    names = tuple(n for n in (spec.revenue, spec.margin) if n is not None)
    asked = replace(
        lift.spec, outcomes=names, guardrails=(), ratios={}, segments=(), margins={}, pre=""
    )
    found = experiment.of(outcomes, asked, campaign_id, None, day, None)
    shown = [_earned(found.cells, [arm], lift, spec) for arm in lift.spec.treated]
    total = _earned(found.cells, lift.spec.treated, lift, spec)
    return CampaignMoney(tuple(shown), replace(total, arm=""), spec, assumed, "", lift.currency)


def _earned(cells: pl.DataFrame, arms: list[str], lift: CampaignLift, spec: MoneySpec) -> Earned:
    grade = Grade(lift.effects["grade"][0])
    revenue = _added(cells.filter(outcome=spec.revenue), arms, lift, grade)
    if spec.margin_rate is not None:
        margin = _scaled(revenue, spec.margin_rate, 0.0, "assumed share of revenue")
        margin = replace(margin, grade=max(grade, Grade.C))
    else:
        margin = _added(cells.filter(outcome=spec.margin), arms, lift, grade)
    customers = _customers(cells.filter(outcome=spec.revenue), arms)
    cost = _cost(cells.filter(outcome=spec.revenue), arms, lift, spec)
    profit = _scaled(margin, 1.0, -float(cost), margin.method)
    roi = _scaled(profit, 1 / float(cost), 0.0, margin.method) if cost else None
    return Earned(arms[0], customers, revenue, margin, cost, profit, roi)


def _added(cells: pl.DataFrame, arms: list[str], lift: CampaignLift, grade: Grade) -> Estimate:
    """Add up difference x customers over arms that share one control."""
    own = effects.one_pre(cells, "")
    control = moments(own.filter(arm=lift.spec.control))
    treated = [moments(own.filter(arm=a)) for a in arms]
    count = sum(t.n for t in treated)
    value = sum(t.n * (t.mean - control.mean) for t in treated)
    variance = sum(t.n**2 * t.error2 for t in treated) + count**2 * control.error2
    half = z_of(lift.spec.level) * math.sqrt(variance)
    return Estimate(
        value=value,
        interval=Interval(value - half, value + half, lift.spec.level),
        n=count + control.n,
        method="difference of means x customers of the arm",
        grade=grade,
    )


def _scaled(found: Estimate, factor: float, shift: float, method: str) -> Estimate:
    ends = found.interval
    interval = ends and Interval(ends.low * factor + shift, ends.high * factor + shift, ends.level)
    return replace(found, value=found.value * factor + shift, interval=interval, method=method)


def _customers(cells: pl.DataFrame, arms: list[str]) -> int:
    return sum(moments(effects.one_pre(cells, "").filter(arm=a)).n for a in arms)


def _cost(cells: pl.DataFrame, arms: list[str], lift: CampaignLift, spec: MoneySpec) -> Decimal:
    """Cost of the contacts, and the arms' part of the fixed cost, by their contacts."""
    told = spec.contacts or {a: _customers(cells, [a]) for a in lift.spec.treated}
    sent, every = sum(told.get(a, 0) for a in arms), sum(told.values())
    fixed = spec.fixed_cost * sent / every if every else spec.fixed_cost
    return (fixed + spec.cost_per_contact * sent).quantize(Decimal("0.0001"))
