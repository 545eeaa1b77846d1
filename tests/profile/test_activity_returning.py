"""Sentences 1 and 3: counts by hand, intervals against a simulation."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from crmlib.profile import activity, returning
from tests.profile.frames import mart

SPEC = activity.ActivitySpec(date(2024, 7, 1), date(2025, 6, 30))
EPOCH = date(1970, 1, 1)


def _measure(now: pl.DataFrame, before: pl.DataFrame | None) -> activity.ActivityResult:
    return activity.measure(now, before, SPEC, label="Last 12 months", identified=0.87)


def test_counts_and_change_by_hand() -> None:
    now = mart([{"orders": 2, "value": Decimal(10)}] * 30 + [{"purchase_days": 0, "orders": 0}])
    before = mart([{"value": Decimal(10)}] * 25)
    found = _measure(now, before)
    assert (found.customers, found.orders, found.customers_before) == (30, 60, 25)
    assert found.change is not None
    assert found.change.value == pytest.approx(0.2)


def test_sentence_turns_with_the_data() -> None:
    many, few = mart([{}] * 60), mart([{}] * 40)
    assert "50.0% more" in _measure(many, few).headline("en")
    assert "33.3% fewer" in _measure(few, many).headline("en")
    assert "no year before" in _measure(many, None).headline("en")
    assert "nobody bought a year before" in _measure(many, mart([])).headline("en")
    assert "87% of sales carry a customer id." in _measure(many, few).headline("en")
    turkish = _measure(many, few).headline("tr")
    assert "%50,0" in turkish
    assert "customers" not in turkish


def test_interval_covers_the_truth_in_about_95_of_100_draws() -> None:
    # Two years of Poisson numbers of customers with a true ratio of 1.1; 400 draws, so the
    # share that covers has a standard error of 1.1 points: 95 % +- 3 of them.
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(400):
        sizes = rng.poisson(1100), rng.poisson(1000)
        frames = [
            mart([{}] * n).with_columns(fold=pl.Series(rng.integers(0, 64, n), dtype=pl.Int32))
            for n in sizes
        ]
        change = _measure(*frames).change
        assert change is not None
        assert change.interval is not None
        hits += not change.interval.excludes(0.1)
    assert 0.917 <= hits / 400 <= 0.983


def _returning(customers: list[dict[str, object]]) -> returning.ReturningResult:
    frame = mart(customers)
    spec = returning.ReturningSpec(date(2025, 6, 30))
    return returning.measure(frame, frame, spec, first_day=spec.new_from)


def _day(value: date) -> int:
    return (value - EPOCH).days


def test_returning_counts_only_known_new_customers_of_the_year_before() -> None:
    last_year = {"first_day": _day(date(2024, 1, 15))}
    came = last_year | {"last_day": _day(date(2025, 1, 10)), "purchase_days": 2}
    stayed_away = last_year | {"last_day": _day(date(2024, 2, 1))}
    old = came | {"status": "first_seen"}
    earlier = came | {"first_day": _day(date(2023, 1, 15))}
    found = _returning([came] * 3 + [stayed_away] * 7 + [old] * 50 + [earlier] * 20)
    assert found.new_customers == 10
    assert found.came_back is not None
    assert found.came_back.value == pytest.approx(0.3)


def test_once_only_leaves_first_seen_customers_out_of_the_count() -> None:
    found = _returning([{}] * 3 + [{"status": "first_seen"}] * 3 + [{"purchase_days": 2}] * 4)
    assert found.once_only is not None
    assert found.once_only.value == pytest.approx(0.3)


def test_a_history_that_is_one_day_too_short_is_said_and_not_guessed() -> None:
    frame = mart([{"first_day": _day(date(2024, 1, 15)), "last_day": _day(date(2025, 1, 1))}] * 30)
    spec = returning.ReturningSpec(date(2025, 6, 30))
    enough = returning.measure(frame, frame, spec, first_day=spec.new_from)
    assert enough.came_back is not None
    short = returning.measure(frame, frame, spec, first_day=spec.new_from + timedelta(days=1))
    assert short.came_back is None
    assert "The history is too short" in short.headline("en")


def test_where_nobody_is_known_to_be_new_nothing_is_said_of_one_time_buyers() -> None:
    found = _returning([{"status": "first_seen"}] * 30)
    assert found.once_only is None
    assert "once only" not in found.headline("en")


def test_a_lower_bound_says_so() -> None:
    assert "At least 50%" in _returning([{}] * 5 + [{"status": "first_seen"}] * 5).headline("en")
    assert _returning([{}] * 10).headline("en").startswith("100% bought once only.")


@pytest.mark.parametrize(
    ("edge", "counts"),
    [(date(2023, 7, 1), False), (date(2023, 7, 2), True), (date(2024, 6, 30), True)],
)
def test_the_year_of_the_new_customers_has_both_its_ends(edge: date, counts: bool) -> None:  # noqa: FBT001
    found = _returning([{"first_day": _day(edge)}] * 10)
    assert found.new_customers == (10 if counts else 0)


def test_coming_back_begins_on_the_first_of_the_last_365_days() -> None:
    last_year = {"first_day": _day(date(2024, 1, 15)), "purchase_days": 2}
    on = last_year | {"last_day": _day(date(2024, 7, 1))}
    before = last_year | {"last_day": _day(date(2024, 6, 30))}
    found = _returning([on] * 4 + [before] * 6)
    assert found.came_back is not None
    assert found.came_back.value == pytest.approx(0.4)


def test_real_change_is_of_real_sales() -> None:
    now = mart([{"value": Decimal(150), "value_real": Decimal(150)}] * 20)
    before = mart([{"value": Decimal(100), "value_real": Decimal(150)}] * 20)
    found = _measure(now, before)
    assert found.value_change is not None
    assert found.value_change.value == pytest.approx(0.0)


def test_window_of_the_spec_is_two_whole_years() -> None:
    spec = returning.ReturningSpec(date(2025, 6, 30))
    assert spec.came_back_from == date(2024, 7, 1)
    assert spec.came_back_from - spec.new_from == timedelta(days=365)


def test_a_wrong_window_echoes_its_days() -> None:
    with pytest.raises(ValueError, match="2025-06-30"):
        activity.ActivitySpec(date(2025, 7, 1), date(2025, 6, 30))
