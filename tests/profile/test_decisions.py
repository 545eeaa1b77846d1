"""Decisions lean on intervals."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from crmlib.estimate import Estimate, Interval
from crmlib.profile import decisions, losses, migration
from crmlib.profile.returning import ReturningResult, ReturningSpec
from crmlib.profile.value import whale
from tests.profile.frames import costed, mart
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


@pytest.mark.parametrize(
    ("cause", "words"),
    [("freight", "charge freight"), ("service", "call about"), ("contacts", "contact them less")],
)
def test_what_costs_money_beside_the_goods_has_its_own_remedy(cause: str, words: str) -> None:
    worth = whale(costed([_COSTED] * 19 + [_COSTED | {cause: Decimal(50)}]))
    found = decisions.decide(_activity(400, 400), worth, _came(0.4, 0.6))
    assert words in found["customers that cost money"]


def _moves(stayed: int, left: int, entered: int) -> migration.MigrationResult:
    ways = [("loyal", "loyal")] * stayed + [("loyal", "at_risk")] * left
    ways += [("recent", "champions")] * entered + [("lapsed", "lapsed")] * 100
    frame = pl.DataFrame(
        {
            "customer_id": [str(i) for i in range(len(ways))],
            "fold": [i % 64 for i in range(len(ways))],
            "from": [a for a, _ in ways],
            "to": [b for _, b in ways],
            # By quintiles everybody would be at the top: no reason to decide otherwise.
            "fresh": ["champions"] * len(ways),
            "value": [Decimal(1)] * len(ways),
        }
    )
    return migration.summarise(frame, migration.MigrationSpec(date(2025, 6, 30)))


@pytest.mark.parametrize(
    ("moves", "words"),
    [
        ((200, 10, 100), "growing by behaviour"),
        ((200, 100, 10), "shrinking by behaviour"),
        ((200, 50, 51), "steady by behaviour"),
        ((0, 0, 0), "not known"),
    ],
)
def test_top_segments(moves: tuple[int, int, int], words: str) -> None:
    found = decisions.decide(
        _activity(400, 400), whale(mart([])), _came(0.4, 0.6), moves=_moves(*moves)
    )
    assert words in found["top segments"]


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ([-1] * 50 + [1] * 150, [-1] * 50 + [1] * 150, "the same customers"),
        ([-1] * 100 + [1] * 100, [-1, 1] * 100, "not clearly the same"),
        ([1] * 50, [1] * 50, "not known"),
    ],
)
def test_losses_that_repeat(before: list[int], now: list[int], words: str) -> None:
    years = ([_COSTED | {"margin": Decimal(m)} for m in year] for year in (before, now))
    first, second = (mart(rows) for rows in years)
    found = decisions.decide(
        _activity(400, 400),
        whale(mart([])),
        _came(0.4, 0.6),
        again=losses.repeat(first, second),
    )
    assert words in found["losses that repeat"]
