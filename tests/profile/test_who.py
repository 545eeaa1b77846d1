"""Who: groups and their numbers by brute force, intervals against a known truth."""

from __future__ import annotations

import math
import random
from datetime import datetime
from decimal import Decimal
from statistics import fmean
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from crmlib.profile import who
from tests.profile.frames import mart

FIELDS = ("region", "city", "sex", "account_type", "acquisition_channel")


def people_of(rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = {"customer_id": pl.String, "birth_year": pl.Int32} | dict.fromkeys(FIELDS, pl.String)
    full = [dict.fromkeys(schema) | {"customer_id": f"c{n:05}"} | row for n, row in enumerate(rows)]
    return pl.DataFrame(full, schema=schema)


def measure(
    amounts: list[Any], rows: list[dict[str, Any]], spec: who.WhoSpec | None = None, **more: Any
) -> who.WhoResult:
    window = mart([{"value_real": Decimal(str(a)), "value": Decimal(str(a))} for a in amounts])
    return who.measure(window, people_of(rows), spec=spec, as_of_year=2025, **more)


def jackknife(rows: list[tuple[int, float]], everyone: list[tuple[int, float]]) -> tuple[Any, Any]:
    """Half widths of the mean and of the index, by leaving out the rows of each fold anew."""

    def half(values: list[float]) -> float:
        centre = fmean(values)
        spread = sum((v - centre) ** 2 for v in values) * (len(values) - 1) / len(values)
        return stats.t.ppf(0.975, len(values) - 1) * math.sqrt(spread)

    def without(table: list[tuple[int, float]], fold: int) -> list[float]:
        return [a for f, a in table if f != fold]

    means = [fmean(without(rows, f)) for f in {f for f, _ in rows} if without(rows, f)]
    indexes = [
        fmean(without(rows, f)) / fmean(without(everyone, f))
        for f in {f for f, _ in everyone}
        if without(rows, f)
    ]
    return half(means), half(indexes)


def test_numbers_of_a_group_by_brute_force() -> None:
    draw = random.Random(4)
    regions = [draw.choice(["Ege", "Marmara", "Marmara", None]) for _ in range(400)]
    amounts = [draw.randint(1, 100000) / 100 for _ in regions]
    found = measure(amounts, [{"region": r} for r in regions]).groups
    everyone = [(n % 64, a) for n, a in enumerate(amounts)]
    assert found["group"].to_list() == ["Marmara", "Ege", "unknown"]
    for row in found.iter_rows(named=True):
        wanted = None if row["kind"] == "unknown" else row["group"]
        mine = [e for e, r in zip(everyone, regions, strict=True) if r == wanted]
        mean, index = jackknife(mine, everyone)
        average = fmean(a for _, a in mine)
        assert row["customers"] == len(mine)
        assert row["share"] == pytest.approx(len(mine) / 400)
        assert row["mean"] == pytest.approx(average)
        assert row["index"] == pytest.approx(average / fmean(amounts))
        assert (row["high"] - row["low"]) / 2 == pytest.approx(mean, rel=1e-5)
        assert (row["index_high"] - row["index_low"]) / 2 == pytest.approx(index, rel=1e-5)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_no_small_or_dominated_group_is_shown_and_nobody_is_lost(seed: int) -> None:
    draw = random.Random(seed)
    n = draw.randint(1, 200)
    kinds = ["A", "B", "B", "B", "C", None]
    cities = [draw.choice([*kinds, f"x{draw.randint(0, 20)}"]) for _ in range(n)]
    amounts = [draw.choice([1, 2, 3, 50, 10000 if draw.random() < 0.1 else 4]) for _ in range(n)]
    found = measure(amounts, [{"city": c} for c in cities]).groups
    if found.is_empty():
        return
    assert found["customers"].sum() == n
    shown = set(found.filter(pl.col("kind") == "group")["group"])
    for row in found.iter_rows(named=True):
        if row["kind"] == "group":
            inside = {row["group"]}
        elif row["kind"] == "unknown":
            inside = {None}
        else:
            has_unknown = "unknown" in found["kind"].to_list()
            inside = {c for c in cities if c not in shown and not (c is None and has_unknown)}
        mine = [a for a, c in zip(amounts, cities, strict=True) if c in inside]
        assert row["customers"] == len(mine) >= 10
        assert max(mine) <= sum(mine) / 2


def test_ages_are_bands_and_impossible_ones_unknown() -> None:
    years = [2025 - a for a in (18, 24, 25, 34, 35, 64, 65, 110)] + [2010, 1900, None]
    found = measure([1] * 11, [{"birth_year": y} for y in years], who.WhoSpec(k=1, dominant=1))
    told = dict(found.groups.select("group", "customers").iter_rows())
    assert told == {"18-24": 2, "25-34": 2, "35-44": 1, "55-64": 1, "65+": 2, "unknown": 3}
    assert found.fields == ["age"]


def test_only_the_latest_value_of_an_attribute_counts() -> None:
    window = mart([{"value_real": Decimal(1)}] * 40)
    ids = window["customer_id"].to_list()
    rows = [(i, "income", "low", datetime(2024, 1, 1)) for i in ids]
    rows += [(i, "income", "high", datetime(2024, 2, 1)) for i in ids[:15]]
    rows += [(i, "income", "none", None) for i in ids]
    rows += [("nobody", "income", "low", datetime(2024, 1, 1))]
    attributes = pl.DataFrame(
        rows, schema=["customer_id", "field", "value", "loaded_at"], orient="row"
    )
    found = who.measure(window, people_of([]), attributes, as_of_year=2025)
    told = found.groups.select("field", "group", "customers").rows()
    assert told == [("income", "low", 25), ("income", "high", 15)]


def test_only_customers_who_bought_count_and_profit_where_costs_are_known() -> None:
    rows = [
        {"value": Decimal(10), "value_costed": Decimal(10), "margin": Decimal(n % 5)}
        for n in range(100)
    ]
    window = mart([*rows, {"purchase_days": 0, "value": Decimal(-5)}])
    people = people_of([{"sex": "F" if n % 2 else "M"} for n in range(101)])
    by_margin = who.measure(window, people, as_of_year=2025)
    assert (by_margin.by, by_margin.customers) == ("profit", 100)
    assert by_margin.overall is not None
    assert by_margin.overall.value == pytest.approx(2.0)
    profit = window.with_columns(profit=pl.col("margin") - 1)
    by_profit = who.measure(profit, people, as_of_year=2025).overall
    assert by_profit is not None
    assert by_profit.value == pytest.approx(1.0)
    no_costs = who.measure(window.with_columns(value_costed=pl.col("value") * 0), people,
                           as_of_year=2025)  # fmt: skip
    assert no_costs.by == "value"
    assert "profit" not in no_costs.headline("en")


def test_the_most_are_listed_and_the_rest_merged() -> None:
    cities = [f"city {n:02}" for n in range(30) for _ in range(20 + n)]
    found = measure([1] * len(cities), [{"city": c} for c in cities]).groups
    assert found["group"].to_list() == [f"city {n:02}" for n in range(29, 14, -1)] + ["other"]
    assert found["customers"][-1] == sum(20 + n for n in range(15))


def test_groups_that_must_not_be_named_are_merged() -> None:
    rows = [{"region": r, "sex": "F"} for r in ("Ege", "Marmara", "Akdeniz") for _ in range(20)]
    found = measure([1] * 60, rows, only={"region": ["Ege"]}).groups
    told = found.select("field", "group", "kind", "customers").rows()
    assert told == [
        ("region", "Ege", "group", 20),
        ("region", "other", "other", 40),
        ("sex", "F", "group", 60),
    ]


def test_the_headline_names_the_group_that_is_clearly_off_most() -> None:
    rng = np.random.default_rng(2)
    sexes = ["F", "M"] * 1000
    amounts = rng.lognormal(0, 1, 2000) * np.where(np.array(sexes) == "F", 2.0, 1.0)
    rows = [{"sex": s, "region": str(rng.integers(0, 5))} for s in sexes]
    found = measure([round(a, 4) for a in amounts], rows)
    assert found.stands_out is not None
    assert found.stands_out[0] == "sex"
    assert "Sex, " in found.headline("en")
    flipped = measure([round(a, 4) for a in rng.lognormal(0, 1, 2000)], rows)
    assert flipped.stands_out is None
    assert "No recorded group" in flipped.headline("en")
    assert "sales" not in found.headline("tr")


def test_intervals_cover_and_a_search_over_groups_names_nobody_by_chance() -> None:
    # Skewed amounts, ten groups alike, of 60 to 400 customers. 200 draws of ten intervals of the
    # mean: with about 2,000 nearly independent ones the standard error is 0.5 points; skewed
    # means of 60 customers fall short of 95 %, so that the lower limit is 92. No group differs,
    # so that naming one in more than 5 % of the draws (+ 3 standard errors) is a false alarm.
    rng = np.random.default_rng(7)
    truth = math.exp(0.5 * 0.8**2)
    hits = named = count = 0
    for _ in range(200):
        group = np.repeat(np.arange(10), np.linspace(60, 400, 10).astype(int))
        amounts = rng.lognormal(0, 0.8, len(group))
        window = pl.DataFrame(
            {
                "customer_id": [f"c{n:05}" for n in range(len(group))],
                "fold": rng.integers(0, 64, len(group)),
                "purchase_days": np.ones(len(group)),
                "value_real": amounts,
                "value": amounts,
                "value_costed": np.zeros(len(group)),
            }
        )
        people = window.select("customer_id", region=pl.Series([f"r{g}" for g in group]))
        found = who.measure(window, people, as_of_year=2025)
        named += found.stands_out is not None
        for low, high in found.groups.select("low", "high").iter_rows():
            hits += low <= truth <= high
            count += 1
    assert 0.92 <= hits / count <= 0.965
    assert named / 200 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)


def test_nothing_recorded_and_nobody_there() -> None:
    assert measure([1] * 30, [{}] * 30).headline("en") == "Nothing is recorded about the customers."
    assert measure([], []).overall is None
    few = measure([1] * 9, [{"sex": "F"}] * 9)
    assert few.groups.is_empty()


def test_where_all_lose_money_there_is_no_index() -> None:
    found = measure([-1] * 30, [{"sex": "F"}] * 15 + [{"sex": "M"}] * 15).groups
    assert found["index"].to_list() == [None, None]
    assert found["mean"].to_list() == [-1.0, -1.0]


def test_a_wrong_spec_echoes_its_value() -> None:
    with pytest.raises(ValueError, match="'sum'"):
        who.WhoSpec(by="sum")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="0, 15"):
        who.WhoSpec(k=0)
