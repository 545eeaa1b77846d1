"""The models' formulas against other ways to the same numbers, and at their extremes.

Witnesses: the papers' formulas written naively with scipy's hypergeometric function, integrals
over the customers' rates by quadrature, and simulated customers.
"""

import math
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import betaln, gammaln, hyp2f1, hyperu

from crmlib.curves import bgnbd, gammagamma, mbgnbd, paretonbd
from crmlib.curves.bgnbd import BgNbd
from crmlib.curves.btyd import BtydSpec
from crmlib.curves.compress import Rows, checked, rows
from crmlib.curves.gammagamma import GammaGamma
from crmlib.curves.mbgnbd import MbgNbd
from crmlib.curves.paretonbd import ParetoNbd
from crmlib.errors import ContractError, TooFewCustomersError

MODELS = [
    BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426),
    BgNbd(r=2.0, alpha=30.0, a=3.0, b=0.7),
    MbgNbd(r=0.525, alpha=6.183, a=0.891, b=1.614),
    ParetoNbd(r=0.553, alpha=10.578, s=0.606, beta=11.669),
    ParetoNbd(r=1.5, alpha=40.0, s=1.4, beta=3.0),
]
FITS = {BgNbd: bgnbd.fit, MbgNbd: mbgnbd.fit, ParetoNbd: paretonbd.fit}


def ids(model):
    return f"{type(model).__name__}-{next(iter(dict(model).values()))}"


each_model = pytest.mark.parametrize("model", MODELS, ids=ids)


def customers(**columns):
    return {name: np.array(cells, dtype=float) for name, cells in columns.items()}


SOME = customers(
    x=[0, 0, 1, 1, 2, 5, 12, 29, 3],
    t_x=[0, 0, 3, 38, 30.43, 20, 35, 38.8, 39],
    T=[27, 38.86, 38.86, 38, 38.86, 39, 36, 38.86, 39],
)


def naive_bg(m, x, t_x, T):
    """Fader, Hardie and Lee (2005), equation 6, term by term."""
    A1 = gammaln(m.r + x) - gammaln(m.r) + m.r * np.log(m.alpha)
    stays = np.exp(betaln(m.a, m.b + x) - betaln(m.a, m.b)) * (m.alpha + T) ** -(m.r + x)
    leaves = 0.0
    if x > 0:
        leaves = np.exp(betaln(m.a + 1, m.b + x - 1) - betaln(m.a, m.b))
        leaves *= (m.alpha + t_x) ** -(m.r + x)
    return A1 + np.log(stays + leaves)


def naive_mbg(m, x, t_x, T):
    A1 = gammaln(m.r + x) - gammaln(m.r) + m.r * np.log(m.alpha)
    stays = np.exp(betaln(m.a, m.b + x + 1) - betaln(m.a, m.b)) * (m.alpha + T) ** -(m.r + x)
    leaves = np.exp(betaln(m.a + 1, m.b + x) - betaln(m.a, m.b))
    return A1 + np.log(stays + leaves * (m.alpha + t_x) ** -(m.r + x))


def naive_pareto(m, x, t_x, T):
    """Fader and Hardie (2005), note on deriving the Pareto/NBD, the two hypergeometrics."""
    whole = m.r + m.s + x
    small, large = sorted((m.alpha, m.beta))
    second = m.s + 1 if m.alpha >= m.beta else m.r + x

    def term(y):
        F = hyp2f1(whole, second, whole + 1, (large - small) / (large + y))
        return F / (large + y) ** whole

    A1 = gammaln(m.r + x) - gammaln(m.r) + m.r * np.log(m.alpha) + m.s * np.log(m.beta)
    alive = (m.alpha + T) ** -(m.r + x) * (m.beta + T) ** -m.s
    return A1 + np.log(alive + m.s / whole * (term(t_x) - term(T)))


NAIVE = {BgNbd: naive_bg, MbgNbd: naive_mbg, ParetoNbd: naive_pareto}


@each_model
def test_the_likelihood_is_the_paper_s(model):
    expected = [NAIVE[type(model)](model, *c) for c in zip(*SOME.values(), strict=True)]
    assert model.log_likelihood(**SOME) == pytest.approx(expected, rel=1e-11)


@each_model
def test_the_compressed_mean_is_the_mean_of_customers(model):
    weight = np.arange(1.0, 10)
    mean, _ = model.mean_log_likelihood(Rows.of(**SOME, weight=weight))
    expected = weight @ model.log_likelihood(**SOME) / weight.sum()
    assert mean == pytest.approx(expected, rel=1e-13)


@each_model
def test_the_gradient_is_that_of_the_likelihood(model):
    weight = np.arange(1.0, 10) / 45
    gradient = model.mean_log_likelihood(Rows.of(**SOME, weight=weight))[1]
    for j, step in enumerate(1e-5 * np.eye(4)):
        up, down = (
            weight @ model.of(model.theta + s).log_likelihood(**SOME) for s in (step, -step)
        )
        # Central differences are good to about eps / step = 1e-10 of a value near 10.
        assert gradient[j] == pytest.approx((up - down) / 2e-5, abs=3e-9)


# --- extremes -----------------------------------------------------------------------------------
EXTREME = customers(
    x=[0, 0, 1, 1, 1000, 1000, 1000, 3, 50],
    t_x=[0, 0, 1e-3, 5000, 0.5, 300, 5000, 40, 50],
    T=[0, 1e5, 1e5, 5000, 5000, 300, 5000, 1e6, 50.001],
)


def pareto_by_quad(m, x, t_x, T):
    """The integral over the moment of leaving, in logarithms: nothing underflows."""

    def f(y):
        return -(m.r + x) * math.log(m.alpha + y) - (m.s + 1) * math.log(m.beta + y)

    alive = -(m.r + x) * math.log(m.alpha + T) - m.s * math.log(m.beta + T)
    total = 0.0
    if t_x < T:
        low, high = 0.0, math.log1p((T - t_x) / 1e-4)
        edges = np.linspace(low, high, 60)
        total = sum(
            quad(
                lambda v: math.exp(f(t_x + 1e-4 * math.expm1(v)) - f(t_x) + v) * 1e-4,
                a,
                b,
                epsabs=0,
                epsrel=1e-12,
            )[0]
            for a, b in pairwise(edges)
        )
    both = alive if total == 0 else np.logaddexp(alive, math.log(m.s * total) + f(t_x))
    constant = gammaln(m.r + x) - gammaln(m.r) + m.r * math.log(m.alpha) + m.s * math.log(m.beta)
    return constant + both


def beta_geo_by_logs(m, x, t_x, T):
    k = x + m.at_first
    constant = gammaln(m.r + x) - gammaln(m.r) + m.r * math.log(m.alpha)
    stays = betaln(m.a, m.b + k) - betaln(m.a, m.b) - (m.r + x) * math.log(m.alpha + T)
    if k == 0:
        return constant + stays
    leaves = betaln(m.a + 1, m.b + k - 1) - betaln(m.a, m.b)
    return constant + np.logaddexp(stays, leaves - (m.r + x) * math.log(m.alpha + t_x))


@pytest.mark.parametrize(
    "model",
    [
        *MODELS,
        ParetoNbd(r=0.5, alpha=1e-3, s=0.05, beta=1e3),
        ParetoNbd(r=30.0, alpha=2e3, s=0.05, beta=1e-2),
        BgNbd(r=1e-3, alpha=1e3, a=1e-3, b=1e3),
    ],
    ids=ids,
)
def test_extreme_customers(model):
    naive = pareto_by_quad if isinstance(model, ParetoNbd) else beta_geo_by_logs
    expected = [naive(model, *c) for c in zip(*EXTREME.values(), strict=True)]
    found = model.log_likelihood(**EXTREME)
    assert np.isfinite(found).all()
    assert found == pytest.approx(expected, rel=1e-10, abs=1e-12)
    assert found[0] == pytest.approx(0, abs=1e-12)  # seen for no time: any history is certain
    mean, gradient = model.mean_log_likelihood(Rows.of(**EXTREME))
    assert mean == pytest.approx(np.mean(expected), rel=1e-10)
    assert np.isfinite(gradient).all()
    alive = model.p_alive(**EXTREME)
    assert ((alive >= 0) & (alive <= 1)).all()
    assert alive[[3, 5, 6]] == pytest.approx(
        [1 / (1 + k) for k in instant_odds(model, [1, 1000, 1000])], rel=1e-9
    )
    later = model.expected_purchases(26.0, **EXTREME)
    assert np.isfinite(later).all()
    assert (later >= 0).all()


def instant_odds(model, x):
    """Odds of having left at the very last purchase, T = t_x."""
    if isinstance(model, ParetoNbd):
        return [0.0 for _ in x]
    return [model.a / (model.b + k + model.at_first - 1) for k in x]


def test_without_a_repeat_nobody_has_left_in_bgnbd():
    assert MODELS[0].p_alive(**customers(x=[0], t_x=[0], T=[500])) == [1.0]
    assert MODELS[2].p_alive(**customers(x=[0], t_x=[0], T=[500])) < 0.6


# --- expectations by integration over the customers ---------------------------------------------
def purchases_by_quad(m, t, x, T):
    """E[(1 - exp(-rate p t)) / p] with the rate integrated out, over p by quadrature."""
    B, R, A = m.b + x + m.at_first, m.r + x, m.alpha + T

    def f(v):  # p = v^(1/a) takes the pole of the beta density away
        p = v ** (1 / m.a)
        bought = -math.expm1(-R * math.log1p(p * t / A)) / p if p > 1e-12 else R * t / A
        return (1 - p) ** (B - 1) * bought if B >= 1 or p < 1 else 0.0

    edges = [0, 1e-8, 1e-5, 1e-3, 1e-2, 0.05, 0.2, 0.5, 0.9, 0.99, 0.9999, 1]
    total = sum(quad(f, *e, epsabs=1e-300, epsrel=1e-10, limit=200)[0] for e in pairwise(edges))
    return total / (m.a * math.exp(betaln(m.a, B)))


@pytest.mark.parametrize(
    "model",
    [
        *MODELS[:3],
        BgNbd(r=0.5, alpha=8.0, a=1.0, b=2.5),
        BgNbd(r=0.5, alpha=8.0, a=1.00002, b=2.5),
        BgNbd(r=0.5, alpha=8.0, a=1.003, b=2.5),
    ],
    ids=lambda m: f"{ids(m)}-a{m.a}",
)
@pytest.mark.parametrize("horizon", [0.01, 5.0, 39.0, 2000.0])
def test_expected_purchases_of_the_living(model, horizon):
    one = customers(x=[0, 2, 7, 300], T=[27, 38.86, 1, 300])
    expected = [purchases_by_quad(model, horizon, *c) for c in zip(one["x"], one["T"], strict=True)]
    # One minus a power near one loses digits at short horizons: 1e-16 / (0.01 / 40).
    assert model.expected_alive(horizon, **one) == pytest.approx(expected, rel=2e-8)


def test_poles_of_the_formula_are_no_poles_of_the_value():
    # a = 1, and a + b = 1 for a customer without a repeat.
    for hit, beside in (((1.0, 2.0), (1.0001, 2.0)), ((0.4, 0.6), (0.4, 0.60005))):
        found, near = (
            BgNbd(r=0.5, alpha=8.0, a=a, b=b).expected([1.0, 50.0]) for a, b in (hit, beside)
        )
        assert found == pytest.approx(near, rel=2e-4)
        assert (found > 0).all()


@each_model
def test_the_predictive_distribution_adds_up(model):
    one = customers(x=[0, 2, 9], t_x=[0, 30.43, 38], T=[20, 38.86, 39])
    chances = np.array([model.probability(k, 13.0, **one) for k in range(200)])
    assert (chances >= 0).all()
    assert chances.sum(axis=0) == pytest.approx(np.ones(3), abs=1e-6)
    mean = np.arange(200) @ chances
    assert mean == pytest.approx(model.expected_purchases(13.0, **one), rel=1e-4)


@each_model
def test_drawn_futures_follow_the_predictive_distribution(model):
    n, rng = 40_000, np.random.default_rng(20_260_611)
    one = customers(x=[4] * n, t_x=[30] * n, T=[36] * n)
    drawn = model.draw_future(13.0, **one, rng=rng)
    for k in range(4):
        p = model.probability(k, 13.0, **customers(x=[4], t_x=[30], T=[36]))[0]
        assert (drawn == k).mean() == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / n))


@each_model
def test_drawn_histories_have_the_expected_length(model):
    rng = np.random.default_rng(7)
    T = np.full(40_000, 39.0)
    x, t_x = model.draw(T, rng)
    assert x.mean() == pytest.approx(model.expected(39.0), abs=4 * x.std() / 200)
    assert ((t_x > 0) == (x > 0)).all()
    assert (t_x <= T).all()


# --- discounting --------------------------------------------------------------------------------
def test_discounted_purchases_of_paretonbd_are_the_closed_form():
    # Fader, Hardie and Lee (2005), JMR 42(4), equation 2, with the confluent function of Tricomi.
    m, rate = MODELS[3], 0.0027
    one = customers(x=[0, 2, 12], t_x=[0, 30.43, 35], T=[27, 38.86, 38.86])
    z = rate * (m.beta + one["T"])
    per = (m.r + one["x"]) / (m.alpha + one["T"]) * (m.beta + one["T"])
    expected = m.p_alive(**one) * per * z ** (m.s - 1) * hyperu(m.s, m.s, z)
    assert m.discounted_purchases(rate, **one) == pytest.approx(expected, rel=1e-9)


@each_model
@pytest.mark.parametrize("horizon", [26.0, 520.0])
def test_discounting_week_by_week(model, horizon):
    one = customers(x=[0, 2, 12], t_x=[0, 30.43, 35], T=[27, 38.86, 38.86])
    rate, steps = 0.0027, np.linspace(0, horizon, 1041)
    total = np.zeros(3)
    bought = [np.zeros(3)] + [model.expected_purchases(t, **one) for t in steps[1:]]
    for (a, b), (before, after) in zip(pairwise(steps), pairwise(bought), strict=True):
        total += math.exp(-rate * (a + b) / 2) * (after - before)
    found = model.discounted_purchases(rate, horizon=horizon, **one)
    # The middle of half a week stands for all of it: an error of the second order.
    assert found == pytest.approx(total, rel=1e-5)
    undiscounted = model.discounted_purchases(0.0, horizon=horizon, **one)
    assert undiscounted == pytest.approx(model.expected_purchases(horizon, **one), rel=1e-12)
    assert (model.discounted_purchases(rate, **one) > found).all()


def test_an_endless_horizon_needs_a_rate():
    with pytest.raises(ValueError, match="endless"):
        MODELS[0].discounted_purchases(0.0, **SOME)


# --- fits ---------------------------------------------------------------------------------------
def drawn(model, n, seed, *, days=False):
    rng = np.random.default_rng(seed)
    T = rng.integers(26, 79, n).astype(float)
    x, t_x = model.draw(T, rng)
    if days:
        t_x = np.minimum(np.ceil(t_x), T)
    return pl.DataFrame({"frequency": x.astype(int), "recency": t_x, "T": T})


@pytest.mark.parametrize("model", [MODELS[0], MODELS[2], MODELS[3]], ids=ids)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_known_parameters_are_found_again(model, seed):
    fit = FITS[type(model)](drawn(model, 4_000, seed))
    assert fit.converged
    for row in fit.table.iter_rows(named=True):
        error = row["standard_error"] / row["estimate"]
        # Three standard errors, of the logarithm.
        assert abs(math.log(row["estimate"] / model[row["parameter"]])) < 3 * error
        assert row["low"] < row["estimate"] < row["high"]


@pytest.mark.parametrize("model", [MODELS[0], MODELS[2], MODELS[3]], ids=ids)
def test_weights_are_repeated_rows(model):
    summary = drawn(model, 1_000, 5, days=True)
    unique = summary.group_by("frequency", "recency", "T").agg(count=pl.len())
    assert unique.height < 900  # the case must exercise the rule
    one, other = FITS[type(model)](summary), FITS[type(model)](unique)
    assert one.unique_rows == other.unique_rows == unique.height
    assert one.loglik == pytest.approx(other.loglik, rel=1e-12)
    assert list(one.params.theta) == pytest.approx(list(other.params.theta), rel=1e-9)
    assert one.customers == other.customers == 1_000


row = st.tuples(st.integers(0, 30), st.integers(0, 50), st.integers(0, 50))


@given(st.lists(row, min_size=1, max_size=12), st.lists(st.integers(1, 5), min_size=12))
@settings(deadline=None, max_examples=60)
def test_compression_does_not_change_the_likelihood(drawn_rows, counts):
    history = [(x, t_x if x else 0, (t_x if x else 0) + more) for x, t_x, more in drawn_rows]
    frame = pl.DataFrame(history, schema=["frequency", "recency", "T"], orient="row")
    frame = frame.with_columns(count=pl.Series(counts[: len(history)]))
    whole = frame.select(pl.col("frequency", "recency", "T").repeat_by("count"))
    whole = whole.explode("frequency", "recency", "T")
    for model in (MODELS[0], MODELS[2], MODELS[3]):
        one, slope = model.mean_log_likelihood(rows(checked(frame, frame.columns[:3])))
        other, same = model.mean_log_likelihood(rows(checked(whole, whole.columns)))
        letters = dict(
            zip(("x", "t_x", "T"), (c.to_numpy().astype(float) for c in whole), strict=True)
        )
        assert one == pytest.approx(other, rel=1e-12, abs=1e-13)
        assert slope == pytest.approx(same, rel=1e-9, abs=1e-11)
        assert one == pytest.approx(model.log_likelihood(**letters).mean(), rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("model", [MODELS[0], MODELS[3]], ids=ids)
def test_the_unit_of_time_scales_times_and_nothing_else(model):
    weeks = drawn(model, 2_000, 9)
    days = weeks.with_columns(pl.col("recency", "T") * 7)
    by_week, by_day = FITS[type(model)](weeks), FITS[type(model)](days, BtydSpec(unit="days"))
    for name in by_week.params:
        factor = 7 if name in ("alpha", "beta") else 1
        assert by_day.params[name] == pytest.approx(factor * by_week.params[name], rel=1e-6)
    # The density of x moments in days is 7^-x of that in weeks.
    change = weeks["frequency"].sum() * math.log(7)
    assert by_day.loglik == pytest.approx(by_week.loglik - change, rel=1e-10)
    ahead = by_week.predict(weeks, horizon=13.0)["expected"]
    assert by_day.predict(days, horizon=91.0)["expected"].to_list() == pytest.approx(
        ahead.to_list(), rel=1e-6
    )


def test_the_order_of_customers_does_not_matter():
    summary = drawn(MODELS[0], 2_000, 11)
    mixed = summary.sample(fraction=1.0, shuffle=True, seed=3)
    assert dict(bgnbd.fit(summary).params) == dict(bgnbd.fit(mixed).params)


def test_the_profile_interval_is_where_the_likelihood_has_fallen():
    summary = drawn(MODELS[0], 2_000, 13)
    fit = bgnbd.fit(summary)
    interval = fit.profile("a")
    assert interval.low < fit.params.a < interval.high
    # At the end of the interval, the best of the others lies 3.84 / 2 below the top.
    for end in (interval.low, interval.high):
        best = best_with(fit, a=end)
        assert fit.loglik - best == pytest.approx(3.841458820694124 / 2, abs=1e-4)
    with pytest.raises(ValueError, match="one of r, alpha, a, b"):
        fit.profile("s")


def best_with(fit, *, a):
    """Climb r, alpha and b by a search that knows no gradient."""
    from scipy.optimize import minimize

    def down(theta):
        r, alpha, b = np.exp(theta)
        model = BgNbd(r=r, alpha=alpha, a=a, b=b)
        return -model.mean_log_likelihood(fit._rows)[0]

    start = np.delete(fit.params.theta, 2)
    options = {"xatol": 1e-9, "fatol": 1e-13, "maxiter": 4_000, "maxfev": 4_000}
    return -minimize(down, start, method="Nelder-Mead", options=options).fun * fit.customers


@pytest.mark.parametrize("fit", [bgnbd.fit, mbgnbd.fit, paretonbd.fit])
def test_a_population_that_never_leaves_is_a_degenerate_fit(fit):
    rng = np.random.default_rng(1)
    T = np.round(rng.uniform(20, 60, 3_000))
    x = rng.poisson(rng.gamma(0.5, 0.2, 3_000) * T)
    t_x = np.where(x > 0, T * rng.random(3_000) ** (1 / np.maximum(x, 1)), 0.0)
    found = fit(pl.DataFrame({"frequency": x, "recency": t_x, "T": T}))
    assert not found.converged
    assert "boundary" in {w.code for w in found.warnings}
    assert "Do not read" in str(found.warnings[0])
    assert "withheld" in found.headline("en")


@pytest.mark.parametrize("fit", [bgnbd.fit, mbgnbd.fit, paretonbd.fit])
def test_customers_without_differences_are_a_degenerate_fit(fit):
    same = pl.DataFrame({"frequency": [5] * 50, "recency": [30.0] * 50, "T": [30.0] * 50})
    found = fit(same)
    assert not found.converged
    assert found.warnings


def test_a_handful_of_customers_is_a_vague_fit():
    few = drawn(MODELS[2], 4_000, 3).filter(pl.col("frequency") > 0).head(12)
    found = mbgnbd.fit(few)
    assert {w.code for w in found.warnings} & {"flat", "boundary"}


def test_a_headline_says_how_many_are_active():
    fit = bgnbd.fit(drawn(MODELS[0], 2_000, 17))
    assert "2,000" in fit.headline("en")
    assert "2.000" in fit.headline("tr")


# --- Gamma-Gamma --------------------------------------------------------------------------------
def spenders(model, n, seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(1, 9, n)
    rate = rng.gamma(model.q, 1 / model.gamma, n)
    return pl.DataFrame({"frequency": x, "monetary": rng.gamma(model.p * x) / rate / x})


@pytest.mark.parametrize("seed", [101, 102, 103])
def test_known_spending_is_found_again(seed):
    truth = GammaGamma(p=6.25, q=3.74, gamma=15.44)
    fit = gammagamma.fit(spenders(truth, 3_000, seed))
    assert fit.converged
    for name in truth:
        error = fit.standard_errors[name] / fit.params[name]
        assert abs(math.log(fit.params[name] / truth[name])) < 3 * error
    assert abs(fit.correlation) < 0.06


def test_spending_is_shrunk_towards_the_population():
    model = GammaGamma(p=6.25, q=3.74, gamma=15.44)
    found = model.expected_spend(x=np.array([0.0, 1, 10, 1e6]), m=np.array([0.0, 100, 100, 100]))
    assert found[0] == pytest.approx(model.mean, rel=1e-12)
    assert found[0] < found[1] < found[2] < found[3] < 100 + 1e-3


def test_spending_by_integration_over_the_customer_s_rate():
    # Posterior of the rate v: gamma with p x + q and gamma + x m; mean spend is p / v.
    m = GammaGamma(p=2.0, q=3.0, gamma=10.0)
    shape, rate = m.p * 4 + m.q, m.gamma + 4 * 25.0
    log = shape * math.log(rate) - gammaln(shape)
    integral, _ = quad(
        lambda v: m.p / v * math.exp(log + (shape - 1) * math.log(v) - rate * v), 0, 2, limit=200
    )
    found = m.expected_spend(x=np.array([4.0]), m=np.array([25.0]))
    assert found == pytest.approx([integral], rel=1e-8)


def test_worthless_visits_are_reported():
    summary = spenders(GammaGamma(p=6.0, q=4.0, gamma=15.0), 200, 4).with_columns(
        not_positive=pl.lit(0)
    )
    odd = pl.DataFrame(
        {"frequency": [0, 2, 3], "monetary": [None, 0.0, -5.0], "not_positive": [0, 2, 1]}
    )
    fit = gammagamma.fit(pl.concat([summary, odd], how="vertical_relaxed"))
    assert (fit.customers, fit.without_repeat, fit.without_value) == (200, 1, 2)
    assert fit.visits_not_positive == 3
    spends = fit.predict(odd)["expected_spend"]
    assert spends.to_list() == pytest.approx([fit.params.mean] * 3)


def test_correlated_spending_is_warned_of():
    summary = spenders(GammaGamma(p=6.0, q=4.0, gamma=15.0), 2_000, 4)
    tied = summary.with_columns(monetary=pl.col("monetary") * pl.col("frequency"))
    assert "correlated" in {w.code for w in gammagamma.fit(tied).warnings}
    assert "correlated" not in {w.code for w in gammagamma.fit(summary).warnings}


def test_spending_without_a_mean_is_not_predicted():
    summary = spenders(GammaGamma(p=6.0, q=0.6, gamma=15.0), 2_000, 4)
    fit = gammagamma.fit(summary)
    assert "no_mean" in {w.code for w in fit.warnings}
    assert fit.params.mean == math.inf
    assert fit.predict(summary)["expected_spend"].is_nan().all()


# --- bad input ----------------------------------------------------------------------------------
GOOD = {"frequency": [2, 0] * 20, "recency": [30.0, 0.0] * 20, "T": [38.0, 27.0] * 20}


def broken(**cells):
    return pl.DataFrame({n: [cells.get(n, c[0]), *c[1:]] for n, c in GOOD.items()}, strict=False)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (broken(recency=-1.0), "1 rows have a negative recency"),
        (broken(T=-1.0), "negative T"),
        (broken(T=None), "no T"),
        (broken(T=math.nan), "not finite"),
        (broken(recency=math.inf), "not finite"),
        (broken(recency=39.0), "longer than T"),
        (broken(recency=210.0), "one unit of time"),
        (broken(frequency=0), "no repeat purchase"),
        (broken(frequency=1.5), "fractional frequency"),
        (broken(frequency=-1), "negative frequency"),
        (pl.DataFrame(GOOD).drop("T"), "missing T; it has frequency, recency"),
        (pl.DataFrame(GOOD).with_columns(T=pl.lit("x")), "T must be a number"),
        (pl.DataFrame(GOOD).with_columns(unit=pl.lit("days")), "times are in days"),
        (
            pl.concat(pl.DataFrame(GOOD).with_columns(unit=pl.lit(u)) for u in ("days", "weeks")),
            "days, weeks",
        ),
        (pl.DataFrame(GOOD).with_columns(count=pl.lit(1.5)), "fractional count"),
    ],
)
def test_bad_rows_are_refused(frame, words):
    with pytest.raises(ContractError, match=words):
        bgnbd.fit(frame)


@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame(GOOD).head(1),
        pl.DataFrame(GOOD).head(0),
        pl.DataFrame(GOOD).filter(pl.col("frequency") == 0),
    ],
    ids=["one customer", "nobody", "nobody again"],
)
@pytest.mark.parametrize("fit", [bgnbd.fit, mbgnbd.fit, paretonbd.fit])
def test_too_few_customers_are_refused(frame, fit):
    with pytest.raises(TooFewCustomersError, match="at least 10"):
        fit(frame)


def test_predictions_check_their_summary_and_unit():
    fit = bgnbd.fit(drawn(MODELS[0], 500, 2))
    with pytest.raises(ContractError, match="longer than T"):
        fit.predict(broken(recency=39.0), horizon=4.0)
    with pytest.raises(ValueError, match="horizon in days"):
        fit.predict(pl.DataFrame(GOOD), horizon=4.0, unit="days")
    with pytest.raises(ValueError, match="positive"):
        fit.predict(pl.DataFrame(GOOD), horizon=0.0)


def test_specs_and_parameters_echo_what_is_wrong():
    with pytest.raises(ValueError, match="'years'"):
        BtydSpec(unit="years")
    with pytest.raises(ValueError, match="alpha must be positive and finite, got -1"):
        BgNbd(r=1.0, alpha=-1.0, a=1.0, b=1.0)
    with pytest.raises(KeyError):
        MODELS[0]["s"]
