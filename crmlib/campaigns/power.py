"""Power: what a campaign of a given size can show, and how large it must be.

Arms are compared two-sided. Differences are in the outcome's unit; rates are fractions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Literal, TypeAlias

import polars as pl

from crmlib import i18n

Kind: TypeAlias = Literal["rate", "mean", "ratio"]
_NORMAL = NormalDist()
_MANY = 10**12
_SEARCH = 200


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the outcome looks like without a campaign.

    Attributes
    ----------
    mean
        Mean a customer: a rate for ``kind="rate"``; the ratio itself for ``"ratio"``.
    sd
        Standard deviation between customers; that of a rate follows from its mean.
    kind
        ``"rate"``, ``"mean"`` or ``"ratio"``.
    saved
        Share of the variance that CUPED saves.
    """

    mean: float
    sd: float = math.nan
    kind: Kind = "mean"
    saved: float = 0.0

    def __post_init__(self) -> None:
        if self.kind == "rate":
            if not 0 < self.mean < 1:
                raise ValueError(f"a rate must lie between 0 and 1, got {self.mean}")
            object.__setattr__(self, "sd", math.sqrt(self.mean * (1 - self.mean)))
        elif not self.sd > 0:
            raise ValueError(f"sd must be above 0, got {self.sd}")
        if not 0 <= self.saved < 1:
            raise ValueError(f"saved must lie in [0, 1), got {self.saved}")


def baseline(
    history: pl.DataFrame, outcome: str, *, per: str | None = None, pre: str | None = None
) -> Baseline:
    """Take the baseline from the firm's own history, one row a customer, nobody left out.

    Parameters
    ----------
    history
        Customers of a past window as long as the campaign's, those who did not come with 0.
    outcome, per
        Column; with ``per`` the ratio of both sums, e.g. value per order. Its variance is that
        of (outcome - ratio x per) / mean of ``per`` (delta method).
    pre
        Column known before that window, for what CUPED saves.
    """
    y = history[outcome].cast(pl.Float64)
    if per is not None:
        below = history[per].cast(pl.Float64)
        ratio = float(y.sum()) / float(below.sum())
        base = float(below.mean())  # type: ignore[arg-type]
        return Baseline(ratio, _sd((y - ratio * below) / base), "ratio")
    saved = 0.0
    if pre is not None:
        found = history.select(pl.corr(outcome, pre)).item()
        saved = 0.0 if found is None or math.isnan(found) else min(found**2, 0.999999)
    mean = float(y.mean())  # type: ignore[arg-type]
    if y.is_in([0.0, 1.0]).all() and 0 < mean < 1:
        return Baseline(mean, kind="rate", saved=saved)
    return Baseline(mean, _sd(y), saved=saved)


def _sd(values: pl.Series) -> float:
    return float(values.std())  # type: ignore[arg-type]


# --- Power, size, smallest effect -----------------------------------------------------------------


def power(
    base: Baseline, effect: float, treated: float, control: float, alpha: float = 0.05
) -> float:
    """Give the chance that a true effect is found.

    Rates: the normal test with the pooled standard error, which is what
    :func:`crmlib.campaigns.contrasts.rates` does (Fleiss, Levin, Paik 2003, equation 4.14
    solved for power). Means: Student's t with equal variances.

    Parameters
    ----------
    base
        The outcome without a campaign.
    effect
        Difference, in the outcome's unit.
    treated, control
        Customers of either arm.
    alpha
        Two-sided error.
    """
    keep = math.sqrt(1 - base.saved)
    if base.kind == "rate":
        other = base.mean + effect
        if not 0 <= other <= 1:
            raise ValueError(f"the rate would be {other}")
        pooled = (base.mean * control + other * treated) / (treated + control)
        null = math.sqrt(pooled * (1 - pooled) * (1 / treated + 1 / control)) * keep
        true = keep * math.sqrt(
            other * (1 - other) / treated + base.mean * (1 - base.mean) / control
        )
        z = _NORMAL.inv_cdf(1 - alpha / 2)
        return _NORMAL.cdf((abs(effect) - z * null) / true) + _NORMAL.cdf(
            (-abs(effect) - z * null) / true
        )
    return _power_t(effect / (base.sd * keep), treated, control, alpha)


def _power_t(d: float, treated: float, control: float, alpha: float) -> float:
    from scipy.special import nctdtr, stdtrit

    df = treated + control - 2
    if df <= 0:
        return alpha
    shift = abs(d) / math.sqrt(1 / treated + 1 / control)
    t = float(stdtrit(df, 1 - alpha / 2))
    if df > 1e5 or shift > 35:  # the noncentral t is slow and fragile where it is normal
        return _NORMAL.cdf(shift - t) + _NORMAL.cdf(-shift - t)
    return 1 - float(nctdtr(df, shift, t)) + float(nctdtr(df, shift, -t))


def size(
    base: Baseline,
    effect: float,
    *,
    power_wanted: float = 0.8,
    alpha: float = 0.05,
    ratio: float = 1.0,
) -> float:
    """Give the customers that the control needs, not rounded; the treated arm has ``ratio`` times.

    >>> round(size(Baseline(0.20, kind="rate"), 0.05), 1)
    1093.7
    """
    if effect == 0:
        raise ValueError("effect must not be 0")
    return _rising(lambda n: power(base, effect, n * ratio, n, alpha), power_wanted, 2.0, _MANY)


def smallest(
    base: Baseline,
    treated: float,
    control: float,
    *,
    power_wanted: float = 0.8,
    alpha: float = 0.05,
    up: bool = True,
) -> float:
    """Give the smallest effect that these arms show with the power wanted (MDE), ``nan`` if none.

    It is positive; with ``up=False`` it is how far the outcome must fall.
    """
    most = base.sd * 50
    if base.kind == "rate":
        most = (1 - base.mean if up else base.mean) * (1 - 1e-9)
    sign = 1.0 if up else -1.0
    return _rising(lambda e: power(base, sign * e, treated, control, alpha), power_wanted, 0, most)


def _rising(value: Callable[[float], float], wanted: float, low: float, high: float) -> float:
    """Find where a rising function reaches ``wanted``; NaN where it never does."""
    if value(high) < wanted:
        return math.nan
    if low > 0:  # numbers of customers: go up by doubling first
        while low * 2 < high and value(low * 2) < wanted:
            low *= 2
        high = min(high, low * 2)
    for _ in range(_SEARCH):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if value(middle) < wanted else (low, middle)
    return high


def arcsine_size(
    first: float, second: float, power_wanted: float = 0.8, alpha: float = 0.05
) -> float:
    """Give the customers an arm by the arcsine of the rates (Cohen 1988, chapter 6)."""
    h = 2 * math.asin(math.sqrt(second)) - 2 * math.asin(math.sqrt(first))
    z = _NORMAL.inv_cdf(1 - alpha / 2) + _NORMAL.inv_cdf(power_wanted)
    return 2 * (z / h) ** 2


def base_variance_size(
    first: float, second: float, power_wanted: float = 0.8, alpha: float = 0.05
) -> float:
    """Give the customers an arm as Evan Miller's calculator does: null with the base's variance."""
    null = math.sqrt(2 * first * (1 - first))
    true = math.sqrt(first * (1 - first) + second * (1 - second))
    z = _NORMAL.inv_cdf(1 - alpha / 2) * null + _NORMAL.inv_cdf(power_wanted) * true
    return (z / (second - first)) ** 2


# --- A list of fixed size -------------------------------------------------------------------------


def control_needed(
    base: Baseline,
    effect: float,
    customers: int,
    *,
    power_wanted: float = 0.8,
    alpha: float = 0.05,
) -> int | None:
    """Give the smallest control of a list that shows ``effect``; ``None`` if half is too little."""
    low, high = 2, customers // 2
    if high < 2 or power(base, effect, customers - high, high, alpha) < power_wanted:
        return None
    while low < high:
        middle = (low + high) // 2
        enough = power(base, effect, customers - middle, middle, alpha) >= power_wanted
        low, high = (low, middle) if enough else (middle + 1, high)
    return low


@dataclass(frozen=True, slots=True)
class PowerSpec:
    """What was asked.

    Attributes
    ----------
    effect
        Smallest difference worth finding, in the outcome's unit; negative for a fall.
    power, alpha
        Chance to find it; two-sided error.
    control_share
        Share of the customers who are held out.
    customers
        Size of the list; ``None`` where customers come day by day.
    customers_a_day
        How many come a day, where they do.
    window_days
        Days from the start that count for each customer.
    contrasts
        Number of comparisons; ``alpha`` is shared between them (Bonferroni).
    """

    effect: float
    power: float = 0.8
    alpha: float = 0.05
    control_share: float = 0.5
    customers: int | None = None
    customers_a_day: float | None = None
    window_days: int = 28
    contrasts: int = 1

    def __post_init__(self) -> None:
        if self.effect == 0:
            raise ValueError("effect must not be 0")
        for name in ("power", "alpha", "control_share"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must lie between 0 and 1, got {getattr(self, name)}")
        if self.window_days < 1 or self.contrasts < 1:
            raise ValueError("window_days and contrasts must be at least 1")
        if self.customers is not None and self.customers < 4:
            raise ValueError(f"customers must be at least 4, got {self.customers}")


@dataclass(frozen=True, slots=True, eq=False)
class PowerPlan:
    """How large, how long, and what can be seen.

    Attributes
    ----------
    needed
        Customers in all that find ``spec.effect`` with the power wanted.
    treated, control
        Arms of the list; of ``needed`` where there is no list.
    reached
        Power of those arms.
    smallest
        Smallest rise that they show with the power wanted; NaN if none.
    control_needed
        Smallest control that suffices in this list; ``None`` if no split of it does.
    days
        Until the verdict: days to gather the customers and the window; ``None`` without a rate.
    curve
        ``control_share``, ``treated``, ``control``, ``power``, ``smallest`` of this many
        customers.
    """

    spec: PowerSpec
    base: Baseline
    needed: int
    treated: int
    control: int
    reached: float
    smallest: float
    control_needed: int | None
    days: int | None
    curve: pl.DataFrame = field(repr=False)

    @property
    def enough(self) -> bool:
        """Whether the arms find the effect with the power wanted."""
        return self.reached >= self.spec.power

    def headline(self, lang: str) -> str:
        """Say whether the list suffices, and what would."""
        fields = {
            "treated": i18n.number(self.treated, lang),
            "control": i18n.number(self.control, lang),
            "power": i18n.percent(self.reached, lang),
        }
        if self.enough:
            return i18n.text(
                "With {treated} customers contacted and {control} held out, an effect of the "
                "size you named is found with a chance of {power}.",
                lang,
                **fields,
            )
        return i18n.text(
            "With {treated} customers contacted and {control} held out, an effect of the size "
            "you named is found with a chance of only {power}; that takes {needed} customers in "
            "all.",
            lang,
            needed=i18n.number(self.needed, lang),
            **fields,
        )


_SHARES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)


def plan(base: Baseline, spec: PowerSpec) -> PowerPlan:
    """Plan a campaign's size from what the outcome is like without one."""
    alpha = spec.alpha / spec.contrasts
    ratio = (1 - spec.control_share) / spec.control_share
    held = size(base, spec.effect, power_wanted=spec.power, alpha=alpha, ratio=ratio)
    needed = math.ceil(held) + math.ceil(held * ratio)
    total = spec.customers or needed
    control = math.ceil(held) if spec.customers is None else _held(total, spec.control_share)
    treated = total - control
    days = None
    if spec.customers_a_day:
        days = math.ceil(needed / spec.customers_a_day) + spec.window_days
    elif spec.customers is not None:
        days = spec.window_days
    return PowerPlan(
        spec=spec,
        base=base,
        needed=needed,
        treated=treated,
        control=control,
        reached=power(base, spec.effect, treated, control, alpha),
        smallest=smallest(base, treated, control, power_wanted=spec.power, alpha=alpha),
        control_needed=control_needed(
            base, spec.effect, total, power_wanted=spec.power, alpha=alpha
        ),
        days=days,
        curve=_curve(base, spec, total, alpha),
    )


def _held(total: int, share: float) -> int:
    return min(max(round(total * share), 2), total - 2)


def _curve(base: Baseline, spec: PowerSpec, total: int, alpha: float) -> pl.DataFrame:
    rows = []
    for share in _SHARES:
        control = _held(total, share)
        treated = total - control
        found = power(base, spec.effect, treated, control, alpha)
        least = smallest(base, treated, control, power_wanted=spec.power, alpha=alpha)
        rows.append((share, treated, control, found, least))
    names = ["control_share", "treated", "control", "power", "smallest"]
    return pl.DataFrame(rows, schema=names, orient="row")
