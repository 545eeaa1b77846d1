"""Survival from counts: textbook figures, statsmodels row by row, and brute force."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from crmlib.curves import survival
from crmlib.curves.survival import Counts
from crmlib.errors import ContractError, TooFewCustomersError
from crmlib.estimate import Estimate, Interval, jackknife_interval

# Freireich et al. (1963): weeks of remission, 6-MP against placebo; a plus in the books is event 0.
SIX_MP = [(6, 1, 3), (6, 0, 1), (7, 1, 1), (9, 0, 1), (10, 1, 1), (10, 0, 1), (11, 0, 1)]
SIX_MP += [(13, 1, 1), (16, 1, 1), (17, 0, 1), (19, 0, 1), (20, 0, 1), (22, 1, 1), (23, 1, 1)]
SIX_MP += [(25, 0, 1), (32, 0, 2), (34, 0, 1), (35, 0, 1)]
PLACEBO = [(1, 1, 2), (2, 1, 2), (3, 1, 1), (4, 1, 2), (5, 1, 2), (8, 1, 4), (11, 1, 2)]
PLACEBO += [(12, 1, 2), (15, 1, 1), (17, 1, 1), (22, 1, 1), (23, 1, 1)]


def frame(rows):
    return pl.DataFrame(rows, schema=["days", "event", "n"], orient="row")


def spelled(rows):
    """One entry a wait: times, and whether they ended."""
    times, events, n = (np.array(c) for c in zip(*rows, strict=True))
    return np.repeat(times, n), np.repeat(events, n)


def random_waits(seed, n=400, longest=60):
    rng = np.random.default_rng(seed)
    waits = np.ceil(rng.weibull(0.8, n) * 20).clip(1, longest).astype(int)
    seen = rng.integers(1, longest + 20, n)
    days, event = np.minimum(waits, seen), (waits <= seen).astype(int)
    fold = rng.integers(0, 16, n)
    return pl.DataFrame({"days": days, "event": event, "fold": fold, "n": 1})


def test_the_textbook_curve():
    assert sum(n for *_, n in SIX_MP) == sum(n for *_, n in PLACEBO) == 21
    curve = survival.curve(frame(SIX_MP))
    printed = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    for week, share in printed.items():
        assert curve.at(week).value == pytest.approx(share, abs=6e-4)
    assert curve.at(5.9).value == 1
    assert curve.quantile(0.5).value == 23
    assert survival.curve(frame(PLACEBO)).quantile(0.5).value == 8


def test_the_textbook_log_rank():
    groups = {"6-MP": Counts.of(frame(SIX_MP)), "placebo": Counts.of(frame(PLACEBO))}
    found = survival.log_rank(groups)
    assert found.statistic == pytest.approx(16.7929, abs=5e-5)
    assert found.degrees == 1
    assert found.p_value == pytest.approx(4.17e-5, abs=5e-7)
    assert found.observed == {"6-MP": 9, "placebo": 21}
    assert sum(found.expected.values()) == pytest.approx(30, rel=1e-12)
    assert found.expected["6-MP"] == pytest.approx(19.25, abs=5e-3)


@pytest.mark.filterwarnings("ignore:.*encountered in (log|multiply):RuntimeWarning")  # theirs
@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize("seed", [1, 2])
def test_curve_and_quantiles_are_statsmodels(seed, level):
    from statsmodels.duration.survfunc import SurvfuncRight

    waits = random_waits(seed)
    theirs = SurvfuncRight(waits["days"].to_numpy(), waits["event"].to_numpy())
    ours = survival.curve(waits, level=level)
    at = np.searchsorted(ours.days, theirs.surv_times)
    assert (ours.days[at] == theirs.surv_times).all()
    assert ours.survival[at] == pytest.approx(theirs.surv_prob, rel=1e-12)
    assert ours.at_risk[at] == pytest.approx(theirs.n_risk)
    assert ours.ended[at] == pytest.approx(theirs.n_events)
    alive = theirs.surv_prob > 0
    assert ours.error[at][alive] == pytest.approx(theirs.surv_prob_se[alive], rel=1e-10)
    for share in (0.1, 0.25, 0.5, 0.6):
        found = ours.quantile(share)
        low, high = theirs.quantile_ci(share, alpha=1 - level, method="cloglog")
        assert found.value == theirs.quantile(share)
        assert (found.interval.low, found.interval.high) == (low, high)


@pytest.mark.parametrize("groups", [2, 3])
def test_log_rank_is_statsmodels(groups):
    from statsmodels.duration.survfunc import survdiff

    waits = random_waits(5).with_columns(group=pl.col("days").hash(3) % groups)
    statistic, p = survdiff(
        waits["days"].to_numpy(), waits["event"].to_numpy(), waits["group"].to_numpy()
    )
    parts = {str(g): Counts.of(f) for (g,), f in waits.group_by("group", maintain_order=True)}
    found = survival.log_rank(parts)
    assert found.degrees == groups - 1
    assert found.statistic == pytest.approx(statistic, rel=1e-9)
    assert found.p_value == pytest.approx(p, rel=1e-7)


def test_nelson_aalen_by_hand():
    curve = survival.curve(frame([(2, 1, 2), (3, 0, 1), (5, 1, 1), (7, 0, 4)]))
    assert curve.hazard.tolist() == pytest.approx([2 / 8, 2 / 8, 2 / 8 + 1 / 5, 2 / 8 + 1 / 5])
    error = math.sqrt(2 / 64 + 1 / 25)
    z = 1.959963984540054
    high = 0.45 * math.exp(z * error / 0.45)
    assert (curve.hazard_low[-1], curve.hazard_high[-1]) == pytest.approx((0.45**2 / high, high))


def test_the_restricted_mean_is_the_mean_of_cut_waits_where_nothing_is_censored():
    days = np.array([3, 5, 5, 9, 20, 40])
    curve = survival.curve(pl.DataFrame({"days": days, "event": 1, "n": 1}))
    for until in (4, 10, 15.5, 40, 60):
        found = curve.mean_until(until)
        cut = np.minimum(days, until)
        assert found.value == pytest.approx(cut.mean(), rel=1e-12)
        # Greenwood's variance is then the plain variance of a mean (divided by n).
        half = found.interval.high - found.value
        assert half == pytest.approx(1.959963984540054 * cut.std() / math.sqrt(6), rel=1e-9)


def test_bands_from_folds_are_the_jackknife_of_whole_folds():
    waits = random_waits(3)
    curve = survival.curve(waits, bands="folds")
    without = [
        survival.curve(waits.filter(pl.col("fold") != f)) for f in waits["fold"].unique().sort()
    ]
    assert len(without) == 16
    for day in (5, 20, 40):
        values = [c.at(day).value for c in without]
        plain = jackknife_interval(curve.at(day).value, values)
        place = np.searchsorted(curve.days, day, side="right") - 1
        half = (plain.high - plain.low) / 2 / stats.t.ppf(0.975, 15)  # sixteen folds
        assert curve.error[place] == pytest.approx(half, rel=1e-4)
        assert curve.at(day).interval.low < curve.at(day).value < curve.at(day).interval.high
    means = [c.mean_until(30).value for c in without]
    expected = jackknife_interval(curve.mean_until(30).value, means)
    found = curve.mean_until(30).interval
    normal = stats.norm.ppf(0.975) / stats.t.ppf(0.975, 15)  # sixteen folds
    half = (expected.high - expected.low) / 2 * normal
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=1e-4)


def test_waits_of_one_customer_are_not_taken_for_independent():
    # Each customer's wait, told ten times: the folds know, the counts do not.
    waits = random_waits(4, n=2_000)
    often = waits.with_columns(n=pl.lit(10))
    honest, naive = (survival.curve(often, bands=b).error[20] for b in ("folds", "counts"))
    once = survival.curve(waits).error[20]
    assert naive == pytest.approx(once / math.sqrt(10), rel=1e-9)
    assert honest == pytest.approx(once, rel=0.5)  # 16 folds know a spread to about a fifth


def test_a_band_holds_the_truth_as_often_as_it_says():
    rng, hits, tries = np.random.default_rng(8), 0, 400
    truth = 0.9**10
    for _ in range(tries):
        waits = rng.geometric(0.1, 150)
        cut = rng.integers(5, 30, 150)
        found = survival.curve(
            pl.DataFrame({"days": np.minimum(waits, cut), "event": (waits <= cut) * 1, "n": 1})
        ).at(10)
        hits += not found.interval.excludes(truth)
    # Three standard errors of a share of 0.95 in 400.
    assert hits / tries == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / tries))


@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.integers(0, 1), st.integers(1, 5), st.integers(0, 3)),
        min_size=1,
        max_size=20,
    )
)
@settings(deadline=None, max_examples=80)
def test_counts_are_repeated_rows(rows):
    counted = pl.DataFrame(rows, schema=["days", "event", "n", "fold"], orient="row")
    each = counted.select(pl.all().repeat_by("n")).explode("days", "event", "n", "fold")
    for bands in ("counts", "folds"):
        one = survival.curve(counted, bands=bands)
        other = survival.curve(each.with_columns(n=pl.lit(1)), bands=bands)
        assert one.table.equals(other.table, null_equal=True)
        within = one.table.filter(pl.col("low").is_not_nan())
        assert (within["low"] <= within["survival"] + 1e-12).all()
        assert (within["survival"] <= within["high"] + 1e-12).all()
        assert (one.survival[1:] <= one.survival[:-1]).all()


def test_what_is_not_reached_has_no_median():
    curve = survival.curve(frame([(5, 1, 2), (9, 0, 8)]))
    assert curve.quantile(0.5) is None
    found = curve.quantile(0.2)
    assert found.value == 5
    assert math.isinf(found.interval.high)


def test_one_fold_knows_no_spread():
    curve = survival.curve(frame(SIX_MP), bands="folds")
    assert curve.at(10).interval is None
    assert curve.quantile(0.5).interval is None
    assert curve.mean_until(20).interval is None


def test_the_end_of_a_curve_on_which_all_have_ended():
    curve = survival.curve(frame([(1, 1, 3), (2, 1, 3), (4, 1, 3)]))
    assert curve.survival[-1] == 0
    assert curve.low[-1] == 0
    assert curve.high[-1] == curve.high[-2] > 0


def test_a_difference_keeps_the_skewness_of_its_parts():
    one = Estimate(30.0, Interval(25.0, 45.0), 100, "m")
    other = Estimate(20.0, Interval(18.0, 21.0), 50, "m")
    found = survival.difference(one, other)
    assert found.value == 10
    assert found.interval.low == pytest.approx(10 - math.hypot(5, 1))
    assert found.interval.high == pytest.approx(10 + math.hypot(15, 2))
    assert found.n == 150
    assert survival.difference(one, Estimate(20.0, None, 50, "m")).interval is None


@pytest.mark.parametrize(
    ("waits", "error", "words"),
    [
        (frame([(1, 1, 1)]).drop("event"), ContractError, "missing event"),
        (frame([(-1, 1, 1)]), ContractError, "1 rows differ"),
        (frame([(1, 2, 1)]), ContractError, "event 0 or 1"),
        (frame([(None, 1, 1), (1, 1, 1)]), ContractError, "differ"),
        (frame([(1, 1, 0)]), TooFewCustomersError, "nobody"),
    ],
)
def test_bad_waits_are_refused(waits, error, words):
    with pytest.raises(error, match=words):
        survival.curve(waits)


# --- competing end states -----------------------------------------------------------------------
def test_competing_ends_are_shares_where_nothing_is_censored():
    rows = [(1, 1, 4, 0), (2, 2, 3, 1), (2, 1, 1, 0), (5, 1, 2, 1)]
    waits = pl.DataFrame(rows, schema=["days", "event", "n", "fold"], orient="row")
    found = survival.incidence(waits)
    of = {(r["event"], r["days"]): r["share"] for r in found.iter_rows(named=True)}
    assert of[1, 1] == pytest.approx(0.4)
    assert of[1, 2] == pytest.approx(0.5)
    assert of[1, 5] == pytest.approx(0.7)
    assert of[2, 1] == 0
    assert of[2, 5] == of[2, 2] == pytest.approx(0.3)


def test_competing_ends_add_up_to_one_minus_survival():
    rng = np.random.default_rng(6)
    waits = random_waits(6).with_columns(event=pl.col("event") * pl.Series(rng.integers(1, 4, 400)))
    found = survival.incidence(waits)
    assert found["event"].unique().sort().to_list() == [1, 2, 3]
    summed = found.group_by("days").agg(pl.col("share").sum()).sort("days")
    plain = survival.curve(waits.with_columns(event=(pl.col("event") > 0).cast(pl.Int64)))
    assert summed["days"].to_list() == plain.days.tolist()
    assert summed["share"].to_list() == pytest.approx((1 - plain.survival).tolist(), abs=1e-12)
    # Each is less than one minus Kaplan-Meier with the other ends taken for censored.
    alone = survival.curve(waits.with_columns(event=(pl.col("event") == 1).cast(pl.Int64)))
    one = found.filter(pl.col("event") == 1)
    assert one["share"][-1] < 1 - alone.survival[-1] - 0.05
    known = one.filter(pl.col("low").is_not_nan())
    assert known.height > 10
    assert ((known["low"] < known["share"]) & (known["share"] < known["high"])).all()


def test_the_band_of_a_way_to_end_is_the_jackknife_of_whole_folds():
    waits = random_waits(9).with_columns(event=pl.col("event") * (1 + pl.col("days") % 2))
    at = pl.col("days") == 21
    without = [
        survival.incidence(waits.filter(pl.col("fold") != f)).filter(
            pl.col("event") == 2, pl.col("days") <= 21
        )["share"][-1]
        for f in range(16)
    ]
    row = survival.incidence(waits).filter(pl.col("event") == 2, at).row(0, named=True)
    plain = jackknife_interval(row["share"], without)
    # The bands of a curve are the normal's, the jackknife's Student's of sixteen folds.
    half = (plain.high - plain.low) / 2 * stats.norm.ppf(0.975) / stats.t.ppf(0.975, 15)
    stretch = math.exp(half / -(row["share"] * math.log(row["share"])))
    assert row["low"] == pytest.approx(row["share"] ** stretch, rel=1e-4)


def test_no_end_at_all_is_an_empty_table():
    assert survival.incidence(frame([(3, 0, 5)])).is_empty()
