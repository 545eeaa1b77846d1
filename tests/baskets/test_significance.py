"""Chance: exact tails, the correction for many tests, and lift within strata."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlib.baskets import significance, strata
from crmlib.estimate import jackknife_interval

DIGITS = 1e-9  # logarithms of factorials of a million lose about seven of sixteen digits

QUANTILES = 1e-7  # two ways to work out Student's t


@st.composite
def tables(draw):
    n = draw(st.integers(1, 60))
    left, right = draw(st.integers(0, n)), draw(st.integers(0, n))
    both = draw(st.integers(max(0, left + right - n), min(left, right)))
    return both, left, right, n


def hypergeometric(left: int, right: int, n: int) -> dict[int, Fraction]:
    """Give all chances of meeting, as fractions."""
    low, high = max(0, left + right - n), min(left, right)
    ways = {k: comb(left, k) * comb(n - left, right - k) for k in range(low, high + 1)}
    return {k: Fraction(w, comb(n, right)) for k, w in ways.items()}


@settings(deadline=None)
@given(tables())
def test_fisher_equals_counted_ways(table):
    both, left, right, n = table
    chances = hypergeometric(left, right, n)
    exact = sum(p for k, p in chances.items() if k >= both)
    found = significance.fisher_greater(*(np.array([x]) for x in table))
    assert found[0] == pytest.approx(float(exact), rel=DIGITS)


def test_fisher_equals_scipy_on_large_tables():
    from scipy.stats import fisher_exact

    # Groceries: herbs and root vegetables; milk and vegetables. Then a million baskets.
    rows = [(69, 160, 1072, 9835), (736, 1903, 2513, 9835), (5_200, 50_000, 100_000, 1_000_000)]
    found = significance.fisher_greater(*np.array(rows).T)
    for p, (a, left, right, n) in zip(found, rows, strict=True):
        cells = [[a, left - a], [right - a, n - left - right + a]]
        assert p == pytest.approx(fisher_exact(cells, alternative="greater").pvalue, rel=1e-7)


def test_benjamini_hochberg_equals_statsmodels():
    from statsmodels.stats.multitest import multipletests

    rng = np.random.default_rng(2)
    p = rng.random(40) ** 4
    padded = np.concatenate([p, np.ones(960)])
    expected = multipletests(padded, method="fdr_bh")[1][:40]
    assert significance.benjamini_hochberg(p, 1000) == pytest.approx(expected, rel=1e-12)


def test_there_are_no_fewer_tests_than_p_values():
    with pytest.raises(ValueError, match="at least the 3 p values"):
        significance.benjamini_hochberg(np.ones(3), 2)


@settings(deadline=None)
@given(st.lists(tables(), min_size=1, max_size=3))
def test_the_bound_is_never_below_the_exact_chance(parts):
    """The sum over strata, by convolution in fractions, against the binomial bound."""
    sums = {0: Fraction(1)}
    for _, left, right, n in parts:
        chances = hypergeometric(left, right, n)
        added: dict[int, Fraction] = {}
        for total, p in sums.items():
            for k, q in chances.items():
                added[total + k] = added.get(total + k, Fraction(0)) + p * q
        sums = added
    expected = float(sum(Fraction(a * b, n) for _, a, b, n in parts))
    trials = sum(min(a, b) for _, a, b, _ in parts)
    for found in range(trials + 1):
        exact = float(sum(p for k, p in sums.items() if k >= found))
        bound = significance.at_least(
            np.array([float(found)]), np.array([expected]), np.array([float(trials)])
        )[0]
        assert bound >= exact * (1 - DIGITS) - 1e-15


def test_the_bound_is_of_use():
    from scipy.stats import poisson

    bound = significance.at_least(np.array([20.0]), np.array([5.0]), np.array([100.0]))
    assert 0 < bound[0] < poisson.sf(19, 5.0) / 3


# --- Strata ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn():
    """Draw baskets whose stratum makes both sides likelier, and the left side the right one."""
    rng = np.random.default_rng(11)
    stratum = rng.integers(0, 6, 6000)
    left = rng.random(6000) < 0.05 + 0.08 * stratum
    right = rng.random(6000) < np.where(left, 0.13, 0.1) + 0.05 * stratum
    fold = rng.integers(0, 64, 6000)
    return stratum, left, right, fold


@pytest.fixture(scope="module")
def table(drawn):
    stratum, left, right, fold = drawn
    return strata.cells(left, stratum, fold, (64, 6)).table(np.flatnonzero(right).astype(np.int32))


def by_hand(drawn) -> list[np.ndarray]:
    stratum, left, right, _ = drawn
    return [
        np.array([[np.sum((left == a) & (right == b) & (stratum == s)) for b in (True, False)]
                  for a in (True, False)])
        for s in range(6)
    ]  # fmt: skip


def test_counts_in_strata(drawn, table):
    whole = table.all_folds()
    for s, cells in enumerate(by_hand(drawn)):
        assert whole.both[0, s] == cells[0, 0]
        assert whole.left[0, s] == cells[0].sum()
        assert whole.right[0, s] == cells[:, 0].sum()
        assert whole.baskets[0, s] == cells.sum()


def test_the_odds_ratio_is_that_of_mantel_and_haenszel(drawn, table):
    from statsmodels.stats.contingency_tables import StratifiedTable

    expected = StratifiedTable([t.astype(float) for t in by_hand(drawn)]).oddsratio_pooled
    assert strata.measure(table).odds_ratio == pytest.approx(expected, rel=1e-12)


def test_the_lift_is_found_over_expected_within_strata(drawn, table):
    cells = by_hand(drawn)
    found = sum(c[0, 0] for c in cells)
    expected = sum(c[0].sum() * c[:, 0].sum() / c.sum() for c in cells)
    measured = strata.measure(table)
    assert measured.lift == pytest.approx(found / expected, rel=1e-12)
    _, left, right, _ = drawn
    plain = np.mean(left & right) / np.mean(left) / np.mean(right)
    assert 1 < measured.lift < plain - 0.2  # strata explain most, not all


def test_with_one_stratum_it_is_the_plain_lift(drawn):
    _, left, right, fold = drawn
    cells = strata.cells(left, np.zeros(6000, np.int64), fold, (64, 1))
    measured = strata.measure(cells.table(np.flatnonzero(right).astype(np.int32)))
    plain = np.mean(left & right) / np.mean(left) / np.mean(right)
    assert measured.lift == pytest.approx(plain, rel=1e-12)


def test_baskets_outside_the_strata_do_not_count(drawn):
    stratum, left, right, fold = drawn
    rights = np.flatnonzero(right).astype(np.int32)
    inside = stratum != 5
    without = strata.cells(left, np.where(inside, stratum, -1), fold, (64, 6)).table(rights)
    assert without.baskets.sum() == inside.sum()
    assert without.both.sum() == (left & right & inside).sum()


def test_folds_give_the_jackknife(drawn):
    """Leave each fold out by filtering; the logarithm gives the interval, the lift itself p."""
    from scipy.stats import t

    stratum, left, right, fold = drawn

    def lift(keep: np.ndarray) -> float:
        rights = np.flatnonzero(right & keep).astype(np.int32)
        part = strata.cells(left, np.where(keep, stratum, -1), fold, (64, 6))
        return strata.measure(part.table(rights)).lift

    without = [lift(fold != k) for k in range(64)]
    measured = strata.measure(
        strata.cells(left, stratum, fold, (64, 6)).table(np.flatnonzero(right).astype(np.int32))
    )
    logs = jackknife_interval(np.log(measured.lift), np.log(without))
    assert measured.low == pytest.approx(np.exp(logs.low), rel=QUANTILES)
    assert measured.high == pytest.approx(np.exp(logs.high), rel=QUANTILES)
    interval = jackknife_interval(measured.lift, without)
    error = (interval.high - measured.lift) / t.ppf(0.975, 63)
    expected = t.sf((measured.lift - 1) / error, 63)
    assert measured.fold_p_value == pytest.approx(expected, rel=QUANTILES)


@pytest.mark.parametrize("folds", [1, 4, 16])
def test_a_rule_of_few_folds_is_as_many_errors_from_one_as_their_root(folds):
    """Each fold has ten baskets with both sides, as by chance; some folds have thirty more.

    A sum of 64 numbers, f of them higher by the same amount, lies sqrt(63 f / (64 - f)) of its
    standard errors above where all are equal.
    """
    from scipy.stats import t

    fold, place = np.repeat(np.arange(64), 1_000), np.tile(np.arange(1_000), 64)
    left = place < 100
    with_left = np.where(fold < folds, 40, 10)
    right = (place < with_left) | (place >= 900 + with_left)  # a hundred in each fold
    cells = strata.cells(left, np.zeros(64_000, np.int64), fold, (64, 1))
    measured = strata.measure(cells.table(np.flatnonzero(right).astype(np.int32)))
    errors = np.sqrt(63 * folds / (64 - folds))
    assert measured.fold_p_value == pytest.approx(t.sf(errors, 63), rel=QUANTILES)


def test_what_cannot_be_told_is_not_significant():
    cells = strata.cells(np.zeros(5, bool), np.zeros(5, np.int64), np.arange(5), (64, 1))
    measured = strata.measure(cells.table(np.array([0, 1], np.int32)))
    assert np.isnan(measured.lift)
    assert (measured.p_value, measured.fold_p_value) == (1.0, 1.0)


def test_strata_of_sizes_rise_and_stay_narrow():
    found = strata.size_strata(1000)
    assert found[:17].tolist() == list(range(17))
    assert (np.diff(found) >= 0).all()
    for group in range(17, int(found[-1])):
        sizes = np.flatnonzero(found == group)
        if len(sizes):
            assert sizes[-1] <= 1.15 * sizes[0] + 1
