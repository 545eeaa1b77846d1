"""Decisions lean on intervals."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from crmlib.estimate import Estimate, Interval
from crmlib.profile import decisions
from crmlib.profile.returning import ReturningResult, ReturningSpec
from crmlib.profile.value import whale
from tests.profile.frames import mart
from tests.profile.test_figures import _activity


def _came(low: float, high: float) -> ReturningResult:
    back = Estimate((low + high) / 2, Interval(low, high), 100, "m")
    return ReturningResult(
        ReturningSpec(date(2025, 6, 30)),
        once_only=None,
        at_least=True,
        came_back=back,
        new_customers=100,
    )


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


def test_a_hidden_number_of_loss_makers_is_not_told_as_none() -> None:
    hidden = replace(whale(mart([_COSTED] * 20)), loss_makers=None, fewer_than=10)
    found = decisions.decide(_activity(400, 400), hidden, _came(0.4, 0.6))
    assert found["customers that cost money"] == "fewer than 10: not worth a programme"


_COSTED = {"value": Decimal(100), "value_costed": Decimal(100), "margin": Decimal(20)}
