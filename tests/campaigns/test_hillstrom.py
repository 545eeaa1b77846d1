"""Witness: the published results of Hillstrom's e-mail experiment (MineThatData 2008)."""

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from crmlib.campaigns import bootstrap, cells, grouped, lift, verdict
from crmlib.campaigns.contrasts import independence
from tests.campaigns.conftest import MENS, NONE, WOMENS

COUNTS = {  # customers, visits, buyers, spend
    MENS: (21_307, 3_894, 267, 30_311.69),
    WOMENS: (21_387, 3_238, 189, 23_038.11),
    NONE: (21_306, 2_262, 122, 13_908.33),
}
# Difference, Newcombe's 95 % limits, relative lift, pooled z, p.
RATES = {
    (MENS, "visit"): (0.07658956, 0.06995331, 0.08322674, 0.721405, 22.48604, 5.7e-112),
    (WOMENS, "visit"): (0.04523311, 0.03889410, 0.05157434, 0.426055, 13.94918, 3.2e-44),
    (MENS, "conversion"): (0.00680501, 0.00501434, 0.00864072, 1.188422, 7.38511, 1.52e-13),
    (WOMENS, "conversion"): (0.00311106, 0.00150166, 0.00474547, 0.543313, 3.77956, 0.0001571),
}
# Difference, Welch's 95 % limits, relative lift, t, p.
SPEND = {
    MENS: (0.769827, 0.485140, 1.054515, 1.179289, 5.30014, 1.16e-7),
    WOMENS: (0.424412, 0.168957, 0.679868, 0.650152, 3.25637, 0.001129),
}


@pytest.fixture(scope="module", params=["mart", "rows"])
def measured(request, arms, rows, asked):
    return lift.measure(arms if request.param == "mart" else rows, asked)


def effect(measured, arm, outcome):
    return measured.effects.filter(arm=arm, outcome=outcome).row(0, named=True)


@pytest.mark.parametrize(("arm", "outcome"), RATES)
def test_rates(measured, arm, outcome):
    row = effect(measured, arm, outcome)
    difference, low, high, share, z, p = RATES[arm, outcome]
    assert row["kind"] == "rate"
    assert row["difference"] == pytest.approx(difference, abs=5e-9)
    assert (row["low"], row["high"]) == pytest.approx((low, high), abs=5e-9)
    assert row["relative"] == pytest.approx(share, abs=5e-7)
    assert row["statistic"] == pytest.approx(z, abs=5e-6)
    assert row["p_value"] == pytest.approx(p, rel=5e-3)
    assert row["grade"] == "A"


@pytest.mark.parametrize("arm", SPEND)
def test_spend(measured, arm):
    row = effect(measured, arm, "spend")
    difference, low, high, share, t, p = SPEND[arm]
    assert row["kind"] == "mean"
    assert row["difference"] == pytest.approx(difference, abs=5e-7)
    assert (row["low"], row["high"]) == pytest.approx((low, high), abs=1e-6)
    assert row["relative"] == pytest.approx(share, abs=5e-7)
    assert row["statistic"] == pytest.approx(t, abs=5e-6)
    assert row["p_value"] == pytest.approx(p, rel=5e-3)


@pytest.mark.parametrize("arm", COUNTS)
def test_arms(measured, arm):
    own = measured.arms.filter(arm=arm).row(0, named=True)
    assert own["assigned"] == own["analysed"] == COUNTS[arm][0]


def test_split(measured):
    """Witness: chi-square .2025, p = .904."""
    assert measured.srm.statistic == pytest.approx(0.2025, abs=5e-5)
    assert measured.srm.p_value == pytest.approx(0.904, abs=5e-4)
    assert measured.status == "judged"


def test_visit_by_three_arms():
    table = [[visits, n - visits] for n, visits, _, _ in COUNTS.values()]
    assert independence(table)[0] == pytest.approx(504.4606690356, abs=1e-9)


def test_mart_and_rows_say_the_same(arms, rows, asked):
    one, other = (lift.measure(frame, asked).effects for frame in (arms, rows))
    assert one.schema == other.schema
    for name in one.columns:
        if one.schema[name] == pl.Float64:
            assert one[name].is_null().to_list() == other[name].is_null().to_list()
            pairs = (frame[name].drop_nulls().to_list() for frame in (one, other))
            assert next(pairs) == pytest.approx(next(pairs), rel=1e-7), name
        else:
            assert one[name].to_list() == other[name].to_list()


def test_cuped_fails_honestly(measured):
    """Witness: history saves .44 % of the variance of visits and .04 % of spend's (men's mail)."""
    assert effect(measured, MENS, "visit")["variance_saved"] == pytest.approx(0.0044, abs=5e-5)
    assert effect(measured, MENS, "spend")["variance_saved"] == pytest.approx(0.0004, abs=5e-5)
    said = verdict.cuped_headline(measured, "en")
    assert "saves only 0.4%" in said
    assert "does not help" in said


def test_cuped_is_the_regression_on_arms_and_history(measured, rows):
    """Witness: statsmodels' least squares on both mailings and history."""
    from statsmodels.api import OLS

    arm = rows["arm"]
    design = np.column_stack(
        [np.ones(len(arm)), arm == MENS, arm == WOMENS, rows["pre_history"].to_numpy()]
    ).astype(float)
    for outcome in ("visit", "spend"):
        fitted = OLS(rows[f"outcome_{outcome}"].to_numpy(), design).fit(cov_type="HC1")
        for place, name in ((1, MENS), (2, WOMENS)):
            row = effect(measured, name, outcome)
            assert row["cuped"] == pytest.approx(fitted.params[place], rel=1e-9)
            half = (row["cuped_high"] - row["cuped_low"]) / 2
            assert half / 1.96 == pytest.approx(fitted.bse[place], rel=2e-3)


def test_past_buyers_of_womens_goods(rows, asked):
    """Witness: women's mail +7.31 points for them, +1.11 for others; men's +8.26 and +6.92."""
    spec = replace(asked, outcomes=("visit",), segments=("pre_womens",))
    found = lift.measure(rows, spec).segments
    points = {(r["arm"], r["segment"]): r["difference"] for r in found.rows(named=True)}
    assert points[WOMENS, "1.0"] == pytest.approx(0.0731, abs=5e-5)
    assert points[WOMENS, "0.0"] == pytest.approx(0.0111, abs=5e-5)
    assert points[MENS, "1.0"] == pytest.approx(0.0826, abs=5e-5)
    assert points[MENS, "0.0"] == pytest.approx(0.0692, abs=5e-5)
    differ = dict(found.select("arm", "heterogeneity_p").unique().rows())
    assert differ[WOMENS] < 1e-20
    assert differ[MENS] > 0.01


def test_bootstrap_agrees_with_welch(rows, measured):
    rng = np.random.default_rng(8)
    for arm in (MENS, WOMENS):
        one, zero = (rows.filter(arm=a)["outcome_spend"] for a in (arm, NONE))
        drawn = bootstrap.by_rows(one, zero, rng=rng, replicates=4_000)
        row = effect(measured, arm, "spend")
        assert drawn.difference == pytest.approx(row["difference"], abs=1e-9)
        half = (row["high"] - row["low"]) / 2
        assert drawn.error * 1.96 == pytest.approx(half, rel=0.04)
        assert drawn.interval.low == pytest.approx(row["low"], abs=0.07 * half)
        assert drawn.interval.high == pytest.approx(row["high"], abs=0.07 * half)


def test_folds_agree_with_welch_and_newcombe(measured, arms):
    """64 folds know an interval's length to about 9 %: chi-square with 63 degrees of freedom."""
    for row in measured.effects.rows(named=True):
        length = row["high"] - row["low"]
        assert (row["fold_high"] - row["fold_low"]) / length == pytest.approx(1, abs=0.27)
        own = cells.of_mart(arms, -1).filter(outcome=row["outcome"])
        drawn = bootstrap.by_folds(own, row["arm"], NONE, rng=np.random.default_rng(2))
        drawn_length = drawn.interval.high - drawn.interval.low
        assert drawn_length / (row["fold_high"] - row["fold_low"]) == pytest.approx(1, abs=0.1)


def test_winsorised_sums_are_those_of_cut_rows(arms, rows, asked):
    spec = replace(asked, outcomes=("spend",), winsorised=True, pre="")
    row = lift.measure(arms, spec).effects.row(0, named=True)
    spend = rows["outcome_spend"]
    some = spend.filter(spend > 0).sort()
    cap = some[math.ceil(0.99 * len(some)) - 1]
    means = rows.with_columns(cut=spend.clip(-cap, cap)).group_by("arm").agg(pl.col("cut").mean())
    found = dict(means.rows())
    assert row["difference"] == pytest.approx(found[row["arm"]] - found[NONE], abs=1e-9)


def test_regressions_from_cells_are_those_of_the_rows(arms, rows):
    """Witness: statsmodels on 64,000 rows."""
    from statsmodels.api import GLM, OLS, families

    arm = rows["arm"]
    dummies = np.column_stack([np.ones(len(arm)), arm == MENS, arm == WOMENS]).astype(float)
    visit = rows["outcome_visit"].to_numpy()
    by_rows = GLM(visit, dummies, families.Binomial()).fit(tol=1e-12)
    mart = cells.of_mart(arms, -1)
    by_cells = grouped.logistic(mart.filter(outcome="visit"), NONE)
    for place, name in ((1, MENS), (2, WOMENS)):
        assert by_cells[name].estimate == pytest.approx(by_rows.params[place], rel=1e-8)
        assert by_cells[name].error == pytest.approx(by_rows.bse[place], rel=1e-8)
    design = np.column_stack([dummies, rows["pre_history"].to_numpy()])
    least = OLS(rows["outcome_spend"].to_numpy(), design).fit()
    own = grouped.linear(mart.filter(outcome="spend", pre="history"), NONE)
    for place, name in ((1, MENS), (2, WOMENS), (3, "pre")):
        assert own[name].estimate == pytest.approx(least.params[place], rel=1e-8)
        assert own[name].error == pytest.approx(least.bse[place], rel=1e-8)


def test_verdict_in_both_languages(measured):
    english, turkish = (measured.headline(lang) for lang in ("en", "tr"))
    assert "Mens E-Mail: visit up by 7.66 points (7.00 to 8.32)" in english
    assert "7,66" in turkish
    assert english != turkish


def test_nothing_is_known_without_the_control(rows):
    """The same mail with nobody held out: no effect, no return, but what to do next time."""
    mailed = rows.filter(arm=WOMENS)
    found = lift.measure(mailed, lift.LiftSpec(None, ("visit",), worth_finding=0.2))
    assert found.status == "unmeasurable"
    assert found.effects.is_empty()
    assert found.hold_out is not None
    assert f"Hold out {found.hold_out:,} customers" in found.headline("en")
    mean = 3_238 / 21_387
    from statsmodels.stats.power import TTestIndPower

    ratio = (21_387 - found.hold_out) / found.hold_out
    d = 0.2 * mean / math.sqrt(mean * (1 - mean))
    assert TTestIndPower().power(d, found.hold_out, 0.05, ratio) == pytest.approx(0.8, abs=1e-3)
