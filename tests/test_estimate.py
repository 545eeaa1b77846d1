"""Estimates: grades, intervals, the jackknife against a known variance."""

import math

import numpy as np
import pytest

from crmlib import i18n
from crmlib.estimate import Estimate, Grade, Interval, jackknife_interval, worst


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
    half = 1.959963984540054 * values.std(ddof=1) / math.sqrt(64)
    assert interval.high - values.mean() == pytest.approx(half, rel=1e-12)


def test_one_fold_tells_nothing_of_the_spread() -> None:
    assert jackknife_interval(1.0, [1.0]) is None


def test_an_estimate_keeps_what_it_was_given() -> None:
    found = Estimate(0.5, None, 10, "count")
    assert found.grade is Grade.D
    assert i18n.percent(found.value, "en") == "50%"
