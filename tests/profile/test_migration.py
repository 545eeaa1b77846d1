"""Moves by behaviour against moves of the ruler, counted by hand and with known truth."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from crmlib.marts.calendar import day_number
from crmlib.profile import migration, rfm, segments
from crmlib.profile.migration import MigrationSpec
from crmlib.profile.segments import LAPSED, NOT_YET
from tests.profile.frames import mart
from tests.profile.test_rfm import _segment

UNTIL = date(2025, 6, 30)
SPEC = MigrationSpec(UNTIL, months=12)
SINCE = day_number(SPEC.since)
TOP = {"champions", "loyal"}


def _year(rng: random.Random, who: list[str]) -> dict[str, dict[str, Any]]:
    """Draw what some customers did in twelve months."""
    return {
        name: {
            "customer_id": name,
            "fold": int(name) % 64,
            "days_since_last": rng.choice([0, 3, 30, 30, 100, 250, 360]),
            "orders": rng.choice([1, 1, 1, 2, 3, 6]),
            "value_real": Decimal(rng.choice([5, 10, 10, 40, 90])),
        }
        for name in who
    }


def _frame(year: dict[str, dict[str, Any]]) -> pl.DataFrame:
    return mart(list(year.values()))


def _known(first_days: dict[str, int]) -> pl.DataFrame:
    """Make the customer mart at the second date."""
    rows = [{"customer_id": c, "fold": int(c) % 64, "first_day": d} for c, d in first_days.items()]
    return mart(rows)


def _place(row: dict[str, Any], among: dict[str, dict[str, Any]]) -> str:
    """Score by counting how many of ``among`` are strictly below, in fifths of them."""

    def score(value: Any, others: list[Any]) -> int:
        return min(sum(o < value for o in others) * 5 // len(others) + 1, 5)

    return _segment(
        score(-row["days_since_last"], [-o["days_since_last"] for o in among.values()]),
        score(row["orders"], [o["orders"] for o in among.values()]),
        score(row["value_real"], [o["value_real"] for o in among.values()]),
    )


@pytest.mark.parametrize("seed", range(6))
def test_moves_equal_a_count_by_hand(seed: int) -> None:
    rng = random.Random(seed)
    names = [f"{i:04}" for i in range(120)]
    before = _year(rng, rng.sample(names[:90], 60))
    now = _year(rng, rng.sample(names, 70))
    first_days = {
        c: SINCE - rng.randint(0, 900) if c in names[:90] else SINCE + rng.randint(1, 300)
        for c in names
    }
    found = migration.measure(_frame(before), _frame(now), SPEC, customer=_known(first_days))

    moves: Counter[tuple[str, str]] = Counter()
    value: Counter[tuple[str, str]] = Counter()
    ruler: Counter[tuple[str, str]] = Counter()
    top = {"before": 0, "now": 0, "fresh": 0}
    stake = Decimal(0)
    for c in names:
        absent = LAPSED if first_days[c] <= SINCE else NOT_YET
        a = _place(before[c], before) if c in before else absent
        b = _place(now[c], before) if c in now else LAPSED
        fresh = _place(now[c], now) if c in now else LAPSED
        worth = before[c]["value_real"] if c in before else now[c]["value_real"] if c in now else 0
        moves[a, b] += 1
        value[a, b] += worth
        if b != fresh:
            ruler[b, fresh] += 1
        top["before"] += a in TOP
        top["now"] += b in TOP
        top["fresh"] += fresh in TOP
        if a in TOP and b not in TOP:
            stake += worth
    assert {(m["from"], m["to"]): m["customers"] for m in found.moves.rows(named=True)} == moves
    assert {(m["from"], m["to"]): m["value"] for m in found.moves.rows(named=True)} == value
    assert dict(((a, b), n) for a, b, n in found.ruler.rows()) == ruler
    assert (found.top_before, found.top_now, found.top_fresh) == tuple(top.values())
    assert found.left == sum(n for (a, b), n in moves.items() if a in TOP and b not in TOP)
    assert found.entered == sum(n for (a, b), n in moves.items() if a not in TOP and b in TOP)
    assert found.at_stake == float(stake)
    assert found.customers == 120
    shares = found.moves.group_by("from").agg(pl.col("share").sum())["share"].to_list()
    assert shares == pytest.approx([1] * len(shares))


def _shop(n: int, orders: int = 1, value: int = 1) -> list[dict[str, Any]]:
    """Make a shop whose customers all differ: the i-th is the i-th best in everything."""
    return [
        {
            "days_since_last": n - i,
            "orders": (i + 1) * orders,
            "value_real": Decimal((i + 1) * value),
        }
        for i in range(n)
    ]


def test_where_all_buy_twice_as_much_frozen_cut_points_see_it_and_quintiles_do_not() -> None:
    before, now = mart(_shop(100)), mart(_shop(100, orders=2, value=2))
    found = migration.measure(before, now, SPEC, customer=mart([{}] * 100))
    # The middle fifth is as recent as before, and orders now what the best did: it is loyal.
    assert (found.top_before, found.top_now, found.entered, found.left) == (40, 60, 20, 0)
    # Quintiles compare customers with each other, so by them nobody moved.
    assert found.top_fresh == 40
    assert found.ruler.filter(pl.col("segment") == "loyal")["customers"].sum() == 20
    assert found.net_change.value == pytest.approx(0.5)


def test_where_only_small_new_buyers_come_quintiles_move_and_nobody_else_does() -> None:
    old = _shop(100)
    small = [{"days_since_last": 365, "orders": 1, "value_real": Decimal(0)}] * 100
    everybody = mart([{}] * 100 + [{"first_day": SINCE + 1}] * 100)
    spec = replace(SPEC, until=UNTIL)
    customer = everybody.with_columns(
        first_day=pl.when(pl.col("first_day") > SINCE).then("first_day").otherwise(SINCE)
    )
    found = migration.measure(mart(old), mart(old + small), spec, customer=customer)
    stayed = found.moves.filter(pl.col("from") != NOT_YET)
    assert (stayed["from"] == stayed["to"]).all()
    assert (found.left, found.entered, found.at_stake) == (0, 0, 0)
    assert found.top_now == found.top_before
    assert found.top_fresh > found.top_before  # the crowd at the bottom lifts the others
    note = found.ruler_note("en")
    assert f"0 by behaviour, +{found.top_fresh - found.top_before} because the ruler" in note


def test_fixed_thresholds_never_move() -> None:
    cuts = rfm.Cuts((300, 200, 100, 50), (1, 2, 3, 4), tuple(map(Decimal, (10, 20, 30, 40))))
    spec = replace(SPEC, rfm=rfm.RfmSpec(cuts=cuts, months=12))
    now = mart(_shop(100, orders=3, value=3))
    found = migration.measure(mart(_shop(100)), now, spec, customer=mart([{}] * 100))
    assert found.ruler.is_empty()
    assert found.top_now == found.top_fresh
    assert found.left != found.entered


def test_who_was_there_before_is_lapsed_and_who_was_not_is_no_customer_yet() -> None:
    names = ["0000", "0001", "0002", "0003", "0004"]
    days = dict(zip(names, [SINCE - 50, SINCE, SINCE + 1, SINCE - 800, 99_999], strict=True))
    rng = random.Random(1)
    before, now = _year(rng, names[:1]), _year(rng, names[1:3])
    found = migration.measure(_frame(before), _frame(now), SPEC, customer=_known(days))
    path = {r["customer_id"]: (r["from"], r["to"]) for r in found.paths.rows(named=True)}
    assert path["0000"][1] == LAPSED
    assert path["0001"][0] == LAPSED  # the first date counts as before
    assert path["0002"][0] == NOT_YET
    assert path["0003"] == (LAPSED, LAPSED)
    assert "0004" not in path  # comes after the second date
    assert found.largest(9).filter(pl.col("from") == pl.col("to")).is_empty()


def test_groups_keep_the_segments_of_the_whole_and_add_up_to_it() -> None:
    rng = random.Random(5)
    names = [f"{i:04}" for i in range(150)]
    before, now = _year(rng, names[:120]), _year(rng, names[30:])
    days = dict.fromkeys(names[:120], SINCE) | dict.fromkeys(names[120:], SINCE + 5)
    whole = migration.measure(_frame(before), _frame(now), SPEC, customer=_known(days))
    parts = [migration.summarise(whole.paths[i::3], SPEC) for i in range(3)]
    for name in ("left", "entered", "at_stake", "top_before", "top_now", "top_fresh", "customers"):
        assert sum(getattr(p, name) for p in parts) == getattr(whole, name)
    assert all(p.customers < whole.customers for p in parts)


@pytest.mark.parametrize(
    ("until", "months", "since", "needs_from"),
    [
        (date(2025, 6, 30), 1, date(2025, 5, 31), date(2024, 6, 1)),
        (date(2025, 6, 30), 3, date(2025, 3, 31), date(2024, 4, 1)),
        (date(2025, 2, 28), 12, date(2024, 2, 29), date(2023, 3, 1)),
        (date(2024, 2, 29), 12, date(2023, 2, 28), date(2022, 3, 1)),
        (date(2025, 3, 30), 1, date(2025, 2, 28), date(2024, 3, 1)),
        (date(2025, 1, 15), 3, date(2024, 10, 15), date(2023, 10, 16)),
    ],
)
def test_the_first_date(until: date, months: int, since: date, needs_from: date) -> None:
    spec = MigrationSpec(until, months=months)
    assert (spec.since, spec.needs_from) == (since, needs_from)


def test_headline_flips_and_hides() -> None:
    good, bad = _shop(100), list(reversed(_shop(100)))
    before, now = mart(good), mart(bad)
    found = migration.measure(before, now, SPEC, customer=mart([{}] * 100), currency="EUR")
    assert found.headline("en") == (
        f"Since June 2024 {found.left} customers left the top segments, {found.entered} entered; "
        f"€{found.at_stake:,.0f} at stake."
    )
    assert found.left > 0
    same = migration.measure(before, before, SPEC, customer=mart([{}] * 100))
    assert "0 customers left the top segments, 0 entered" in same.headline("en")
    few = replace(found, left=None, at_stake=None, fewer_than=10)
    assert few.headline("en") == (
        f"Since June 2024 at most 9 customers left the top segments, {found.entered} entered."
    )
    for shown in (found, few):
        assert shown.headline("tr") != shown.headline("en")
    mid = replace(found, spec=MigrationSpec(date(2025, 6, 12), months=1))
    assert mid.headline("en").startswith("Since 12 May 2025 ")


def test_nobody_before_is_a_normal_answer() -> None:
    found = migration.measure(mart([]), mart(_shop(3)), SPEC, customer=mart([{}] * 3))
    assert found.why_not == migration.NOBODY
    assert found.moves.is_empty()
    assert found.headline("en") == "Nobody had bought by then: there is nothing to compare with."


def test_a_mart_of_other_customers_is_refused() -> None:
    with pytest.raises(ValueError, match="whole mart"):
        migration.measure(mart(_shop(5)), mart(_shop(5)), SPEC, customer=mart([{}] * 4))


@pytest.mark.parametrize(
    ("changed", "told"),
    [({"months": 0}, "0"), ({"top": ("kings",)}, "kings"), ({"top": ()}, "top")],
)
def test_a_wrong_spec_echoes_its_value(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        MigrationSpec(UNTIL, **changed)


def test_intervals_cover_the_truth() -> None:
    """Draw shops whose customers leave and enter the top with known chances."""
    rng, runs, leave, enter = random.Random(11), 300, 0.3, 0.1
    truth = {"left_share": leave, "net_change": (0.25 * (1 - leave) + 0.75 * enter) / 0.25 - 1}
    hits: Counter[str] = Counter()
    for _ in range(runs):
        was = [rng.random() < 0.25 for _ in range(800)]
        is_now = [rng.random() < (1 - leave if w else enter) for w in was]
        paths = pl.DataFrame(
            {
                "customer_id": [str(i) for i in range(800)],
                "fold": [rng.randrange(64) for _ in range(800)],
                "from": ["loyal" if w else "at_risk" for w in was],
                "to": ["loyal" if w else "at_risk" for w in is_now],
                "fresh": ["loyal" if w else "at_risk" for w in is_now],
                "value": [Decimal(1)] * 800,
            }
        )
        found = migration.summarise(paths, SPEC)
        for name, true in truth.items():
            hits[name] += not getattr(found, name).interval.excludes(true)
    # 0.95 within three standard errors of 300 draws.
    for name in truth:
        assert 0.95 - 3 * (0.95 * 0.05 / runs) ** 0.5 <= hits[name] / runs <= 0.988


def test_states_are_in_the_order_of_the_segments() -> None:
    moves = migration.measure(
        mart(_shop(50)), mart(_shop(50)), SPEC, customer=mart([{}] * 50)
    ).moves
    places = [segments.ORDER.index(key) for key in moves["from"]]
    assert places == sorted(places)
