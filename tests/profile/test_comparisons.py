"""Comparisons with the month before, with a bayram's days, and with targets."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest

from crmlib.marts import seasons
from crmlib.profile import activity, figures
from tests.profile.frames import mart

MARCH = activity.ActivitySpec(date(2025, 3, 1), date(2025, 3, 31))
EPOCH = date(1970, 1, 1)
MONEY = pl.Decimal(38, 4)


def measure(now: int, **more: Any) -> activity.ActivityResult:
    sales = {"value": Decimal(10), "value_real": Decimal(10)}
    fields = {"month": "2025-03-01"}
    return activity.measure(
        mart([sales] * now), None, MARCH, label="{month}", label_fields=fields, **more
    )


def past(n: int, amount: int = 10) -> pl.DataFrame:
    return mart([{"value": Decimal(amount), "value_real": Decimal(amount)}] * n)


@pytest.mark.parametrize(
    ("first", "last", "before"),
    [
        (date(2025, 3, 1), date(2025, 3, 31), (date(2025, 2, 1), date(2025, 2, 28))),
        (date(2024, 1, 1), date(2024, 1, 31), (date(2023, 12, 1), date(2023, 12, 31))),
        (date(2024, 3, 1), date(2024, 3, 31), (date(2024, 2, 1), date(2024, 2, 29))),
        (date(2025, 2, 1), date(2025, 2, 28), (date(2025, 1, 1), date(2025, 1, 31))),
        (date(2025, 3, 1), date(2025, 3, 30), None),
        (date(2025, 3, 2), date(2025, 3, 31), None),
        (date(2025, 2, 1), date(2025, 3, 31), None),
    ],
)
def test_only_whole_months_have_a_month_before(first: date, last: date, before: Any) -> None:
    assert activity.ActivitySpec(first, last).month_before == before


def test_the_month_before_by_hand() -> None:
    found = measure(30, month_before=past(20, 20)).month_before
    assert found is not None
    assert (found.first_day, found.last_day) == (date(2025, 2, 1), date(2025, 2, 28))
    assert found.customers_before == 20
    assert found.change is not None
    assert found.value_change is not None
    assert found.change.value == pytest.approx(0.5)
    assert found.value_change.value == pytest.approx(-0.25)
    assert found.against("en") == "February 2025"
    assert measure(30).month_before is None


def test_the_bayram_aligned_comparison_says_its_days_and_turns_with_the_data() -> None:
    days = MARCH.aligned(turkey=True)
    assert days == seasons.Aligned(date(2024, 3, 12), date(2024, 4, 11), "ramazan")
    assert MARCH.aligned(turkey=False) is None
    more = measure(30, aligned=(days, past(20)))
    said = more.headline("en")
    assert "50.0% more customers than" in said
    assert "12 March 2024 to 11 April 2024" in said
    assert "Ramazan" in said
    assert "50.0% fewer customers than" in measure(10, aligned=(days, past(20))).headline("en")
    assert "customers" not in more.headline("tr")
    nobody = measure(10, aligned=(days, past(0)))
    assert nobody.aligned is not None
    assert nobody.aligned.change is None
    assert "None" not in nobody.headline("en")


def test_alignment_takes_away_what_the_calendar_does() -> None:
    # A firm that does not grow: ten customers a day, thirty in the three weeks before a bayram.
    # Its March 2025 holds the season that March 2024 held only in part: 730 customers against
    # 550. The standard error of the log ratio is 6 %, so 0.16 lies 3 of them from either.
    rng = np.random.default_rng(3)

    def window(first: date, last: date) -> pl.DataFrame:
        days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
        bayrams = [date(2024, 4, 10), date(2025, 3, 30)]
        busy = [any(-21 <= (d - b).days < 0 for b in bayrams) for d in days]
        n = int(rng.poisson([30 if b else 10 for b in busy]).sum())
        return past(n).with_columns(fold=pl.Series(rng.integers(0, 64, n), dtype=pl.Int32))

    days = MARCH.aligned(turkey=True)
    assert days is not None
    found = activity.measure(
        window(MARCH.first_day, MARCH.last_day),
        window(date(2024, 3, 1), date(2024, 3, 31)),
        MARCH,
        label="x",
        aligned=(days, window(days.first_day, days.last_day)),
    )
    assert found.change is not None
    assert found.aligned is not None
    assert found.aligned.change is not None
    assert found.change.value > 0.16
    assert abs(found.aligned.change.value) < 0.16
    assert found.aligned.change.interval is not None
    assert not found.aligned.change.interval.excludes(0.0)


def targets(*rows: tuple[date, str, int]) -> pl.DataFrame:
    return pl.DataFrame(
        [(m, k, Decimal(v)) for m, k, v in rows],
        schema={"month": pl.Date, "kpi": pl.String, "value": MONEY},
        orient="row",
    )


DONE = {"sales": 900.0, "orders": 50.0, "customers": 40.0, "new_customers": 10.0}


def test_targets_of_a_month_by_hand() -> None:
    march = date(2025, 3, 1)
    planned = targets(
        (march, "sales", 1000),
        (march, "customers", 20),
        (march, "margin", 300),
        (march, "orders", 0),
        (date(2025, 4, 1), "new_customers", 5),
    )
    found = activity.against_targets(planned, DONE, MARCH)
    assert [(t.kpi, t.value, t.target, t.reached.value) for t in found] == [
        ("sales", 900.0, 1000.0, 0.9),
        ("customers", 40.0, 20.0, 2.0),
    ]
    assert all(t.reached.interval is None for t in found)


def test_targets_of_several_months_add_up_only_where_all_have_one() -> None:
    quarter = activity.ActivitySpec(date(2025, 1, 1), date(2025, 3, 31))
    months = [date(2025, m, 1) for m in (1, 2, 3)]
    planned = targets(
        *((m, "sales", 300) for m in months),
        *((m, "customers", 10) for m in months),
        *((m, "orders", 10) for m in months[:2]),
    )
    found = activity.against_targets(planned, DONE, quarter)
    assert [(t.kpi, t.target) for t in found] == [("sales", 900.0)]
    part = activity.ActivitySpec(date(2025, 1, 1), date(2025, 3, 30))
    assert activity.against_targets(planned, DONE, part) == ()


def test_what_was_achieved_counts_sales_without_a_customer_too() -> None:
    def day(value: date) -> int:
        return (value - EPOCH).days

    month = 12 * 2025 + 2
    kpis = pl.DataFrame(
        [
            (month, 1, 5, Decimal(70), Decimal(20), Decimal(70)),
            (month, 0, 2, Decimal(30), Decimal(5), Decimal(30)),
            (month + 1, 1, 9, Decimal(999), Decimal(9), Decimal(999)),
        ],
        schema={
            "month": pl.Int32,
            "identified": pl.Int32,
            "orders": pl.Int64,
            "value": MONEY,
            "margin": MONEY,
            "value_costed": MONEY,
        },
        orient="row",
    )
    customer = mart(
        [
            {"first_day": day(date(2025, 3, 1))},
            {"first_day": day(date(2025, 3, 31))},
            {"first_day": day(date(2025, 2, 28))},
            {"first_day": day(date(2025, 3, 5)), "status": "first_seen"},
        ]
    )
    found = activity.achieved(kpis, customer, MARCH)
    assert found == {"sales": 100.0, "orders": 7.0, "new_customers": 2.0, "margin": 25.0}
    no_costs = kpis.with_columns(value_costed=pl.lit(None, MONEY))
    assert "margin" not in activity.achieved(no_costs, customer, MARCH)


def test_cards_show_the_comparisons_with_their_intervals() -> None:
    days = MARCH.aligned(turkey=True)
    planned = targets((date(2025, 3, 1), "sales", 1000), (date(2025, 3, 1), "customers", 10))
    result = measure(
        300,
        month_before=past(200),
        aligned=(days, past(301)),
        targets=activity.against_targets(planned, DONE, MARCH),
    )
    shown = {c.label: c for c in figures.cards(result, "en")}
    before = shown["Customers against the month before"]
    assert (before.value, before.tone) == ("+50.0%", "good")
    assert "February 2025" in before.note
    assert " to " in before.note
    aligned = shown["Customers against last year, bayram-aligned"]
    assert aligned.tone == "quiet"
    assert "12 March 2024" in aligned.note
    assert (shown["Target: sales"].value, shown["Target: sales"].tone) == ("90.0%", "bad")
    assert "₺900 of ₺1,000" in shown["Target: sales"].note
    assert (shown["Target: customers"].value, shown["Target: customers"].tone) == ("400.0%", "good")
    plain = measure(300, month_before=past(200), real=False)
    assert any("not deflated" in c.label for c in figures.cards(plain, "en"))
    for card in figures.cards(result, "tr"):
        assert not {"against", "Target:", "compared"} & set(f"{card.label} {card.note}".split())


def test_the_interval_covers_a_steady_firm_in_about_95_of_100_months() -> None:
    # Customers come in both months or in one; 400 draws: 95 % +- 3 x 1.1 points.
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(400):
        fold = rng.integers(0, 64, 2000)
        frames = []
        came = rng.random(2000) < 0.5
        for _month in range(2):
            here = np.where(rng.random(2000) < 0.5, came, rng.random(2000) < 0.5)
            frames.append(
                past(int(here.sum())).with_columns(fold=pl.Series(fold[here], dtype=pl.Int32))
            )
        found = activity.measure(frames[0], None, MARCH, label="x", month_before=frames[1])
        assert found.month_before is not None
        assert found.month_before.change is not None
        assert found.month_before.change.interval is not None
        hits += not found.month_before.change.interval.excludes(0.0)
    assert 0.917 <= hits / 400 <= 0.983
