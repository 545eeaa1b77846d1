"""Kernels against statsmodels and scipy, and against counting how often they are right."""

import math

import numpy as np
import pytest

from crmlib.campaigns import contrasts
from crmlib.campaigns.contrasts import Moments


def arm(values, before=None):
    """Moments of raw numbers, another way than the cells."""
    x = np.zeros(len(values)) if before is None else before
    joint = np.cov(values, x)
    return Moments(len(values), values.mean(), joint[0, 0], x.mean(), joint[1, 1], joint[0, 1])


def rate(hits, n):
    return Moments(n, hits / n, hits / n * (1 - hits / n) * n / (n - 1))


@pytest.mark.parametrize(
    ("a", "n", "b", "m"), [(15, 148, 11, 100), (56, 70, 48, 80), (0, 50, 9, 60)]
)
def test_rates_are_those_of_statsmodels(a, n, b, m):
    from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

    found = contrasts.rates(rate(a, n), rate(b, m))
    wanted = confint_proportions_2indep(a, n, b, m, method="newcomb")
    assert (found.interval.low, found.interval.high) == pytest.approx(wanted, abs=1e-12)
    z, p = proportions_ztest([a, b], [n, m])
    assert (found.statistic, found.p_value) == pytest.approx((z, p), rel=1e-9)


def test_newcombes_own_examples():
    """Witness: Newcombe 1998, table II, method 10: 56/70 - 48/80 is .0524 to .3339."""
    found = contrasts.rates(rate(56, 70), rate(48, 80)).interval
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    found = contrasts.rates(rate(10, 10), rate(0, 10)).interval
    assert (found.low, found.high) == pytest.approx((0.6075, 1.0), abs=5e-5)


def test_means_and_equivalence_are_those_of_statsmodels():
    from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

    rng = np.random.default_rng(1)
    a, b = rng.gamma(1, 20, 70), rng.gamma(2, 9, 45)
    found = contrasts.means(arm(a), arm(b))
    both = CompareMeans(DescrStatsW(a), DescrStatsW(b))
    t, p, df = both.ttest_ind(usevar="unequal")
    assert (found.statistic, found.p_value, found.df) == pytest.approx((t, p, df), rel=1e-9)
    wanted = both.tconfint_diff(usevar="unequal")
    assert (found.interval.low, found.interval.high) == pytest.approx(wanted, rel=1e-9)
    for margin in (2.0, 9.0, 15.0):
        wanted_p = both.ttost_ind(-margin, margin, usevar="unequal")[0]
        assert contrasts.equivalence(found, margin) == pytest.approx(wanted_p, rel=1e-8)


def test_relative_change_by_small_steps():
    """The delta method's error, with the gradient taken by hand."""
    one, zero = Moments(900, 12.0, 400.0), Moments(500, 10.0, 300.0)
    share, interval = contrasts.relative(one, zero)
    step = 1e-6
    by_one = ((12 + step) / 10 - (12 - step) / 10) / (2 * step)
    by_zero = (12 / (10 + step) - 12 / (10 - step)) / (2 * step)
    error = math.sqrt(by_one**2 * 400 / 900 + by_zero**2 * 300 / 500)
    assert share == pytest.approx(0.2)
    assert interval.high - share == pytest.approx(1.959964 * error, rel=1e-6)


def test_no_relative_change_of_nearly_nothing():
    assert contrasts.relative(Moments(50, 2.0, 9.0), Moments(50, 0.5, 9.0)) == (None, None)


def test_holm_is_that_of_statsmodels():
    from statsmodels.stats.multitest import multipletests

    p = [0.04, 0.001, 0.5, 0.02, 0.013]
    assert contrasts.holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert math.isnan(contrasts.holm([0.01, math.nan])[1])
    assert contrasts.holm([0.01, math.nan])[0] == 0.02


def test_chi_squares_are_those_of_scipy():
    from scipy.stats import chi2_contingency, chisquare

    counts, shares = {"a": 5_020, "b": 1_180, "c": 3_800}, {"a": 5, "b": 1.2, "c": 3.8}
    wanted = chisquare(list(counts.values()), [5_000, 1_200, 3_800])
    assert contrasts.chi_square(counts, shares) == pytest.approx(tuple(wanted))
    table = [[12, 40, 0], [30, 22, 0], [9, 9, 0]]
    wanted = chi2_contingency([row[:2] for row in table], correction=False)[:2]
    assert contrasts.independence(table) == pytest.approx(wanted)


def test_cuped_saves_the_squared_correlation():
    rng = np.random.default_rng(2)
    x, y = rng.multivariate_normal([5, 9], [[4, 3], [3, 4]], (2, 20_000)).transpose(2, 0, 1)
    one, zero = arm(y[0] + 0.1, x[0]), arm(y[1], x[1])
    found = contrasts.cuped(one, zero, contrasts.theta_of([one, zero]))
    assert found.theta == pytest.approx(0.75, abs=0.02)
    assert found.saved == pytest.approx(0.5625, abs=0.02)
    assert found.contrast.interval.low < 0.1 < found.contrast.interval.high


def test_cuped_may_cost_and_says_so():
    """A slope of other data makes things worse."""
    one = zero = Moments(100, 1.0, 4.0, 0.0, 4.0, 0.1)
    assert contrasts.cuped(one, zero, 2.0).saved < 0


def test_customers_who_are_all_alike():
    flat = Moments(50, 3.0, 0.0)
    assert math.isnan(contrasts.means(flat, flat).p_value)
    found = contrasts.rates(Moments(50, 0.0, 0.0), Moments(80, 0.0, 0.0))
    assert math.isnan(found.p_value)
    assert found.interval.low < 0 < found.interval.high


# --- How often they are right ---------------------------------------------------------------------

ERROR3 = 3 * math.sqrt(0.05 * 0.95 / 2_000)


@pytest.mark.parametrize(("n", "m", "p", "q"), [(400, 400, 0.03, 0.02), (2_000, 250, 0.1, 0.1)])
def test_newcombe_holds_the_truth(n, m, p, q):
    rng = np.random.default_rng(11)
    held = 0
    for a, b in zip(rng.binomial(n, p, 2_000), rng.binomial(m, q, 2_000), strict=True):
        held += not contrasts.rates(rate(a, n), rate(b, m)).interval.excludes(p - q)
    assert held / 2_000 == pytest.approx(0.95, abs=ERROR3 + 0.01)


def test_welch_relative_and_cuped_hold_the_truth():
    rng = np.random.default_rng(12)
    held = np.zeros(3)
    for _ in range(2_000):
        x = rng.gamma(2, 5, 900)
        y = 0.8 * x + rng.gamma(2, 4, 900)
        y[:500] += 3
        one, zero = arm(y[:500], x[:500]), arm(y[500:], x[500:])
        theta = contrasts.theta_of([one, zero])
        intervals = (
            (contrasts.means(one, zero).interval, 3.0),
            (contrasts.relative(one, zero)[1], 3 / 16),
            (contrasts.cuped(one, zero, theta).contrast.interval, 3.0),
        )
        held += [not interval.excludes(truth) for interval, truth in intervals]
    assert held / 2_000 == pytest.approx(np.full(3, 0.95), abs=ERROR3)
