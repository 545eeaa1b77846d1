"""Power, looking early, boundaries: against published tables, statsmodels and simulation."""

import math

import numpy as np
import polars as pl
import pytest

from crmlib.campaigns import power, sequential
from crmlib.campaigns.power import Baseline, PowerSpec

# Jennison, Turnbull (2000), tables 2.1 and 2.3: two-sided .05.
OBF = {
    2: (2.797, 1.977),
    3: (3.471, 2.454, 2.004),
    4: (4.049, 2.863, 2.337, 2.024),
    5: (4.562, 3.226, 2.634, 2.281, 2.040),
}
POCOCK = {2: 2.178, 3: 2.289, 4: 2.361, 5: 2.413}
# Armitage, McPherson, Rowe (1969): found at 1.96 though there is nothing.
PEEKING = {2: 0.083, 5: 0.142, 10: 0.193, 20: 0.248}


@pytest.mark.parametrize("looks", OBF)
def test_obrien_fleming(looks):
    assert sequential.boundaries("obf", looks) == pytest.approx(OBF[looks], abs=6e-4)


@pytest.mark.parametrize("looks", POCOCK)
def test_pocock(looks):
    assert sequential.boundaries("pocock", looks) == pytest.approx(
        [POCOCK[looks]] * looks, abs=6e-4
    )


@pytest.mark.parametrize("looks", PEEKING)
def test_peeking(looks):
    assert sequential.peeking(looks) == pytest.approx(PEEKING[looks], abs=6e-4)


def test_crossing_is_what_simulation_finds_at_uneven_looks():
    told, bounds = (0.1, 0.45, 0.5, 1.0), (2.5, 2.2, 2.1, 2.0)
    rng = np.random.default_rng(5)
    steps = np.sqrt(np.diff([0, *told])) * rng.standard_normal((400_000, 4))
    z = steps.cumsum(axis=1) / np.sqrt(told)
    share = (np.abs(z) >= bounds).any(axis=1).mean()
    error = math.sqrt(share * (1 - share) / 400_000)
    assert sequential.crossing(bounds, told) == pytest.approx(share, abs=4 * error)


@pytest.mark.parametrize("shape", ["obf", "pocock"])
def test_repeated_p_is_the_error_at_the_boundary(shape):
    for look, bound in enumerate(sequential.boundaries(shape, 4, 0.05), start=1):
        assert sequential.repeated_p(bound, look, shape, 4) == pytest.approx(0.05, abs=1e-9)
        assert sequential.repeated_p(bound + 0.1, look, shape, 4) < 0.05


def test_one_look_is_the_usual_test():
    assert sequential.boundaries("obf", 1) == pytest.approx([1.959964], abs=1e-6)


# --- Power ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "an_arm"), [(0.20, 0.25, 1_094), (0.05, 0.06, 8_158), (0.10, 0.11, 14_751)]
)
def test_published_sizes_of_rates(first, second, an_arm):
    found = power.size(Baseline(first, kind="rate"), second - first)
    assert math.ceil(found) == an_arm


def test_published_size_of_means():
    """Witness: Cohen 1988, d = .5 with power .8: 63.77, so 64 an arm."""
    assert power.size(Baseline(0, 1), 0.5) == pytest.approx(63.7656, abs=1e-4)


def test_other_conventions():
    assert math.ceil(power.arcsine_size(0.20, 0.25)) == 1_092
    assert round(power.base_variance_size(0.20, 0.25)) == 1_030


def test_power_is_that_of_statsmodels():
    from statsmodels.stats.power import NormalIndPower, TTestIndPower

    for d, n, ratio in ((0.5, 20, 1), (0.1, 400, 3), (0.02, 50_000, 9)):
        wanted = TTestIndPower().power(d, n, 0.05, ratio)
        assert power.power(Baseline(0, 1), d, ratio * n, n) == pytest.approx(wanted, abs=1e-6)
    h = 2 * math.asin(math.sqrt(0.25)) - 2 * math.asin(math.sqrt(0.2))
    wanted = NormalIndPower().solve_power(h, power=0.8, alpha=0.05)
    assert power.arcsine_size(0.2, 0.25) == pytest.approx(wanted, rel=1e-5)  # both tails


def test_power_of_rates_is_what_simulation_finds():
    """The test is the one that is used: pooled z."""
    from crmlib.campaigns.contrasts import Moments, rates

    rng = np.random.default_rng(3)
    n1, n0, p1, p0 = 3_000, 1_000, 0.13, 0.10
    hits = [
        rates(Moments(n1, a / n1, 0), Moments(n0, b / n0, 0)).p_value < 0.05
        for a, b in zip(rng.binomial(n1, p1, 6_000), rng.binomial(n0, p0, 6_000), strict=True)
    ]
    wanted = power.power(Baseline(p0, kind="rate"), p1 - p0, n1, n0)
    assert np.mean(hits) == pytest.approx(wanted, abs=0.02)


@pytest.mark.parametrize("base", [Baseline(0.1, kind="rate"), Baseline(20.0, 55.0, saved=0.3)])
def test_smallest_effect_and_size_undo_power(base):
    least = power.smallest(base, 9_000, 1_000)
    assert power.power(base, least, 9_000, 1_000) == pytest.approx(0.8, abs=1e-9)
    held = power.size(base, least, ratio=9)
    assert held == pytest.approx(1_000, rel=1e-6)


def test_smallest_control_of_a_list():
    base = Baseline(0.1, kind="rate")
    held = power.control_needed(base, 0.02, 20_000)
    assert power.power(base, 0.02, 20_000 - held, held) >= 0.8
    assert power.power(base, 0.02, 20_001 - held, held - 1) < 0.8
    assert power.control_needed(base, 0.001, 20_000) is None


def test_plan_says_when_the_list_is_too_small():
    base = Baseline(0.10, kind="rate")
    small = power.plan(base, PowerSpec(0.01, customers=20_000, control_share=0.1))
    assert not small.enough
    assert "only" in small.headline("en")
    large = power.plan(base, PowerSpec(0.01, customers=small.needed, control_share=0.1))
    assert large.enough
    assert large.reached == pytest.approx(0.8, abs=1e-3)
    assert small.headline("tr") != small.headline("en")
    even = small.curve.filter(control_share=0.5)["power"][0]
    assert even == max(small.curve["power"])


def test_duration_is_gathering_and_window():
    base = Baseline(0.20, kind="rate")
    found = power.plan(base, PowerSpec(0.05, customers_a_day=100, window_days=14))
    assert found.needed == 2 * 1_094
    assert found.days == 22 + 14


def test_several_contrasts_share_the_error():
    base = Baseline(0.20, kind="rate")
    one, three = (power.plan(base, PowerSpec(0.05, contrasts=k)).needed for k in (1, 3))
    wanted = power.size(base, 0.05, alpha=0.05 / 3)
    assert three == 2 * math.ceil(wanted) > one


def test_baseline_from_history():
    rng = np.random.default_rng(4)
    orders = rng.poisson(1.5, 40_000).astype(float)
    value = orders * rng.gamma(4, 10, 40_000)
    before = value + rng.normal(0, 30, 40_000)
    frame = pl.DataFrame({"orders": orders, "value": value, "before": before, "bought": orders > 0})
    frame = frame.with_columns(pl.col("bought").cast(pl.Float64))
    rate = power.baseline(frame, "bought")
    assert (rate.kind, rate.mean) == ("rate", pytest.approx((orders > 0).mean()))
    mean = power.baseline(frame, "value", pre="before")
    assert mean.saved == pytest.approx(np.corrcoef(value, before)[0, 1] ** 2)
    # The ratio's error, against drawing customers again and again.
    ratio = power.baseline(frame, "value", per="orders")
    drawn = [
        value[i].sum() / orders[i].sum()
        for i in (rng.integers(0, 40_000, 40_000) for _ in range(400))
    ]
    assert ratio.sd / math.sqrt(40_000) == pytest.approx(np.std(drawn), rel=0.12)


@pytest.mark.parametrize(
    "wrong", [{"effect": 0.0}, {"effect": 1.0, "power": 1.0}, {"effect": 1.0, "customers": 2}]
)
def test_absurd_questions_are_refused(wrong):
    with pytest.raises(ValueError, match=r"must|least"):
        PowerSpec(**wrong)
