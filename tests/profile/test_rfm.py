"""RFM against a brute-force count, and its promises about ties and one-time buyers."""

from bisect import bisect_left
from decimal import Decimal
from itertools import product
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlib.profile import rfm, segments
from crmlib.profile.segments import SEGMENTS
from tests.profile.frames import mart, random_mart


def by_hand(recency: list[int], frequency: list[int], monetary: list[Any]) -> list[str]:
    """Name every customer's segment by counting."""
    r, f, m = _scores([-d for d in recency]), _scores(frequency), _scores(monetary)
    return [_segment(*cell) for cell in zip(r, f, m, strict=True)]


def _scores(values: list[Any]) -> list[int]:
    """Score by counting: how many are strictly below, in fifths of all."""
    ordered = sorted(values)
    return [bisect_left(ordered, v) * 5 // len(values) + 1 for v in values]


def _segment(r: int, f: int, m: int) -> str:
    for segment in SEGMENTS:
        for box in segment.boxes:
            inside = (
                box.r[0] <= r <= box.r[1],
                box.f[0] <= f <= box.f[1],
                box.m[0] <= m <= box.m[1],
            )
            if all(inside):
                return segment.key
    raise AssertionError((r, f, m))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    ("frequency", "money"), list(product(["orders", "days"], ["real", "nominal"]))
)
def test_scores_and_segments_equal_a_count_by_hand(seed: int, frequency: str, money: str) -> None:
    customer = random_mart(seed, 40 + seed)
    spec = rfm.RfmSpec(frequency=frequency, money=money)  # type: ignore[arg-type]
    found = rfm.score(customer, spec)
    rows = customer.sort("customer_id")
    r = _scores([-d for d in rows["days_since_last"]])
    f = _scores(rows["orders" if frequency == "orders" else "purchase_days"].to_list())
    m = _scores(rows["value_real" if money == "real" else "value"].to_list())
    assert found.scores["r"].to_list() == r
    assert found.scores["f"].to_list() == f
    assert found.scores["m"].to_list() == m
    expected = [_segment(*cell) for cell in zip(r, f, m, strict=True)]
    assert found.scores["segment"].to_list() == expected
    sizes = dict(found.segments.select("segment", "customers").iter_rows())
    assert sizes == {key: expected.count(key) for key in set(expected)}
    assert found.empty_scores["f"] == sorted({1, 2, 3, 4, 5} - set(f))


def test_ties_take_the_lowest_score_of_their_block_and_leave_gaps() -> None:
    customer = mart([{"orders": 1}] * 6 + [{"orders": n} for n in (2, 3, 4, 5)])
    found = rfm.score(customer)
    assert found.scores["f"].to_list() == [1] * 6 + [4, 4, 5, 5]
    assert found.empty_scores["f"] == [2, 3]


def test_a_one_time_buyer_is_never_loyal_even_with_the_highest_spend_today() -> None:
    rich = {"orders": 1, "days_since_last": 0, "value_real": Decimal(10**6)}
    customer = mart([rich] + [{"orders": 1, "days_since_last": 90}] * 3 + [{"orders": 2}] * 6)
    found = rfm.score(customer).scores.filter(pl.col("customer_id") == "c00000").row(0, named=True)
    assert found["f"] == 1
    assert found["segment"] == "recent"


def test_real_money_changes_the_score_where_prices_rose() -> None:
    early = {"value": Decimal(100), "value_real": Decimal(300)}
    late = {"value": Decimal(200), "value_real": Decimal(200)}
    customer = mart([early, late] * 5)
    real = rfm.score(customer, rfm.RfmSpec(money="real")).scores["m"].to_list()
    nominal = rfm.score(customer, rfm.RfmSpec(money="nominal")).scores["m"].to_list()
    assert real[0] > real[1]
    assert nominal[0] < nominal[1]


def test_customers_with_returns_alone_are_not_scored() -> None:
    customer = mart([{"purchase_days": 0, "orders": 0, "last_day": None}, {}])
    assert rfm.score(customer).customers == 1


def test_nobody_is_a_normal_answer() -> None:
    found = rfm.score(mart([]))
    assert found.segments.is_empty()
    assert found.headline("en") == "No customer has bought yet."


def test_row_order_does_not_matter() -> None:
    customer = random_mart(3, 200)
    shuffled = customer.sample(fraction=1, shuffle=True, seed=1)
    assert rfm.score(customer).scores.equals(rfm.score(shuffled).scores)


@pytest.mark.parametrize(("field", "value"), [("frequency", "weeks"), ("money", "gold")])
def test_a_wrong_spec_echoes_its_value(field: str, value: str) -> None:
    with pytest.raises(ValueError, match=value):
        rfm.RfmSpec(**{field: value})  # type: ignore[arg-type]


_CUSTOMER = st.fixed_dictionaries(
    {
        "days_since_last": st.integers(0, 12),
        "orders": st.integers(1, 6),
        "value_real": st.integers(-20, 20).map(lambda n: Decimal(n) / 8),
    }
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_CUSTOMER, min_size=1, max_size=40))
def test_cuts_score_their_own_customers_as_the_quintiles_do(rows: list[dict[str, Any]]) -> None:
    customer = mart(rows)
    quintiles = rfm.score(customer)
    fixed = rfm.score(customer, rfm.RfmSpec(cuts=rfm.cuts_of(quintiles)))
    assert fixed.scores.equals(quintiles.scores)


@settings(max_examples=100, deadline=None)
@given(st.lists(_CUSTOMER, min_size=1, max_size=30), st.lists(_CUSTOMER, min_size=1, max_size=30))
def test_cuts_place_others_where_the_first_customers_would(
    first: list[dict[str, Any]], others: list[dict[str, Any]]
) -> None:
    cuts = rfm.cuts_of(rfm.score(mart(first)))
    found = rfm.score(mart(others), rfm.RfmSpec(cuts=cuts)).scores

    def place(value: Any, among: list[Any]) -> int:
        """Count how many of the first are strictly below, in fifths of them."""
        return min(sum(a < value for a in among) * 5 // len(among) + 1, 5)

    for row, score in zip(others, found.iter_rows(named=True), strict=True):
        days, firsts = -row["days_since_last"], [-a["days_since_last"] for a in first]
        assert score["r"] == place(days, firsts)
        assert score["f"] == place(row["orders"], [a["orders"] for a in first])
        assert score["m"] == place(row["value_real"], [a["value_real"] for a in first])


def test_an_analysts_thresholds_are_passed_by_more_and_by_fewer_days() -> None:
    cuts = rfm.Cuts(
        recency_days=(365, 180, 90, 30),
        frequency=(1, 2, 4, 9),
        monetary=(Decimal(100), Decimal(200), Decimal("299.99995"), Decimal(1000)),
    )
    rows = [
        {"days_since_last": 365, "orders": 1, "value_real": Decimal(100)},
        {"days_since_last": 364, "orders": 2, "value_real": Decimal("100.0001")},
        {"days_since_last": 29, "orders": 10, "value_real": Decimal("1000.0001")},
        {"days_since_last": 30, "orders": 9, "value_real": Decimal("299.9999")},
        {"days_since_last": 30, "orders": 9, "value_real": Decimal(300)},
    ]
    found = rfm.score(mart(rows), rfm.RfmSpec(cuts=cuts)).scores
    assert found.select("r", "f", "m").rows() == [
        (1, 1, 1),
        (2, 2, 2),
        (5, 5, 5),
        (4, 4, 3),
        (4, 4, 4),
    ]


@pytest.mark.parametrize(
    ("field", "thresholds", "told"),
    [
        ("recency_days", (30, 90, 180, 365), "falling"),
        ("frequency", (1, 2, 2), "4 rising"),
        ("frequency", (0, 1, 2, 3), "begin at 1"),
        ("monetary", (Decimal(2), Decimal(1), Decimal(3), Decimal(4)), "rising"),
    ],
)
def test_thresholds_out_of_order_are_refused(field: str, thresholds: Any, told: str) -> None:
    good = {
        "recency_days": (9, 8, 7, 6),
        "frequency": (1, 2, 3, 4),
        "monetary": tuple(map(Decimal, range(4))),
    }
    with pytest.raises(ValueError, match=told):
        rfm.Cuts(**good | {field: thresholds})


def test_there_are_no_cuts_of_nobody() -> None:
    with pytest.raises(ValueError, match="at least one"):
        rfm.cuts_of(rfm.score(mart([])))


def test_lapsed_customers_join_as_a_group_without_scores() -> None:
    year = random_mart(4, 90)
    gone = {"days_since_last": 800, "value": Decimal(70), "value_real": Decimal(70)}
    everybody = pl.concat([year, mart([gone] * 100)[90:]])  # ids go on where the year's end
    scored = rfm.score(year, rfm.RfmSpec(months=12))
    found = rfm.with_lapsed(scored, everybody)
    assert found.customers == 90
    assert found.segments["customers"].sum() == 100
    assert found.segments["share"].sum() == pytest.approx(1)
    last = found.segments.row(-1, named=True)
    assert (last["segment"], last["customers"], last["value"]) == (segments.LAPSED, 10, 0)
    assert found.scores.filter(pl.col("segment") == segments.LAPSED)["r"].null_count() == 10
    assert rfm.cuts_of(found) == rfm.cuts_of(scored)
    kept = found.scores.filter(pl.col("segment") != segments.LAPSED)
    assert kept.equals(scored.scores)
