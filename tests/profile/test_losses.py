"""Losses that repeat: counted by hand, and their intervals against a known truth."""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from crmlib.profile import losses
from tests.profile.frames import costed, mart


def _customer(profit: int, **more: Any) -> dict[str, Any]:
    """Make a customer whose freight turns a margin of 100 into this profit."""
    return {
        "value": Decimal(300),
        "value_costed": Decimal(300),
        "margin": Decimal(100),
        "freight": Decimal(100 - profit),
    } | more


def _years(
    lost: list[bool], again: list[bool], folds: list[int] | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    folds = folds or [i % 64 for i in range(len(lost))]
    years = (
        costed([_customer(-7 if x else 20, fold=f) for x, f in zip(year, folds, strict=True)])
        for year in (lost, again)
    )
    before, now = years
    return before, now


@pytest.mark.parametrize("seed", range(5))
def test_shares_equal_a_count_by_hand(seed: int) -> None:
    rng = random.Random(seed)
    people = [
        {
            "before": rng.choice([None, -9, -1, 0, 5]),
            "now": rng.choice([None, -9, -1, 0, 5]),
        }
        for _ in range(200)
    ]
    before, now = (
        costed(
            [
                _customer(p[year], customer_id=f"c{i:05}", fold=i % 64)
                for i, p in enumerate(people)
                if p[year] is not None
            ]
        )
        for year in ("before", "now")
    )
    found = losses.repeat(before, now)
    both = [p for p in people if p["before"] is not None and p["now"] is not None]
    losers = [p for p in both if p["before"] < 0]
    others = [p for p in both if p["before"] >= 0]
    again = [p for p in losers if p["now"] < 0]
    assert found.again.value == pytest.approx(len(again) / len(losers))
    assert (found.again.n, found.others.n) == (len(losers), len(others))
    assert found.others.value == pytest.approx(sum(p["now"] < 0 for p in others) / len(others))
    assert found.difference.value == pytest.approx(found.again.value - found.others.value)
    assert found.loss_again == sum(p["now"] for p in again)
    all_losers = [p for p in people if p["before"] is not None and p["before"] < 0]
    assert (found.loss_makers, found.gone) == (len(all_losers), len(all_losers) - len(losers))


def test_only_customers_who_bought_again_can_lose_again() -> None:
    before, now = _years([True] * 10, [True] * 10)
    no_purchase = pl.int_range(pl.len()) < 4
    now = now.with_columns(purchase_days=pl.when(no_purchase).then(0).otherwise("purchase_days"))
    found = losses.repeat(before, now)
    assert (found.again.n, found.gone) == (6, 4)


def test_intervals_cover_the_truth() -> None:
    rng, runs, n = random.Random(3), 300, 900
    truth = {"again": 0.45, "others": 0.1, "difference": 0.35}
    hits: Counter[str] = Counter()
    widths: dict[str, list[float]] = {name: [] for name in truth}
    values: dict[str, list[float]] = {name: [] for name in truth}
    for _ in range(runs):
        lost = [rng.random() < 0.2 for _ in range(n)]
        again = [rng.random() < (0.45 if x else 0.1) for x in lost]
        folds = [rng.randrange(64) for _ in range(n)]
        found = losses.repeat(*_years(lost, again, folds))
        for name, true in truth.items():
            estimate = getattr(found, name)
            hits[name] += not estimate.interval.excludes(true)
            widths[name].append(estimate.interval.high - estimate.interval.low)
            values[name].append(estimate.value)
    for name in truth:
        # 0.95 within three standard errors of 300 draws, and no wider than the estimates spread.
        assert 0.95 - 3 * (0.95 * 0.05 / runs) ** 0.5 <= hits[name] / runs <= 0.988
        spread = 2 * 1.96 * pl.Series(values[name]).std()
        assert 0.8 <= pl.Series(widths[name]).mean() / spread <= 1.25


def test_a_loss_that_is_chance_does_not_stay_with_the_customer() -> None:
    rng = random.Random(4)
    lost = [rng.random() < 0.3 for _ in range(600)]
    chance = losses.repeat(*_years(lost, [rng.random() < 0.3 for _ in lost]))
    stays = losses.repeat(*_years(lost, [x and rng.random() < 0.9 for x in lost]))
    assert chance.persists is False
    assert stays.persists is True
    assert "does not clearly stay" in chance.headline("en")
    assert stays.headline("en").endswith("Losing stays with the customer.")
    assert stays.headline("tr") != stays.headline("en")


def test_none_of_forty_is_not_taken_for_never() -> None:
    lost = [True] * 40 + [False] * 40
    found = losses.repeat(*_years(lost, [False] * 80))
    # Clopper and Pearson: 1 - 0.025 ** (1 / 40), 0.0881 in their charts' tables.
    assert found.again.interval.high == pytest.approx(0.0881, abs=5e-5)
    assert found.again.interval.low == 0
    always = losses.repeat(*_years(lost, lost))
    assert always.again.interval.low == pytest.approx(1 - 0.0881, abs=5e-5)


def test_frames_without_further_costs_are_judged_by_margin() -> None:
    row = {"value": Decimal(9), "value_costed": Decimal(9), "margin": Decimal(-1)}
    found = losses.repeat(mart([row] * 3), mart([row] * 3))
    assert found.again.value == 1
    assert found.others is None
    assert found.headline("en") == losses.TOO_FEW


def test_what_is_not_known_is_said() -> None:
    before, now = _years([False] * 5, [True] * 5)
    found = losses.repeat(before, now)
    assert (found.loss_makers, found.headline("en")) == (0, losses.NOBODY)
    unknown = now.with_columns(value_costed=pl.lit(0, pl.Decimal(38, 4)))
    assert losses.repeat(before, unknown).headline("en") == losses.NO_COSTS
    assert losses.repeat(before, unknown).again is None


def test_a_wrong_spec_echoes_its_value() -> None:
    with pytest.raises(ValueError, match=r"1\.5"):
        losses.RepeatSpec(min_cost_coverage=1.5)
