"""Where nothing happened: 2,000 experiments drawn from Hillstrom's customers without mail.

How often is something found? Arms of 10,000; the seeds are fixed.
"""

import math

import numpy as np
import pytest

from crmlib.campaigns import contrasts, sequential
from crmlib.campaigns.contrasts import Moments
from tests.campaigns.conftest import NONE

EXPERIMENTS, ARM = 2_000, 10_000
ERROR3 = 3 * math.sqrt(0.05 * 0.95 / EXPERIMENTS)


@pytest.fixture(scope="module")
def control(rows):
    return rows.filter(arm=NONE)


def uniform(p_values):
    """Chi-square of the deciles: 27.9 is its .999 quantile."""
    counts = np.histogram(p_values, np.linspace(0, 1, 11))[0]
    return ((counts - EXPERIMENTS / 10) ** 2 / (EXPERIMENTS / 10)).sum() < 27.9


def test_rates(control):
    p = control["outcome_visit"].mean()
    rng = np.random.default_rng(21)
    hits = rng.binomial(ARM, p, (EXPERIMENTS, 2))
    found = []
    for a, b in hits:
        one, zero = (Moments(ARM, h / ARM, 0.0) for h in (a, b))
        test = contrasts.rates(one, zero)
        # Counts have ties: half a customer either way, and a draw between.
        se = abs(test.difference / test.statistic) if a != b else math.sqrt(2 * p * (1 - p) / ARM)
        ends = [contrasts.two_sided((abs(a - b) + s) / ARM / se) for s in (0.5, -0.5)]
        ends[1] = 1.0 if a == b else ends[1]
        found.append((test.p_value, rng.uniform(*ends)))
    p_values, spread = np.array(found).T
    assert (p_values < 0.05).mean() == pytest.approx(0.05, abs=ERROR3)
    assert uniform(spread)


def test_means_and_cuped(control):
    y, x = (control[c].to_numpy() for c in ("outcome_spend", "pre_history"))
    rng = np.random.default_rng(22)
    raw, adjusted = [], []
    for _ in range(EXPERIMENTS):
        drawn = rng.integers(0, len(y), (2, ARM))
        one, zero = (_moments(y[i], x[i]) for i in drawn)
        raw.append(contrasts.means(one, zero).p_value)
        theta = contrasts.theta_of([one, zero])
        adjusted.append(contrasts.cuped(one, zero, theta).contrast.p_value)
    for p_values in (np.array(raw), np.array(adjusted)):
        assert (p_values < 0.05).mean() == pytest.approx(0.05, abs=ERROR3)
        assert uniform(p_values)


def _moments(y, x):
    my, mx, n = y.mean(), x.mean(), len(y)
    return Moments(
        n, my, (y @ y - n * my * my) / (n - 1), mx,
        (x @ x - n * mx * mx) / (n - 1), (x @ y - n * mx * my) / (n - 1),
    )  # fmt: skip


def looks(values, rng, *, each, count):
    """Differences and their variances as customers come, ``each`` an arm between two looks."""
    kinds = values.value_counts().sort(values.name)
    amounts, times = kinds[values.name].to_numpy(), kinds["count"].to_numpy()
    drawn = rng.multinomial(each, times / times.sum(), (EXPERIMENTS, 2, count)).cumsum(axis=2)
    n = each * np.arange(1, count + 1)
    mean = drawn @ amounts / n
    variance = drawn @ amounts**2 / n - mean**2
    return mean[:, 0] - mean[:, 1], variance.sum(axis=1) / n


def test_mixture_may_be_looked_at_all_the_time(control):
    rng = np.random.default_rng(23)
    for outcome, scale in (("outcome_spend", 0.4), ("outcome_visit", 0.01)):
        difference, variance = looks(control[outcome], rng, each=500, count=40)
        p = [
            min(sequential.mixture_p(d, v, scale) for d, v in zip(ds, vs, strict=True))
            for ds, vs in zip(difference, variance, strict=True)
        ]
        assert np.mean(np.array(p) < 0.05) <= 0.05 + ERROR3
        naive = np.abs(difference) > 1.96 * np.sqrt(variance)
        assert naive.any(axis=1).mean() > 0.2  # so there was something to guard against


def test_group_sequential_keeps_its_error(control):
    rng = np.random.default_rng(24)
    difference, variance = looks(control["outcome_visit"], rng, each=2_000, count=5)
    z = difference / np.sqrt(variance)
    for shape in ("obf", "pocock"):
        crossed = np.abs(z) > sequential.boundaries(shape, 5)
        assert crossed.any(axis=1).mean() == pytest.approx(0.05, abs=ERROR3)


def test_looks_at_one_campaign_day_by_day():
    """The same customers at each look, and more of their days; some buy often, most never."""
    rng = np.random.default_rng(25)
    customers, days, found = 600, 14, []
    for _ in range(EXPERIMENTS):
        habit = rng.gamma(0.3, 0.5, (2, customers, 1))
        bought = rng.poisson(habit, (2, customers, days)).cumsum(axis=2)
        difference = bought[0].mean(axis=0) - bought[1].mean(axis=0)
        variance = bought.var(axis=1).sum(axis=0) / customers
        z = difference / np.sqrt(variance)
        p = min(sequential.mixture_p(d, v, 0.3) for d, v in zip(difference, variance, strict=True))
        looked = z[[2, 6, 13]]
        crossed = [(np.abs(looked) > sequential.boundaries(s, 3)).any() for s in ("obf", "pocock")]
        found.append([p < 0.05, *crossed])
    assert (np.mean(found, axis=0) <= 0.05 + ERROR3).all()


def test_mixture_finds_what_is_there_and_holds_it():
    rng = np.random.default_rng(26)
    truth, held, seen = 0.05, 0, 0
    for _ in range(500):
        steps = rng.normal(truth, math.sqrt(2 / 500), 30)
        n = 500 * np.arange(1, 31)
        difference = steps.cumsum() / np.arange(1, 31)
        intervals = [
            sequential.mixture_interval(d, 2 / k, 0.05) for d, k in zip(difference, n, strict=True)
        ]
        held += all(not i.excludes(truth) for i in intervals)
        seen += any(i.excludes(0) for i in intervals)
        p = [sequential.mixture_p(d, 2 / k, 0.05) for d, k in zip(difference, n, strict=True)]
        assert [i.excludes(0) for i in intervals] == [q < 0.05 for q in p]
    assert held / 500 >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / 500)
    assert seen / 500 > 0.9
