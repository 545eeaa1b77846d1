"""Pull-forward: how much of a promotion's sales was new, and how much would have come anyway."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from crmlib import i18n
from crmlib.campaigns import cells as cells_of
from crmlib.campaigns.bootstrap import Floats, fold_sums
from crmlib.campaigns.effects import one_pre
from crmlib.errors import ContractError
from crmlib.estimate import Estimate, Grade, jackknife_interval


@dataclass(frozen=True, slots=True)
class PullForwardSpec:
    """What was asked.

    Attributes
    ----------
    arm, control
        Arms of the mart.
    promotion_days
        Days from the start on which the offer held.
    window_days
        Days that count in all: long enough for sales that were brought forward to be missed.
    outcome, orders
        Sales and number of orders.
    level
        Of the intervals.
    """

    arm: str
    control: str
    promotion_days: int
    window_days: int
    outcome: str = "value_real"
    orders: str = "orders"
    level: float = 0.95

    def __post_init__(self) -> None:
        if not 0 < self.promotion_days < self.window_days:
            raise ValueError("promotion_days must lie between 0 and window_days")


@dataclass(frozen=True, slots=True, eq=False)
class PullForward:
    """Sales of the promotion's days, split; all of the arm's customers, in shop currency.

    ``subsidised`` + ``pulled_forward`` + ``stockpiled`` + ``incremental`` = ``sales``.

    Attributes
    ----------
    sales
        Of the arm on the promotion's days; counted.
    subsidised
        What the control bought on those days: it would have come without the offer.
    gross
        What the arm bought beyond that.
    given_back
        What the arm bought less than the control afterwards; 0 where it bought more.
    pulled_forward, stockpiled
        The two parts of ``given_back``, as the gain came: through more orders, through larger
        ones.
    incremental
        Gross less what was given back.
    net
        The effect up to the end of the window: incremental, and what was bought more afterwards.
    curve
        ``day``, ``difference`` added up from the start, ``low``, ``high``; a customer.
    """

    sales: float
    subsidised: Estimate
    gross: Estimate
    given_back: Estimate
    pulled_forward: float
    stockpiled: float
    incremental: Estimate
    net: Estimate
    curve: pl.DataFrame
    spec: PullForwardSpec
    currency: str = "TRY"

    def headline(self, lang: str) -> str:
        """Say whether the offer brought new sales or only moved them."""
        net = self.net.interval
        fields = {
            "gross": i18n.money(self.gross.value, self.currency, lang),
            "back": i18n.money(self.given_back.value, self.currency, lang),
        }
        gross = self.gross.interval
        if gross is None or net is None or gross.low <= 0:
            return i18n.text("The offer did not clearly raise sales while it held.", lang)
        if net.low > 0:
            return i18n.text(
                "While it held the offer brought {gross} more; {back} of it was only moved "
                "forward, the rest is new.",
                lang,
                **fields,
            )
        return i18n.text(
            "While it held the offer brought {gross} more, but {back} was missing afterwards: "
            "sales were moved forward, and nothing is clearly new.",
            lang,
            **fields,
        )


def measure(
    arms: pl.DataFrame | pl.LazyFrame,
    spec: PullForwardSpec,
    *,
    campaign_id: str | None = None,
    grade: Grade = Grade.A,
    currency: str = "TRY",
) -> PullForward:
    """Split a promotion's sales, from the mart ``arms`` by day.

    Intervals are those of the delete-a-fold jackknife: a fold keeps a customer's days together.

    Raises
    ------
    ContractError
        If the window is still open for some customers.
    """
    frame = arms.collect() if isinstance(arms, pl.LazyFrame) else arms
    if campaign_id is not None:
        frame = frame.filter(pl.col("campaign_id") == campaign_id)
    during, after = spec.promotion_days - 1, spec.window_days - 1
    first, last = (_sums(frame, spec, d, spec.outcome) for d in (during, after))
    if not len(first) or first[:, [0, 2]].sum() != last[:, [0, 2]].sum():
        raise ContractError(_OPEN)
    n = float(first[:, 0].sum())
    orders = _sums(frame, spec, during, spec.orders)
    both = np.column_stack([first, last])

    def gap(s: Floats) -> float:
        return float(s[1] / s[0] - s[3] / s[2])

    def estimate(name: str, statistic: Callable[[Floats], float]) -> Estimate:
        total = both.sum(axis=0)
        rest = [statistic(total - own) * n for own in both]
        value = statistic(total) * n
        interval = jackknife_interval(value, rest, spec.level)
        return Estimate(value, interval, int(total[0] + total[2]), name, grade)

    jackknife = "difference of means x customers, delete-a-fold jackknife"
    gross = estimate(jackknife, lambda s: gap(s[:4]))
    net = estimate(jackknife, lambda s: gap(s[4:]))
    back = estimate(jackknife, lambda s: max(0.0, gap(s[:4]) - gap(s[4:])))
    by_orders = _through_orders(first.sum(axis=0), orders.sum(axis=0))
    return PullForward(
        sales=float(first[:, 1].sum()),
        subsidised=estimate("control's mean x customers", lambda s: float(s[3] / s[2])),
        gross=gross,
        given_back=back,
        pulled_forward=back.value * by_orders,
        stockpiled=back.value * (1 - by_orders),
        incremental=estimate(jackknife, lambda s: min(gap(s[:4]), gap(s[4:]))),
        net=net,
        curve=_curve(frame, spec),
        spec=spec,
        currency=currency,
    )


_OPEN = i18n.mark(
    "The window is still open for some customers: what was moved forward shows only when it has "
    "closed."
)


def _sums(arms: pl.DataFrame, spec: PullForwardSpec, day: int, outcome: str) -> Floats:
    cells = one_pre(cells_of.of_mart(arms, day).filter(outcome=outcome), "")
    if cells.is_empty():
        return np.empty((0, 4))
    return fold_sums(cells, [spec.arm, spec.control])


def _through_orders(sales: Floats, orders: Floats) -> float:
    """Give the share of the gain that came with more orders, at the control's value an order."""
    n1, t1, n0, t0 = sales
    gain = t1 / n1 - t0 / n0
    an_order = t0 / orders[3] if orders[3] > 0 else 0.0
    more = (orders[1] / n1 - orders[3] / n0) * an_order
    return float(min(max(more / gain, 0.0), 1.0)) if gain > 0 else 1.0


def _curve(arms: pl.DataFrame, spec: PullForwardSpec) -> pl.DataFrame:
    rows = []
    for day in range(spec.window_days):
        sums = _sums(arms, spec, day, spec.outcome)
        total = sums.sum(axis=0)
        rest = [r[1] / r[0] - r[3] / r[2] for r in (total - own for own in sums)]
        value = float(total[1] / total[0] - total[3] / total[2])
        ends = jackknife_interval(value, (float(r) for r in rest), spec.level)
        rows.append((day, value, ends and ends.low, ends and ends.high))
    return pl.DataFrame(rows, schema=["day", "difference", "low", "high"], orient="row")
