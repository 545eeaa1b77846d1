"""Decisions lean on intervals."""

from datetime import date

import pytest

from crmlib.estimate import Estimate, Interval
from crmlib.profile import decisions
from crmlib.profile.returning import ReturningResult, ReturningSpec
from crmlib.profile.value import whale
from tests.profile.frames import mart
from tests.profile.test_figures import _activity


def _came(low: float, high: float) -> ReturningResult:
    back = Estimate((low + high) / 2, Interval(low, high), 100, "m")
    return ReturningResult(ReturningSpec(date(2025, 6, 30)), None, back, 100)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.6, 0.7, "most new customers come back"),
        (0.2, 0.3, "do not come back"),
        (0.4, 0.6, "half"),
    ],
)
def test_second_purchase(low: float, high: float, words: str) -> None:
    found = decisions.decide(_activity(400, 400), whale(mart([])), _came(low, high))
    assert words in found["second purchase"]


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [(600, 400, "growing"), (400, 600, "shrinking"), (401, 400, "steady"), (400, None, "cannot")],
)
def test_customer_base(now: int, before: int | None, words: str) -> None:
    found = decisions.decide(_activity(now, before), whale(mart([])), _came(0.4, 0.6))
    assert words in found["customer base"]
