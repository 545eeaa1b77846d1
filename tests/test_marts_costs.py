"""Costs, the mix and the windows that hold them, against plain loops over the same rows."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal

import polars as pl
import pytest

from crmlib import marts
from crmlib.marts import calendar
from tests.ledgers import AS_OF, day_of, fold_of, ledger_of, lines, made_up, month_of

NOTHING = Decimal(0)
LAST = calendar.day_number(AS_OF)
WINDOWS = [
    (date(2023, 12, 31), date(2024, 1, 1)),
    (date(2024, 2, 29), date(2024, 3, 1)),
    (date(2023, 12, 1), AS_OF),
]


def dec(value) -> Decimal:
    return NOTHING if value is None else Decimal(str(value))


@pytest.fixture(scope="module", params=[1, 2, 3])
def made(request, tmp_path_factory):
    """Return marts, and the tables that they were made of."""
    folder = tmp_path_factory.mktemp("shop")
    tables = made_up(random.Random(request.param))
    return marts.build(ledger_of(folder, **tables), folder / "out", as_of=AS_OF), tables


def spent(tables):
    """Give every cost as (customer, fold, day, kind, amount), by loops over the rows."""
    bought = [x for x in tables["order_lines"] if x["day"] <= LAST]
    for parcel in tables["deliveries"]:
        own = [x for x in bought if x["order_id"] == parcel["order_id"]]
        own = [x for x in own if x["order_head"]] or own
        if own:
            names = [x["customer_id"] for x in own if x["customer_id"]]
            who = min(names, default=None)
            fold = fold_of(who or parcel["order_id"])
            yield who, fold, min(x["day"] for x in own), "freight", dec(parcel["cost"])
    for call in tables["service"]:
        day, who = day_of(call["opened"]), call["customer_id"]
        if day <= LAST:
            yield who, fold_of(who) if who else day % 64, day, "service", dec(call["cost"])
    usual = {c["campaign_id"]: c.get("cost_per_contact") for c in tables["campaigns"]}
    for sent in tables["contacts"]:
        day, who, cost = day_of(sent["sent_at"]), sent["customer_id"], sent["cost"]
        if day <= LAST:
            cost = usual.get(sent["campaign_id"]) if cost is None else cost
            yield who, fold_of(who), day, "contacts", dec(cost)


def test_costs_of_customers(made):
    opened, tables = made
    expected = defaultdict(lambda: dict.fromkeys(("freight", "service", "contacts"), NOTHING))
    for who, fold, day, kind, amount in spent(tables):
        if who:
            expected[who, fold, day][kind] += amount
    found = opened.customer_costs.collect()
    for row in found.rows(named=True):
        key = row["customer_id"], row["fold"], row["day"]
        assert {k: row[k] for k in expected[key]} == expected.pop(key)
        assert row["month"] == month_of(calendar.from_day(row["day"]))
    assert all(not any(v.values()) for v in expected.values())  # days that cost nothing
    assert found.height > 20


def test_sums_of_costs_are_all_that_was_spent(made):
    opened, tables = made
    expected = defaultdict(lambda: NOTHING)
    for who, fold, day, kind, amount in spent(tables):
        month = month_of(calendar.from_day(day))
        expected[month, int(who is not None), fold, kind] += amount
    found = {
        (r["month"], r["identified"], r["fold"], kind): r[kind]
        for r in opened.costs.collect().rows(named=True)
        for kind in ("freight", "service", "contacts")
        if r[kind]
    }
    assert found == {k: v for k, v in expected.items() if v}
    assert {k[1] for k in found} == {0, 1}


def test_freight_of_unknown_orders_is_noted_and_charged_to_nobody(made):
    opened, tables = made
    known = {x["order_id"] for x in tables["order_lines"]}
    lost = {d["order_id"] for d in tables["deliveries"] if d["cost"] is not None} - known
    notes = [n["fields"] for n in opened.manifest["notes"] if "orders" in n["fields"]]
    assert notes == ([{"orders": len(lost)}] if lost else [])
    total = sum(dec(d["cost"]) for d in tables["deliveries"] if d["order_id"] in known)
    later = {x["order_id"] for x in tables["order_lines"]} - {
        x["order_id"] for x in tables["order_lines"] if x["day"] <= LAST
    }
    total -= sum(dec(d["cost"]) for d in tables["deliveries"] if d["order_id"] in later)
    assert opened.costs.collect()["freight"].sum() == total


def cell(row) -> tuple:
    category = {"p0": "Food", "p1": "Food", "p2": "Toys"}.get(row["product_id"])
    return row["customer_id"], category, row["channel"]


def test_the_mix_of_a_window(made):
    opened, tables = made
    for first, last in WINDOWS:
        inside = range(calendar.day_number(first), calendar.day_number(last) + 1)
        expected = defaultdict(lambda: [0, NOTHING, NOTHING, NOTHING])
        for x in tables["order_lines"]:
            if x["customer_id"] and x["day"] in inside:
                sums = expected[cell(x)]
                if x["quantity"] > 0:
                    sums[0] += 1
                    sums[1] += x["value"]
                    sums[2] += dec(x["discount"])
                if x["quantity"] < 0:
                    sums[3] += x["value"]
        found = opened.mix_between(first, last).collect()
        names = ["purchase_lines", "value", "discount", "returns"]
        keys = found.select("customer_id", "category", "channel").rows()
        assert dict(zip(keys, map(list, found.select(names).rows()), strict=True)) == expected
        assert all(fold_of(c) == f for c, f in found.select("customer_id", "fold").rows())


def test_the_channel_of_a_customer(made):
    opened, tables = made
    for first, last in WINDOWS:
        inside = range(calendar.day_number(first), calendar.day_number(last) + 1)
        worth = defaultdict(lambda: defaultdict(lambda: NOTHING))
        for x in tables["order_lines"]:
            if x["customer_id"] and x["day"] in inside and x["quantity"] > 0:
                worth[x["customer_id"]][x["channel"] or ""] += x["value"]
        expected = {c: min(v, key=lambda n: (-v[n], n)) for c, v in worth.items()}
        assert dict(opened.channels_between(first, last).collect().rows()) == expected


def test_of_two_equal_channels_the_first_by_name(tmp_path):
    at = datetime(2024, 3, 1)
    rows = [
        {"order_id": n, "customer_id": c, "ordered_at": at, "product_id": "p", "quantity": 1,
         "value": v, "channel": n}
        for c, n, v in (("ann", "web", 5), ("ann", "store", 5), ("ben", "web", 6), ("ben", "a", 5),
                        ("cem", None, 5), ("cem", "z", 5))
    ]  # fmt: skip
    rows = [r | {"order_id": f"{i}"} for i, r in enumerate(rows)]
    opened = marts.build(ledger_of(tmp_path, order_lines=lines(*rows)), tmp_path / "o", as_of=AS_OF)
    found = dict(opened.channels_between(date(2024, 3, 1), AS_OF).collect().rows())
    assert found == {"ann": "store", "ben": "web", "cem": ""}


@pytest.mark.parametrize("window", WINDOWS)
def test_profit_and_costs_of_a_window(made, window):
    opened, tables = made
    first, last = map(calendar.day_number, window)
    margin, days = defaultdict(lambda: NOTHING), defaultdict(list)
    net = defaultdict(lambda: NOTHING)
    for x in tables["order_lines"]:
        if x["customer_id"] and first <= x["day"] <= last:
            margin[x["customer_id"]] += dec(x["margin"])
            if x["quantity"] > 0:
                days[x["customer_id"]].append(x["day"])
                net[x["customer_id"]] += dec(x["discount_net"])
    costs = defaultdict(lambda: dict.fromkeys(("freight", "service", "contacts"), NOTHING))
    for who, _, day, kind, amount in spent(tables):
        if first <= day <= last:
            costs[who][kind] += amount
    found = opened.customer_between(*window).collect()
    assert set(found["customer_id"]) == set(margin)
    for row in found.rows(named=True):
        who = row["customer_id"]
        assert {k: row[k] for k in costs[who]} == costs[who]
        assert row["profit"] == margin[who] - sum(costs[who].values())
        assert row["discount_net"] == net[who]
        since = last - max(days[who]) if days[who] else None
        assert row["days_since_last"] == since


def test_the_customer_mart_is_the_window_of_all_time(made):
    opened, _ = made
    whole = opened.customer_between(date(2000, 1, 1), AS_OF).collect().sort("customer_id")
    customer = opened.customer.collect()
    shared = [c for c in whole.columns if c in customer.columns]
    assert {"discount_net", "freight", "service", "contacts", "profit"} <= set(shared)
    assert customer.select(shared).equals(whole.select(shared))
    at = opened.customer_at(date(2024, 2, 29)).collect()
    window = opened.customer_between(date(2000, 1, 1), date(2024, 2, 29)).collect()
    assert at.select(shared).equals(window.sort("customer_id").select(shared))


def test_people_are_all_of_the_customer_file(made):
    opened, tables = made
    people = opened.people.collect()
    joined = {c["customer_id"]: c["joined_at"] for c in tables["customers"]}
    expected = {c: day_of(at) if at else None for c, at in joined.items()}
    assert dict(people.select("customer_id", "joined_day").rows()) == expected
    assert people.columns[:8] == [
        "customer_id", "fold", "region", "city", "sex", "birth_year", "account_type",
        "acquisition_channel",
    ]  # fmt: skip


# --- Ledgers without order lines ------------------------------------------------------------------


def test_the_as_of_day_comes_from_whatever_happened(tmp_path):
    calls = [
        {"customer_id": "ann", "opened": datetime(2024, 3, 1, 9), "cost": 2},
        {"customer_id": "ann", "opened": datetime(2024, 3, 5, 9), "cost": 3},
    ]
    opened = marts.build(ledger_of(tmp_path, service=calls), tmp_path / "out")
    assert (opened.begins, opened.as_of) == (date(2024, 3, 1), date(2024, 3, 4))
    assert opened.tables == ("service",)
    assert opened.costs.collect()["service"].to_list() == [Decimal(2)]
    assert opened.customer.collect().is_empty()


def test_order_lines_decide_on_the_as_of_day_where_there_are_any(tmp_path):
    made = ledger_of(
        tmp_path,
        order_lines=lines(
            {"order_id": "1", "customer_id": "ann", "ordered_at": datetime(2024, 3, 1),
             "product_id": "p", "quantity": 1, "value": 1}
        ),
        service=[{"customer_id": "ann", "opened": datetime(2024, 5, 5), "cost": 2}],
    )  # fmt: skip
    opened = marts.build(made, tmp_path / "out")
    assert opened.as_of == date(2024, 3, 1)
    assert opened.tables == ("order_lines", "service")
    assert opened.costs.collect().is_empty()


def test_a_ledger_without_any_day_ends_when_days_begin(tmp_path):
    opened = marts.build(ledger_of(tmp_path, customers=[{"customer_id": "a"}]), tmp_path / "out")
    assert opened.as_of == date(1970, 1, 1)  # never the clock
    assert opened.people.collect().height == 1


@pytest.mark.parametrize("day", [date(1899, 12, 31), date(1900, 3, 1), date(1969, 12, 31),
                                 date(1970, 1, 1), date(2000, 2, 29), date(2000, 12, 31),
                                 date(2024, 2, 29), date(2100, 3, 1)])  # fmt: skip
def test_days_of_dates(day):
    import narwhals as nw

    frame = nw.from_native(pl.LazyFrame({"d": [day]}))
    found = frame.select(n=calendar.day_of(nw.col("d"))).to_native().collect()
    assert found.rows() == [((day - date(1970, 1, 1)).days,)]
    assert found.schema["n"] == pl.Int32
