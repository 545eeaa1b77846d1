"""Money: what was earned, and what was only moved forward."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from crmlib.campaigns import lift, money, pullforward
from crmlib.campaigns.lift import LiftSpec
from crmlib.campaigns.money import MoneySpec
from crmlib.campaigns.pullforward import PullForwardSpec
from crmlib.errors import ContractError
from tests.campaigns.conftest import MENS, NONE, WOMENS

COST = MoneySpec(Decimal(500), Decimal("0.10"), revenue="spend", margin=None, margin_rate=0.4)


@pytest.fixture(scope="module")
def earned(arms, asked):
    spec = replace(asked, outcomes=("spend",))
    return money.measure(arms, lift.measure(arms, spec, currency="USD"), COST)


def test_hillstrom_s_money_by_hand(earned):
    """Witness: 21,307 men's mails x .769827 spend more."""
    mens, womens = earned.arms
    assert mens.revenue.value == pytest.approx(21_307 * 0.769827, abs=0.02)
    low, high = mens.revenue.interval.low, mens.revenue.interval.high
    assert (low, high) == pytest.approx((21_307 * 0.485140, 21_307 * 1.054515), abs=0.5)
    fixed = 500 * 21_307 / (21_307 + 21_387)
    assert float(mens.cost) == pytest.approx(fixed + 2_130.7, abs=1e-3)
    assert mens.cost + womens.cost == pytest.approx(Decimal("4769.4"), abs=Decimal("0.001"))
    assert mens.profit.value == pytest.approx(0.4 * mens.revenue.value - float(mens.cost))
    assert mens.roi.value == pytest.approx(mens.profit.value / float(mens.cost))
    assert earned.assumed
    assert mens.profit.grade == "C"
    assert mens.revenue.grade == "A"


def test_arms_share_their_control(earned, rows):
    """The total's interval, against drawing all three arms again."""
    rng = np.random.default_rng(5)
    spend = {a: rows.filter(arm=a)["outcome_spend"].to_numpy() for a in (MENS, WOMENS, NONE)}
    drawn = []
    for _ in range(600):
        m, w, z = (s[rng.integers(0, len(s), len(s))] for s in spend.values())
        drawn.append(m.sum() + w.sum() - (len(m) + len(w)) * z.mean())
    interval = earned.total.revenue.interval
    assert (interval.high - interval.low) / 3.92 == pytest.approx(np.std(drawn), rel=0.1)
    assert earned.total.revenue.value == pytest.approx(
        sum(a.revenue.value for a in earned.arms), rel=1e-9
    )


def test_the_sentence_turns_with_the_cost(arms, asked):
    spec = replace(asked, outcomes=("spend",))
    judged = lift.measure(arms, spec, currency="USD")
    said = [
        money.measure(arms, judged, replace(COST, fixed_cost=Decimal(c))).headline("en")
        for c in (0, 6_500, 60_000)
    ]
    assert "earned $" in said[0]
    assert "not clear" in said[1]
    assert "lost money" in said[2]
    assert all("assumed share" in s for s in said)


def test_no_return_without_a_verdict(rows, arms, asked):
    mailed = rows.filter(pl.col("arm") != NONE)
    unknown = lift.measure(mailed, LiftSpec(None, ("spend",)))
    crooked = lift.measure(arms, replace(asked, split={NONE: 2, MENS: 1, WOMENS: 1}))
    assert crooked.status == "blocked"
    for judged in (unknown, crooked):
        found = money.measure(mailed, judged, COST)
        assert found.total is None
        assert found.arms == ()
        assert "not known" in found.headline("en")


def test_what_cost_nothing_has_no_return(arms, asked):
    judged = lift.measure(arms, replace(asked, outcomes=("spend",)))
    found = money.measure(arms, judged, MoneySpec(0, 0, None, "spend", None, 0.4))
    assert found.total.cost == 0
    assert found.total.roi is None


def test_absurd_costs_are_refused():
    for wrong in ({"fixed_cost": Decimal(-1)}, {"margin_rate": 0.3}, {"margin": None}):
        with pytest.raises(ValueError, match=r"must|give"):
            MoneySpec(**wrong)


# --- Pull-forward ---------------------------------------------------------------------------------


def promotion(seed=1, *, forward=1.0, larger=1.0, n=4_000):
    """Orders of 40 days; in the arm, of those after day 9 some come on the promotion's days.

    ``forward`` of the moved orders are missing later: 1 is pure pull-forward, 0 all new.
    """
    rng = np.random.default_rng(seed)
    treated, fold = np.arange(n) % 2 == 0, np.arange(n) // 2 % 64
    orders = rng.poisson(0.03, (n, 40)).astype(float)
    worth = rng.gamma(4, 5, (n, 40))
    extra = rng.poisson(0.2, n) * treated
    later = orders[:, 10:].sum(axis=1)
    moved = np.minimum(extra, later)
    sales = orders * worth
    for i in np.flatnonzero(moved):
        where = 10 + np.flatnonzero(orders[i, 10:])[: int(moved[i])]
        orders[i, 5] += len(where)
        sales[i, 5] += sales[i, where].sum()
        if rng.random() < forward:
            orders[i, where], sales[i, where] = 0, 0
    sales[:, :10] *= np.where(treated, larger, 1.0)[:, None]
    return _mart(treated, fold, {"value_real": sales, "orders": orders})


def _mart(treated, fold, outcomes):
    rows = []
    for name, daily in outcomes.items():
        total = daily.cumsum(axis=1)
        for day in range(daily.shape[1]):
            frame = pl.DataFrame({"arm": np.where(treated, "treated", "control"), "fold": fold,
                                  "v": total[:, day]})  # fmt: skip
            sums = frame.group_by("arm", "fold").agg(
                n=pl.len(), y=pl.col("v").sum(), yy=(pl.col("v") ** 2).sum()
            )
            rows.append(sums.with_columns(day=pl.lit(day), outcome=pl.lit(name)))
    zeros = dict.fromkeys(("x", "xx", "xy", "centre_y", "centre_x"), pl.lit(0.0))
    return pl.concat(rows).with_columns(
        campaign_id=pl.lit("c"), segment=pl.lit(""), exposed=pl.lit(-1), pre=pl.lit(""), **zeros
    )


SPEC = PullForwardSpec("treated", "control", promotion_days=10, window_days=40)


def test_what_was_only_moved_forward_nets_to_nothing():
    held = seen = 0
    for seed in range(12):
        found = pullforward.measure(promotion(seed), SPEC)
        held += not found.net.interval.excludes(0.0)
        seen += found.gross.interval.low > 0
    assert held >= 10
    assert seen == 12


def test_new_sales_stay():
    found = pullforward.measure(promotion(forward=0.0), SPEC)
    assert found.net.interval.low > 0
    assert found.given_back.value < 0.3 * found.gross.value
    assert "the rest is new" in found.headline("en")
    moved = pullforward.measure(promotion(), SPEC)
    assert "nothing is clearly new" in moved.headline("en")


@pytest.mark.parametrize("larger", [1.0, 1.5])
def test_the_parts_are_the_whole(larger):
    found = pullforward.measure(promotion(larger=larger), SPEC)
    parts = (
        found.subsidised.value + found.pulled_forward + found.stockpiled + found.incremental.value
    )
    assert parts == pytest.approx(found.sales)
    assert (found.stockpiled > 0.3 * found.given_back.value) == (larger > 1)
    assert found.curve.height == 40
    assert found.curve["difference"][9] * 2_000 == pytest.approx(found.gross.value)


def test_an_open_window_is_refused():
    arms = promotion()
    with pytest.raises(ContractError, match="still open"):
        pullforward.measure(arms.filter(pl.col("day") < 30), SPEC)
    with pytest.raises(ValueError, match="promotion_days"):
        replace(SPEC, promotion_days=40)
