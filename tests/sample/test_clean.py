"""The clean world: its parameters are found again by likelihoods of our own."""

from collections import Counter, defaultdict
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from scipy.optimize import minimize
from scipy.special import betaln, gammaln

from crmlib.ledger.sample import SampleShop, SampleSpec, simulate
from tests.sample.recount import profit, value

SPEC = SampleSpec(customers=12_000, seed=6, world="clean")
END = datetime(2025, 7, 1)


@pytest.fixture(scope="module")
def shop() -> SampleShop:
    return simulate(SPEC)


@pytest.fixture(scope="module")
def histories(shop) -> pl.DataFrame:
    """Per customer: repeat orders x, weeks to the last t_x, weeks seen T, mean value z."""
    sales = shop.order_lines.filter(pl.col("quantity") > 0)
    worth = (pl.col("quantity") * pl.col("unit_price") - pl.col("discount")).cast(pl.Float64)
    orders = sales.group_by("order_id").agg(
        pl.col("customer_id", "ordered_at").first(), value=worth.sum()
    )
    week = pl.duration(days=7)
    first, last = pl.col("ordered_at").min(), pl.col("ordered_at").max()
    found = orders.group_by("customer_id").agg(
        x=pl.len() - 1.0,
        t_x=(last - first) / week,
        T=(pl.lit(END) - first) / week,
        z=pl.col("value").mean(),
    )
    segment = [
        (who, name) for name, told in shop.truth["segments"].items() for who in told["customers"]
    ]
    named = pl.DataFrame(segment, schema=["customer_id", "segment"], orient="row")
    return found.join(named, on="customer_id", validate="1:1")


def bg_nbd(log_parameters, x, t_x, T):  # the paper's letters
    """Log-likelihood of Fader, Hardie and Lee (2005), equation 6."""
    r, alpha, a, b = np.exp(log_parameters)
    common = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    alive = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + T)
    gone = betaln(a + 1, b + x - 1) - betaln(a, b) - (r + x) * np.log(alpha + t_x)
    return (common + np.where(x > 0, np.logaddexp(alive, gone), alive)).sum()


def gamma_gamma(log_parameters, n, z):
    """Log-likelihood of Fader and Hardie (2013), equation 1a: n orders of mean value z."""
    p, q, v = np.exp(log_parameters)
    return (
        gammaln(p * n + q) - gammaln(p * n) - gammaln(q) + q * np.log(v)
        + (p * n - 1) * np.log(z) + p * n * np.log(n) - (p * n + q) * np.log(v + n * z)
    ).sum()  # fmt: skip


def within_three_standard_errors(likelihood, truth: list[float]) -> None:
    """Maximise from elsewhere; compare logs of the parameters with the curvature's errors."""
    start = np.log(truth) + 0.3
    best = minimize(lambda at: -likelihood(at), start, method="Nelder-Mead",
                    options={"maxiter": 4000, "xatol": 1e-5, "fatol": 1e-6}).x  # fmt: skip
    k, step = len(best), 1e-3
    curvature = np.zeros((k, k))
    for i in range(k):
        for j in range(k):
            total = 0.0
            for sign_i in (1, -1):
                for sign_j in (1, -1):
                    at = best.copy()
                    at[i] += sign_i * step
                    at[j] += sign_j * step
                    total -= sign_i * sign_j * likelihood(at)
            curvature[i, j] = total / (4 * step**2)
    errors = np.sqrt(np.diag(np.linalg.inv(curvature)))
    assert (errors < 0.7).all()  # or else nothing would be tested
    assert (np.abs(best - np.log(truth)) < 3 * errors).all()


@pytest.mark.parametrize("name", ["sadık", "olağan", "seyrek", "seçkin"])
def test_bg_nbd_of_each_segment_is_found_again(shop, histories, name):
    mine = histories.filter(segment=name)
    told = shop.truth["segments"][name]
    x, t_x, T = (mine[column].to_numpy() for column in ("x", "t_x", "T"))
    within_three_standard_errors(
        lambda at: bg_nbd(at, x, t_x, T), [told[key] for key in ("r", "alpha", "a", "b")]
    )


@pytest.mark.parametrize("name", ["sadık", "olağan", "seyrek", "seçkin"])
def test_gamma_gamma_of_each_segment_is_found_again(shop, histories, name):
    mine = histories.filter(segment=name)
    told = shop.truth["segments"][name]
    n, z = (mine["x"] + 1).to_numpy(), mine["z"].to_numpy()
    within_three_standard_errors(
        lambda at: gamma_gamma(at, n, z), [told[key] for key in ("p", "q", "v")]
    )


def test_recovery_can_fail(shop, histories):
    """All segments thrown together are no BG/NBD of one of them."""
    told = shop.truth["segments"]["sadık"]
    x, t_x, T = (histories[column].to_numpy() for column in ("x", "t_x", "T"))
    with pytest.raises(AssertionError):
        within_three_standard_errors(
            lambda at: bg_nbd(at, x, t_x, T), [told[key] for key in ("r", "alpha", "a", "b")]
        )


def test_pace_and_spend_are_independent(histories):
    for _, mine in histories.group_by("segment"):
        found = mine.select(pl.corr("x", "z", method="spearman")).item()
        assert abs(found) < 4 / mine.height**0.5


def near(count: int, n: int, probability: float) -> bool:
    return abs(count - n * probability) < 4 * (n * probability * (1 - probability)) ** 0.5


def test_shares_are_those_that_are_told(shop):
    truth, lines = shop.truth, shop.order_lines
    sales = lines.filter(pl.col("quantity") > 0)
    for told in truth["segments"].values():
        assert near(len(told["customers"]), SPEC.customers, told["share"])
    planted = truth["planted_loss_makers"]
    assert near(len(planted), SPEC.customers, truth["loss_maker_probability"])
    gain = pl.col("unit_price") - pl.col("discount") - pl.col("unit_cost") * Decimal("1.2")
    for whose, theirs in (("loss_makers", True), ("others", False)):
        mine = sales.filter(pl.col("customer_id").is_in(planted) == theirs)
        below = (mine.select(gain)["unit_price"] < 0).sum()
        assert near(below, mine.height, truth["below_cost_probability"][whose])
    assert near((sales["discount"] > 0).sum(), sales.height, truth["discount_probability"])
    sizes = sales.group_by("order_id").len()["len"].value_counts()
    for size, count in sizes.rows():
        assert near(count, sales["order_id"].n_unique(), truth["lines_probability"][size - 1])
    # Refunds of the last 20 days of sales may fall behind the end: those are left out.
    early = sales.filter(pl.col("ordered_at") < datetime(2025, 6, 10))
    keys = ["order_id", "product_id", "unit_price"]
    back = lines.filter(pl.col("quantity") < 0).join(early.select(keys).unique(), on=keys)
    assert near(back.height, early.height, truth["refund_probability"])


def test_nobody_is_older_than_the_data_and_everybody_is_known(shop):
    assert shop.truth["pre_existing"] == []
    assert len(shop.truth["buyers"]) == SPEC.customers
    assert shop.order_lines["customer_id"].null_count() == 0
    first = shop.order_lines.group_by("customer_id").agg(pl.col("ordered_at").min().dt.date())
    joined = shop.customers.join(first, on="customer_id", validate="1:1")
    assert joined.height == SPEC.customers
    assert (joined["joined_at"] == joined["ordered_at"]).all()
    # Evenly over the period: the mean of a uniform of 912 days varies by 263 / sqrt(n).
    days = (joined["joined_at"] - date(2023, 1, 1)).dt.total_days()
    assert days.mean() == pytest.approx(455.5, abs=4 * 263 / SPEC.customers**0.5)


def test_no_season_and_no_inflation(shop):
    assert set(shop.truth["price_index"].values()) == {"100.00"}
    weekdays = Counter(
        at.weekday() for at in shop.order_lines.unique("order_id")["ordered_at"].to_list()
    )
    n = sum(weekdays.values())
    # 912 days hold each weekday 130 or 131 times; orders of a customer are not quite independent.
    assert all(abs(count / n - 1 / 7) < 6 * (6 / 49 / n) ** 0.5 for count in weekdays.values())


def test_margins_are_those_of_the_segment(shop):
    frame = (
        shop.order_lines.filter(pl.col("quantity") > 0)
        .with_columns(net=(pl.col("unit_price") - pl.col("discount")).cast(pl.Float64) / 1.2)
        .with_columns(rate=1 - pl.col("unit_cost").cast(pl.Float64) / pl.col("net"))
    )
    for told in shop.truth["segments"].values():
        mine = frame.filter(pl.col("customer_id").is_in(told["customers"]), pl.col("net") > 50)
        spread = shop.truth["margin_spread"]
        for sign in (1, -1):
            rates = mine.filter(pl.col("rate") * sign > 0)["rate"] * sign
            assert rates.mean() == pytest.approx(
                told["margin_rate"], abs=4 * spread / len(rates) ** 0.5
            )


def test_losses_and_totals_are_counted_as_told():
    shop = simulate(SampleSpec(customers=2_000, seed=2, world="clean"))
    sums, gains, recent = defaultdict(int), defaultdict(int), defaultdict(int)
    bought = set()
    for line in shop.order_lines.rows(named=True):
        sums[f"{line['ordered_at']:%Y-%m}"] += value(line)
        gains[line["customer_id"]] += profit(line)
        if line["ordered_at"] >= datetime.fromisoformat(shop.truth["last_12_months_from"]):
            recent[line["customer_id"]] += profit(line)
            bought |= {line["customer_id"]} if line["quantity"] > 0 else set()
    assert {m: entry["value"] for m, entry in shop.truth["by_month"].items()} == {
        month: str(total) for month, total in sums.items()
    }
    for name, found in (("loss_makers", gains), ("loss_makers_last_12_months", recent)):
        losing = {who: str(gain) for who, gain in found.items() if gain < 0}
        if name != "loss_makers":
            losing = {who: gain for who, gain in losing.items() if who in bought}
        assert {who: entry["profit"] for who, entry in shop.truth[name].items()} == losing
    planted = set(shop.truth["planted_loss_makers"])
    for who, entry in shop.truth["loss_makers"].items():
        assert entry["planted"] == (who in planted)
    last = Counter(
        (entry["cause"], entry["planted"])
        for entry in shop.truth["loss_makers_last_12_months"].values()
    )
    assert last["below_cost", True] > 10
