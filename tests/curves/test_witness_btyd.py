"""BG/NBD, MBG/NBD, Pareto/NBD and Gamma-Gamma on the CDNOW sample: published figures.

Fader, Hardie and Lee (2005), Marketing Science 24(2); Batislam, Denizel and Filiztekin (2007);
Fader and Hardie (2013), note 025. Digits beyond the papers' are an independent maximum of the
likelihood with scipy.
"""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from crmlib.curves import bgnbd, clv, gammagamma, mbgnbd, paretonbd, summary
from tests.curves.conftest import CALIBRATION_END, day_of

PARAMETERS = 2e-6  # the witness's own last digits, relative
LOGLIK = 1e-6  # absolute, of about -9,600


@pytest.fixture(scope="module")
def bg(cdnow):
    return bgnbd.fit(cdnow)


@pytest.fixture(scope="module")
def gg(cdnow):
    return gammagamma.fit(cdnow)


def letters(frame):
    names = {"x": "frequency", "t_x": "recency", "T": "T"}
    return {letter: frame[name].cast(pl.Float64).to_numpy() for letter, name in names.items()}


def test_the_summary_is_the_published_one(cdnow):
    assert cdnow.height == 2_357
    assert (cdnow["frequency"] > 0).sum() == 946
    assert cdnow["frequency"].sum() == 2_457
    assert cdnow["recency"].sum() == pytest.approx(16_135.5714, abs=5e-5)
    assert cdnow["T"].sum() == pytest.approx(77_111.2857, abs=5e-5)
    assert cdnow["later"].sum() == 1_882
    assert (cdnow["later"] > 0).sum() == 684


@pytest.mark.parametrize(
    ("model", "expected", "loglik"),
    [
        (bgnbd, (0.24259453, 4.41360243, 0.79292194, 2.4259066), -9582.429206674),
        (paretonbd, (0.55327706, 10.57768389, 0.60623991, 11.66873331), -9594.976178940),
    ],
)
def test_the_published_fits(cdnow, model, expected, loglik):
    fit = model.fit(cdnow)
    assert [fit.params[name] for name in fit.params] == pytest.approx(expected, rel=PARAMETERS)
    assert fit.loglik == pytest.approx(loglik, abs=LOGLIK)
    assert fit.converged
    assert fit.warnings == ()
    assert fit.gradient < 1e-9
    assert (fit.customers, fit.repeaters) == (2_357, 946)


def test_mbgnbd_on_the_summary_that_lifetimes_ships(shared_data):
    # The witness was fitted to the summary rounded to two decimals of a week.
    fit = mbgnbd.fit(pl.read_csv(shared_data / "cdnow" / "cdnow_customers_summary.csv"))
    assert [round(fit.params[n], 3) for n in fit.params] == [0.525, 6.183, 0.891, 1.614]
    assert fit.loglik == pytest.approx(-9582.133, abs=5e-4)


def test_bgnbd_on_the_rounded_summary_is_told_apart(shared_data):
    fit = bgnbd.fit(pl.read_csv(shared_data / "cdnow" / "cdnow_customers_summary.csv"))
    expected = (0.24259, 4.41353, 0.79289, 2.42575)
    assert [round(fit.params[n], 5) for n in fit.params] == list(expected)
    assert fit.loglik == pytest.approx(-9582.4256, abs=5e-5)


def test_gamma_gamma(gg):
    assert dict(gg.params) == pytest.approx(
        {"p": 6.24957253, "q": 3.74422453, "gamma": 15.44351981}, rel=PARAMETERS
    )
    assert gg.loglik == pytest.approx(-4055.917694802, abs=LOGLIK)
    assert gg.converged
    assert (gg.customers, gg.without_repeat, gg.without_value) == (946, 1_411, 0)
    assert gg.visits_not_positive == 0
    assert gg.correlation == pytest.approx(0.1138879194, abs=5e-10)


def test_standard_errors_of_paretonbd(cdnow):
    # CLVTools 0.0476, 0.8427, 0.1873, 6.2105, from a numerical Hessian.
    errors = paretonbd.fit(cdnow).standard_errors
    printed = {"r": 0.0476, "alpha": 0.8427, "s": 0.1873, "beta": 6.2105}
    assert errors == pytest.approx(printed, rel=1e-3)  # r has three digits


ZERO_ROWS_DROPPED = {
    bgnbd: ((0.24390, 4.42244, 0.79251, 2.42294), -9578.1966),
    paretonbd: ((0.55623, 10.60345, 0.60777, 11.73702), -9590.9286),
}
ROWS_NOT_MERGED = {
    bgnbd: ((0.21766, 3.27352, 0.80162, 2.28525), -9743.8910),
    paretonbd: ((0.49800, 8.35149, 0.53528, 8.60736), -9780.7369),
}


@pytest.mark.parametrize("model", [bgnbd, paretonbd])
def test_a_rule_that_drops_rows_of_value_zero_is_told_apart(cdnow_visits, model):
    fit = model.fit(
        summary.of_visits(cdnow_visits.filter(pl.col("value") != 0), until=CALIBRATION_END)
    )
    expected, loglik = ZERO_ROWS_DROPPED[model]
    assert fit.customers == 2_349
    assert [fit.params[n] for n in fit.params] == pytest.approx(expected, abs=6e-6)
    assert fit.loglik == pytest.approx(loglik, abs=5e-5)


@pytest.fixture(scope="module")
def unmerged(cdnow_rows):
    """Return the summary that takes every row for a purchase of its own."""
    first, end = pl.col("day").min(), day_of(CALIBRATION_END)
    later = pl.col("value").sort_by("day", maintain_order=True).slice(1)
    return (
        cdnow_rows.filter(pl.col("day") <= end)
        .group_by("customer_id")
        .agg(
            frequency=pl.len() - 1,
            recency=(pl.col("day").max() - first) / 7,
            T=(end - first) / 7,
            monetary=later.mean(),
        )
    )


@pytest.mark.parametrize("model", [bgnbd, paretonbd])
def test_a_rule_that_does_not_merge_a_day_is_told_apart(unmerged, model):
    fit = model.fit(unmerged)
    expected, loglik = ROWS_NOT_MERGED[model]
    assert (fit.repeaters, unmerged["frequency"].sum()) == (959, 2_603)
    assert [fit.params[n] for n in fit.params] == pytest.approx(expected, abs=6e-6)
    assert fit.loglik == pytest.approx(loglik, abs=5e-5)


def test_gamma_gamma_with_the_first_purchase_is_told_apart(cdnow_visits):
    seen = cdnow_visits.filter(pl.col("day") <= day_of(CALIBRATION_END))
    whole = seen.group_by("customer_id").agg(
        frequency=pl.len() - 1, monetary=pl.col("value").mean()
    )
    # The likelihood of the mean of x + 1 purchases, but with x: the wrong rule.
    fit = gammagamma.fit(whole)
    assert [fit.params[n] for n in fit.params] == pytest.approx((14.3355, 3.9533, 7.2861), abs=6e-5)
    assert fit.loglik == pytest.approx(-4003.931, abs=5e-4)


def test_expected_purchases_of_a_new_customer(bg):
    found = bg.params.expected([1.0, 39.0])
    assert found == pytest.approx([0.0531842884, 1.1950100227], abs=2e-8)
    # lifetimes' test, printed to four places from rounded parameters.
    printed = [0.0078, 0.0532, 0.1506, 1.0405, 1.0437, 1.8580]
    days = [0.1429, 1.0, 3.0, 31.8571, 32.0, 78.0]
    assert bg.params.expected(days) == pytest.approx(printed, abs=6e-5)


def test_one_customer(bg):
    one = pl.DataFrame({"frequency": [2], "recency": [30.43], "T": [38.86]})
    found = bg.predict(one, horizon=39.0, unit="weeks", intervals=True).row(0, named=True)
    assert found["p_alive"] == pytest.approx(0.72660915, abs=2e-8)
    assert found["expected"] == pytest.approx(1.2259068, abs=2e-7)
    assert found["p_alive_low"] < found["p_alive"] < found["p_alive_high"]
    assert found["expected_low"] < 1.2259 < found["expected_high"]


def test_predictions_for_the_holdout(bg, cdnow):
    found = bg.predict(cdnow, horizon=39.0)
    expected, alive, actual = (found[c] for c in ("expected", "p_alive", "later"))
    assert expected.sum() == pytest.approx(1653.40874, abs=1e-4)
    assert alive.mean() == pytest.approx(0.8134398312, abs=5e-8)
    repeaters = found.filter(pl.col("frequency") > 0)
    assert repeaters["p_alive"].mean() == pytest.approx(0.5351772538, abs=5e-8)
    assert np.corrcoef(expected, actual)[0, 1] == pytest.approx(0.6256474519, abs=5e-8)
    assert (expected - actual).abs().mean() == pytest.approx(0.7854542420, abs=5e-8)
    assert found.select(cdnow.columns).equals(cdnow)


def test_expected_spend(gg, cdnow):
    found = gg.predict(cdnow)
    assert gg.params.mean == pytest.approx(35.17037185, abs=2e-6)
    assert found["expected_spend"].mean() == pytest.approx(35.25227346, abs=2e-6)
    repeaters = found.filter(pl.col("frequency") > 0)
    assert repeaters["expected_spend"].mean() == pytest.approx(35.37443326, abs=2e-6)


def test_the_tracking_curve(bg, cdnow_visits):
    birth = cdnow_visits.group_by("customer_id").agg(pl.col("day").min())["day"]
    start = day_of(CALIBRATION_END - timedelta(days=272))  # 1997-01-01
    born = (birth.to_numpy() - start) / 7
    for week, expected in ((39, 2_501.526), (78, 4_165.664)):
        assert bg.params.expected(week - born).sum() == pytest.approx(expected, abs=2e-3)


def test_clv_is_spend_times_discounted_purchases(bg, gg, cdnow):
    result = clv.measure(bg, gg, cdnow, clv.ClvSpec(real_annual_rate=0.15), currency="USD")
    table = result.customers
    product = table["expected_spend"] * table["discounted_purchases"]
    assert table["clv"].to_list() == pytest.approx(product.to_list(), rel=1e-12)
    assert result.total == pytest.approx(table["clv"].sum(), rel=1e-12)
    # Half the margin is half the value; two years are worth less than ever.
    half = clv.measure(bg, gg, cdnow, clv.ClvSpec(real_annual_rate=0.15, margin_rate=0.5))
    assert half.total == pytest.approx(result.total / 2, rel=1e-12)
    two = clv.measure(bg, gg, cdnow, clv.ClvSpec(real_annual_rate=0.15, horizon=104.0))
    assert 0.2 * result.total < two.total < result.total
    assert "$" in result.headline("en")


def test_real_and_nominal_money_are_not_mixed(bg, gg, cdnow):
    with pytest.raises(ValueError, match="real"):
        clv.measure(bg, gg, cdnow, clv.ClvSpec(nominal_annual_rate=0.5))
    with pytest.raises(ValueError, match="one of"):
        clv.ClvSpec(real_annual_rate=0.1, nominal_annual_rate=0.5)
    with pytest.raises(ValueError, match="endless"):
        clv.ClvSpec(real_annual_rate=0.0)


def test_a_rate_is_a_year_s(bg):
    year = clv.ClvSpec(real_annual_rate=0.15).rate("weeks") * 365.25 / 7
    assert np.exp(year) == pytest.approx(1.15, rel=1e-12)
