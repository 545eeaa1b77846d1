"""Estimates: grades, intervals, the jackknife against a known variance."""

import math

import numpy as np
import pytest
from scipy import stats

from crmlib import i18n
from crmlib.estimate import (
    Estimate,
    Grade,
    Interval,
    jackknife_interval,
    ratio_interval,
    student_quantile,
    worst,
)


def test_the_worst_grade_wins() -> None:
    assert worst([Grade.A, Grade.D, Grade.B]) is Grade.D
    assert worst([Grade.A]) is Grade.A


@pytest.mark.parametrize("grade", list(Grade))
def test_grades_are_said_in_both_languages(grade: Grade) -> None:
    assert grade.words("tr") != grade.words("en")


def test_an_interval_excludes_what_lies_outside() -> None:
    interval = Interval(0.1, 0.3)
    assert interval.excludes(0.0)
    assert not interval.excludes(0.1)


@pytest.mark.parametrize(("low", "high", "level"), [(1.0, 0.0, 0.95), (0.0, 1.0, 1.5)])
def test_a_wrong_interval_echoes_its_values(low: float, high: float, level: float) -> None:
    with pytest.raises(ValueError, match=r"1\.0 > 0\.0|1\.5"):
        Interval(low, high, level)


def test_jackknife_of_a_mean_is_the_standard_error_of_the_mean() -> None:
    # For the mean of K equal groups the delete-one jackknife variance is s^2 / K exactly.
    values = np.random.default_rng(1).normal(size=64)
    without = [(values.sum() - v) / 63 for v in values]
    interval = jackknife_interval(float(values.mean()), without)
    assert interval is not None
    half = stats.t.ppf(0.975, 63) * values.std(ddof=1) / math.sqrt(64)
    assert interval.high - values.mean() == pytest.approx(half, rel=1e-6)


@pytest.mark.parametrize("degrees", [5, 10, 63, 1000])
@pytest.mark.parametrize("probability", [0.9, 0.975, 0.995])
def test_students_quantile_is_scipys(degrees: int, probability: float) -> None:
    found = student_quantile(probability, degrees)
    assert found == pytest.approx(stats.t.ppf(probability, degrees), rel=2e-3)


def test_a_ratio_is_as_uncertain_upside_down() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.gamma(2.0, size=64), rng.gamma(2.0, size=64)
    without = [(a.sum() - x) / (b.sum() - y) for x, y in zip(a, b, strict=True)]
    over = ratio_interval(a.sum() / b.sum(), without)
    under = ratio_interval(b.sum() / a.sum(), [1 / w for w in without])
    assert over is not None
    assert under is not None
    assert over.low == pytest.approx(1 / under.high, rel=1e-12)
    assert over.high == pytest.approx(1 / under.low, rel=1e-12)
    assert ratio_interval(0.0, without) is None


def test_one_fold_tells_nothing_of_the_spread() -> None:
    assert jackknife_interval(1.0, [1.0]) is None


def test_an_estimate_keeps_what_it_was_given() -> None:
    found = Estimate(0.5, None, 10, "count")
    assert found.grade is Grade.D
    assert i18n.percent(found.value, "en") == "50%"
