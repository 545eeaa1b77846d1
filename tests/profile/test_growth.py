"""Growth: against a diary kept day by day in plain Python, and the identity in every month."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlib.profile import growth

EPOCH = date(1970, 1, 1)
MONEY = pl.Decimal(38, 4)
KINDS = ("new", "first_seen", "repeat", "resurrected")


def number(day: date) -> int:
    return (day - EPOCH).days


def month_of(day: date) -> int:
    return 12 * day.year + day.month - 1


def visits_of(rows: list[tuple[str, date, int, Decimal]]) -> pl.DataFrame:
    """Rows of customer, day, lines bought (0: returned only), sales."""
    return pl.DataFrame(
        {
            "customer_id": pl.Series([r[0] for r in rows], dtype=pl.String),
            "fold": pl.Series([int(r[0][1:]) % 64 for r in rows], dtype=pl.Int32),
            "day": pl.Series([number(r[1]) for r in rows], dtype=pl.Int32),
            "month": pl.Series([month_of(r[1]) for r in rows], dtype=pl.Int32),
            "purchase_lines": pl.Series([r[2] for r in rows], dtype=pl.Int64),
            "value_real": pl.Series([r[3] for r in rows], dtype=MONEY),
        }
    )


def customers_of(status: dict[str, str]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "customer_id": list(status),
            "fold": pl.Series([int(c[1:]) % 64 for c in status], dtype=pl.Int32),
            "status": list(status.values()),
        },
        schema={"customer_id": pl.String, "fold": pl.Int32, "status": pl.String},
    )


def gaps_of(days: dict[int, int], waiting: int = 0) -> pl.DataFrame:
    rows = [(d, 1, n) for d, n in days.items()] + [(9999, 0, waiting)]
    return pl.DataFrame(
        rows,
        schema={"days": pl.Int32, "event": pl.Int32, "gaps": pl.Int64},
        orient="row",
    )


def diary(
    rows: list[tuple[str, date, int, Decimal]],
    status: dict[str, str],
    *,
    days: int,
    begins: date,
    as_of: date,
) -> dict[int, dict[str, Any]]:
    """Walk through the calendar: each day who buys, and in the evening who is active."""
    bought: dict[date, list[str]] = {}
    for who, day, lines, _ in rows:
        if lines and day <= as_of:
            bought.setdefault(day, []).append(who)
    last: dict[str, date] = {}
    awake: set[str] = set()
    months: dict[int, dict[str, Any]] = {}
    kind_of: dict[tuple[int, str], str] = {}
    day = min([begins, *bought])
    while day <= as_of:
        month = month_of(day)
        now = months.setdefault(
            month, {"lapsed": 0, "active_begin": len(awake)} | {k: 0 for k in KINDS}
        )
        for who in bought.get(day, []):
            if (month, who) not in kind_of:
                if who not in last:
                    kind = status[who]
                else:
                    kind = "repeat" if who in awake else "resurrected"
                    # Who would lapse this evening and buys today has not lapsed.
                kind_of[month, who] = kind
                now[kind] += 1
            last[who] = day
        evening = {who for who, when in last.items() if (day - when).days < days}
        now["lapsed"] += len(awake - evening)
        awake = evening
        now["active_end"] = len(awake)
        day += timedelta(days=1)
    for month, now in months.items():
        for kind in (*KINDS, "returns_only"):
            now[f"sales_{kind}"] = float(
                sum(
                    v
                    for who, d, _, v in rows
                    if d <= as_of
                    and month_of(d) == month
                    and kind_of.get((month, who), "returns_only") == kind
                )
            )
    return {m: now for m, now in months.items() if m >= month_of(begins)}


def random_history(seed: int) -> tuple[list[tuple[str, date, int, Decimal]], dict[str, str]]:
    draw = random.Random(seed)
    rows, status = [], {}
    for number_ in range(draw.randint(1, 25)):
        who = f"c{number_}"
        status[who] = draw.choice(["new", "first_seen"])
        days = set()
        day = draw.randint(0, 300)
        for _ in range(draw.randint(1, 12)):
            days.add(day)
            # Around D, and at month ends, is where mistakes would hide.
            day += draw.choice([1, 3, 29, 30, 31, 39, 40, 41, 42, 90, 200])
        for d in sorted(days):
            lines = draw.choice([1, 1, 1, 2, 0])
            amount = Decimal(draw.randint(1, 99999)) / 100 * (1 if lines else -1)
            rows.append((who, date(2023, 1, 10) + timedelta(days=d), lines, amount))
    draw.shuffle(rows)
    return rows, status


def run(
    rows: list[tuple[str, date, int, Decimal]],
    status: dict[str, str],
    *,
    days: int = 40,
    begins: date = date(2023, 1, 10),
    as_of: date = date(2024, 3, 14),
    **more: Any,
) -> growth.GrowthResult:
    return growth.measure(
        visits_of(rows).lazy(),
        customers_of(status).lazy(),
        gaps_of({10: 5}),
        growth.GrowthSpec(days=days),
        begins=begins,
        as_of=as_of,
        **more,
    )


@given(seed=st.integers(0, 10**6), days=st.sampled_from([31, 40, 41, 90]), late=st.booleans())
@settings(max_examples=60, deadline=None)
def test_every_month_is_as_the_diary_says(seed: int, days: int, late: bool) -> None:  # noqa: FBT001
    rows, status = random_history(seed)
    # With a late beginning the customers of before are active when it begins.
    begins = date(2023, 5, 3) if late else date(2023, 1, 10)
    as_of = date(2024, 3, 14)
    found = run(rows, status, days=days, begins=begins, as_of=as_of).months
    told = diary(rows, status, days=days, begins=begins, as_of=as_of)
    assert found["month"].to_list() == sorted(told)
    for row in found.iter_rows(named=True):
        for name, expected in told[row["month"]].items():
            assert row[name] == pytest.approx(expected, abs=1e-9), (row["month"], name)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_the_base_adds_up_exactly(seed: int) -> None:
    rows, status = random_history(seed)
    m = run(rows, status).months
    begin, end = m["active_begin"], m["active_end"]
    assert (end == begin + m["new"] + m["first_seen"] + m["resurrected"] - m["lapsed"]).all()
    assert end[:-1].to_list() == begin[1:].to_list()
    sales = m.select(pl.sum_horizontal("^sales_.*$")).sum().item()
    everything = sum(v for _, d, _, v in rows if d <= date(2024, 3, 14))
    assert sales == pytest.approx(float(everything), abs=1e-6)


def test_batches_of_folds_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, status = random_history(5)
    whole = run(rows, status)
    monkeypatch.setattr(growth, "_BATCH", 3)
    parts = run(rows, status)
    assert whole.months.equals(parts.months)
    assert whole.lapsing == parts.lapsing


def test_a_gap_of_d_days_is_no_lapse_and_one_more_is() -> None:
    first = date(2023, 2, 1)
    for gap, kind in ((40, "repeat"), (41, "resurrected")):
        rows = [("c1", first, 1, Decimal(1)), ("c1", first + timedelta(days=gap), 1, Decimal(1))]
        months = run(rows, {"c1": "new"}).months
        march = months.filter(pl.col("month") == month_of(date(2023, 3, 1))).row(0, named=True)
        assert march[kind] == 1
        assert march["lapsed"] == (kind == "resurrected")


def test_d_is_the_smallest_day_that_holds_nine_tenths_of_completed_gaps() -> None:
    spec = growth.GrowthSpec(min_gaps=10)
    assert growth.choose_days(gaps_of({40: 9, 300: 1}, waiting=500), spec) == (40, "gaps", 10)
    assert growth.choose_days(gaps_of({40: 8, 50: 1, 300: 1}), spec) == (50, "gaps", 10)
    assert growth.choose_days(gaps_of({7: 10}), spec) == (31, "month", 10)
    assert growth.choose_days(gaps_of({40: 9}), spec) == (365, "fallback", 9)
    assert growth.choose_days(gaps_of({}), growth.GrowthSpec(days=60)) == (60, "asked", 0)
    draw = random.Random(3)
    days = [draw.randint(31, 400) for _ in range(1000)]
    counted = {d: days.count(d) for d in set(days)}
    assert growth.choose_days(gaps_of(counted), spec)[0] == sorted(days)[899]


def test_partial_months_are_named_and_left_out_of_rates() -> None:
    rows, status = random_history(8)
    found = run(rows, status)
    cut = dict(found.months.filter(pl.col("partial") != "").select("month", "partial").iter_rows())
    assert cut == {month_of(date(2023, 1, 1)): "start", month_of(date(2024, 3, 1)): "end"}
    assert not set(cut) & set(found.last)
    assert "Not whole: January 2023, March 2024." in found.headline("en")
    # D = 40 days after 10 January 2023 is 19 February: March is the first that can tell.
    assert found.last[0] == month_of(date(2023, 3, 1))
    one_day = run(rows, status, begins=date(2024, 3, 10)).months
    assert one_day["partial"].to_list() == ["both"]


def test_rates_are_those_of_the_table() -> None:
    rows, status = random_history(11)
    found = run(rows, status)
    m = found.months.filter(pl.col("month").is_in(found.last))
    won = sum(m[k].sum() for k in ("new", "first_seen", "resurrected"))
    assert found.lapsing is not None
    assert found.quick_ratio is not None
    assert found.lapsing.value == pytest.approx(m["lapsed"].sum() / m["active_begin"].sum())
    assert found.quick_ratio.value == pytest.approx(won / m["lapsed"].sum())


def _ongoing(rng: np.random.Generator, customers: int) -> pl.DataFrame:
    """Customers who come or stay away month by month: of the active, 2 in 10 lapse."""
    rows = []
    for n in range(customers):
        day = int(rng.integers(0, 60))
        while day < 700:
            rows.append((f"c{n}", date(2022, 1, 1) + timedelta(days=day), 1, Decimal(1)))
            day += int(30 * rng.geometric(0.6))
    return visits_of(rows)


def test_the_interval_of_lapsing_covers_its_long_run_value() -> None:
    # The truth is the rate of a crowd; each of 200 firms of 150 customers draws from it. The
    # share that covers has a standard error of 1.5 points: 95 % +- 3 of them.
    def lapsing(seed: int, customers: int) -> growth.Estimate:
        rng = np.random.default_rng(seed)
        visits = _ongoing(rng, customers)
        ids = visits["customer_id"].unique().to_list()
        folds = dict(zip(ids, rng.integers(0, 64, len(ids)).tolist(), strict=True))
        fold = pl.col("customer_id").replace_strict(folds, return_dtype=pl.Int32)
        found = growth.measure(
            visits.with_columns(fold=fold).lazy(),
            customers_of(dict.fromkeys(ids, "new")).with_columns(fold=fold).lazy(),
            gaps_of({}),
            growth.GrowthSpec(days=45),
            begins=date(2022, 1, 1),
            as_of=date(2023, 6, 30),
        )
        assert found.lapsing is not None
        return found.lapsing

    truth = lapsing(0, 8000).value
    hits = 0
    for seed in range(1, 201):
        interval = lapsing(seed, 150).interval
        assert interval is not None
        hits += not interval.excludes(truth)
    assert 0.904 <= hits / 200 <= 0.996


def test_the_headline_turns_with_the_data() -> None:
    begins = date(2022, 1, 1)
    rising = [
        (f"c{n}", begins + timedelta(days=d), 1, Decimal(1))
        for n in range(100)
        for d in range(5 * n, 700, 30)
    ]
    falling = [
        (f"c{n}", begins + timedelta(days=d), 1, Decimal(1))
        for n in range(100)
        for d in range(0, 100 + 5 * n, 30)
    ]
    status = {f"c{n}": "new" for n in range(100)}
    up, down = (
        run(rows, status, begins=begins, as_of=date(2023, 6, 30)) for rows in (rising, falling)
    )
    assert "active customers grew from" in up.headline("en")
    assert "active customers fell from" in down.headline("en")
    assert "in the last 40 days" in up.headline("en")
    assert "customers" not in up.headline("tr")
    assert "40" in up.headline("tr")


def test_numbers_that_are_not_told_are_not_summed() -> None:
    rows, status = random_history(8)
    found = run(rows, status)
    hidden = pl.when(pl.col("month") != found.last[3]).then("new")
    told = replace(found, months=found.months.with_columns(new=hidden)).headline("en")
    assert " joined" in found.headline("en")
    assert " joined" not in told
    assert "active customers" in told


def test_a_short_history_says_so() -> None:
    rows = [(f"c{n}", date(2024, 1, 1), 1, Decimal(1)) for n in range(20)]
    short = run(rows, {f"c{n}": "new" for n in range(20)}, begins=date(2024, 1, 1))
    assert (short.last, short.lapsing) == ([month_of(date(2024, 3, 1))][:0], None)
    assert "too short" in short.headline("en")
    by_gaps = growth.measure(
        visits_of(rows).lazy(),
        customers_of({f"c{n}": "new" for n in range(20)}).lazy(),
        gaps_of({60: 500}),
        begins=date(2024, 1, 1),
        as_of=date(2024, 3, 31),
    )
    assert by_gaps.short_history
    assert "longer gaps may still come" in by_gaps.headline("en")


def test_nobody_and_nothing() -> None:
    found = growth.measure(
        visits_of([]).lazy(),
        customers_of({}).lazy(),
        gaps_of({}),
        begins=date(2024, 1, 1),
        as_of=date(2024, 3, 31),
    )
    assert found.months["active_end"].to_list() == [0, 0, 0]
    assert found.lapsing is None
    found.headline("en")


def test_sales_and_events_by_month() -> None:
    kpis = pl.DataFrame(
        {
            "month": pl.Series([24276, 24276, 24277], dtype=pl.Int32),
            "value": pl.Series([Decimal(1), Decimal(2), Decimal(4)], dtype=MONEY),
            "value_real": pl.Series([Decimal(2), Decimal(4), Decimal(4)], dtype=MONEY),
        }
    )
    events = pl.DataFrame(
        {"date": [date(2023, 2, 2), date(2020, 1, 1)], "text": ["New store", "Before"]}
    )
    rows, status = random_history(2)
    found = run(rows, status, kpis=kpis, events=events)
    assert found.sales.rows() == [(24276, 3.0, 6.0), (24277, 4.0, 4.0)]
    assert found.events.rows() == [(number(date(2023, 2, 2)), "New store")]


def test_a_wrong_spec_echoes_its_value() -> None:
    with pytest.raises(ValueError, match=r"1\.5"):
        growth.GrowthSpec(quantile=1.5)
    with pytest.raises(ValueError, match="14"):
        growth.GrowthSpec(days=14)
