"""The marts against plain loops over made-up ledgers that hold every odd case."""

import random
from collections import Counter, defaultdict
from datetime import date, datetime
from decimal import Decimal

import narwhals as nw
import polars as pl
import pytest

from crmlib import marts
from crmlib.errors import ContractError, WorkspaceError
from crmlib.marts.packed import Packed
from tests.conftest import COLUMNS

EPOCH = date(1970, 1, 1)
AS_OF = date(2024, 12, 31)
NOTHING = Decimal(0)
COSTED = [*COLUMNS, "discount", "unit_cost"]

ODD = [
    # over midnight, over a month's end, over a year's end, on a leap day
    ("o1", "ann", "2024-02-29 23:59", "p", 1, 10, None, 4),
    ("o1", "ann", "2024-03-01 00:01", "q", 2, 5, 1, None),
    ("o2", "ann", "2023-12-31 23:59", "p", 1, 10, None, 4),
    ("o2", "ann", "2024-01-01 00:00", "p", 1, 10, None, 12),
    # one id used by two customers, and by nobody
    ("o3", "ben", "2024-03-01 10:00", "p", 1, 10, None, 4),
    ("o3", "cem", "2024-03-01 10:00", "p", 1, 10, None, 4),
    ("o3", None, "2024-03-01 10:00", "p", 1, 10, None, 4),
    # several orders on a day; the same moment; identical lines
    ("o4", "ben", "2024-03-01 10:00", "q", 1, 3, None, None),
    ("o4", "ben", "2024-03-01 10:00", "q", 1, 3, None, None),
    # a day with a return alone; a return in an order of its own
    ("o3", "ben", "2024-04-05 11:00", "p", -1, 10, None, 4),
    ("r1", "ben", "2024-05-05 11:00", "q", -2, 3, None, None),
    # returns alone; a return before the first purchase; nothing but zero
    ("r2", "deniz", "2024-06-01 09:00", "p", -1, 10, None, 4),
    ("r3", "ece", "2024-06-01 09:00", "p", -1, 10, None, 4),
    ("o5", "ece", "2024-07-01 09:00", "p", 3, 10, None, 0),
    ("o6", "fay", "2024-07-01 09:00", "gift", 0, 0, None, None),
    # the as-of day itself, and the day after
    ("o7", "cem", "2024-12-31 23:00", "z", 1, 7, None, None),
    ("o8", "cem", "2025-01-01 01:00", "z", 1, 7, None, None),
    ("o9", "gus", "2025-01-01 01:00", "z", 1, 7, None, None),
]  # fmt: skip


def random_rows(seed, rows=1200):
    draw = random.Random(seed)
    return [
        (f"o{draw.randrange(400)}", draw.choice([None, *(f"c{i}" for i in range(60))]),
         f"202{draw.randrange(2, 5)}-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02} "
         f"{draw.randrange(24):02}:00",
         f"p{draw.randrange(9)}", draw.choice([1, 1, 2, 0.5, -1, 0]), draw.randrange(999) / 100,
         draw.choice([None, 0.25]), draw.choice([None, 1.5, 9]))
        for _ in range(rows)
    ]  # fmt: skip


LEDGERS = {"odd": ODD, "random": random_rows(1), "one customer": [ODD[0]]}


@pytest.fixture(scope="module", params=LEDGERS)
def made(request, new_shop):
    """Return marts and the ledger's lines (as dicts) that they were made of."""
    shop = new_shop()
    shop.rows(*LEDGERS[request.param], columns=COSTED)
    opened = shop.build(as_of=AS_OF)
    lines = opened.ledger("order_lines").collect().rows(named=True)
    assert len(lines) == len(LEDGERS[request.param])
    return opened, [line for line in lines if line["day"] <= (AS_OF - EPOCH).days]


def added(lines, column="value"):
    return sum((line[column] for line in lines if line[column] is not None), NOTHING)


def by(lines, *keys):
    groups = defaultdict(list)
    for line in lines:
        groups[tuple(line[k] for k in keys)].append(line)
    return groups


def money_of(lines):
    """Sum the money of some lines by hand."""
    returned = [x for x in lines if x["quantity"] < 0]
    costed = [x for x in lines if x["margin"] is not None]
    return {
        "value": added(lines),
        "returns": added(returned),
        "margin": added(lines, "margin"),
        "value_costed": added(costed),
    }


def test_visits(made):
    opened, lines = made
    named = [x for x in lines if x["customer_id"] is not None]
    first_line = {}
    for x in sorted(named, key=lambda x: (x["customer_id"], x["ordered_at"])):
        if x["quantity"] > 0:
            first_line.setdefault((x["customer_id"], x["order_id"]), x["day"])
    expected = {}
    for (customer, day), visit in by(named, "customer_id", "day").items():
        below = [x for x in visit if x["quantity"] >= 0 and (x["margin"] or 0) < 0]
        expected[customer, day] = money_of(visit) | {
            "orders": sum(c == customer and d == day for (c, _), d in first_line.items()),
            "lines": len(visit),
            "purchase_lines": sum(x["quantity"] > 0 for x in visit),
            "quantity": added(visit, "quantity"),
            "month": visit[0]["month"],
            "fold": visit[0]["fold"],
            "margin_returns": added([x for x in visit if x["quantity"] < 0], "margin"),
            "margin_below_cost": added(below, "margin"),
            "discount_net": added([x for x in visit if x["quantity"] > 0], "discount_net"),
            "value_real": added(visit),
        }
    visits = opened.visits.collect()
    keys = visits.select("month", "customer_id", "day").rows()
    assert keys == sorted((e["month"], *key) for key, e in expected.items())
    for row in visits.fill_null(0).rows(named=True):
        wanted = expected[row["customer_id"], row["day"]]
        assert {k: row[k] for k in wanted} == wanted


def test_the_visits_of_a_window_are_read_from_its_months_alone(shop):
    days = ["2023-12-31", "2024-01-15", "2024-02-29", "2024-03-31"]
    shop.rows(*((i, "c", day, "p", 1, 1) for i, day in enumerate(days)))
    opened = shop.build(as_of=date(2024, 2, 29))
    folder = shop.workspace / "builds" / opened.build / "customers" / "visits"
    december, january, february = sorted(folder.iterdir())
    december.write_bytes(b"")
    february.write_bytes(b"")
    inside = opened.customer_between(date(2024, 1, 2), date(2024, 1, 31)).collect()
    assert inside["lines"].to_list() == [1]
    for call in (
        lambda: opened.visits,
        lambda: opened.customer_at(date(2024, 1, 31)),
        lambda: opened.customer_between(date(2024, 1, 2), date(2024, 2, 1)),
    ):
        with pytest.raises(WorkspaceError, match=r"customers/visits/\d+\.parquet is damaged"):
            call()
    january.unlink()
    with pytest.raises(WorkspaceError, match=f"{january.name} is missing"):
        opened.customer_between(date(2024, 1, 2), date(2024, 1, 31))


@pytest.mark.parametrize(
    "window",
    [
        (date(2020, 1, 1), date(2020, 1, 31)),
        (date(2024, 2, 1), date(2024, 2, 29)),
        (date(2025, 1, 1), date(2025, 12, 31)),
        (date(2024, 3, 2), date(2024, 3, 1)),
    ],
)
def test_a_window_without_visits_is_empty(shop, window):
    shop.rows(("1", "c", "2024-01-15", "p", 1, 1), ("2", "c", "2024-03-31", "p", 1, 1))
    opened = shop.build(as_of=AS_OF)
    found = opened.customer_between(*window).collect()
    assert found.is_empty()
    full = opened.customer_between(date(2024, 1, 1), AS_OF)
    assert found.schema == full.collect_schema()


def test_customers(made):
    opened, lines = made
    as_of = (AS_OF - EPOCH).days
    found = {r["customer_id"]: r for r in opened.customer.collect().fill_null(0).rows(named=True)}
    groups = by([x for x in lines if x["customer_id"] is not None], "customer_id")
    assert set(found) == {customer for (customer,) in groups}
    for (customer,), own in groups.items():
        days = sorted({x["day"] for x in own if x["quantity"] > 0})
        row = found[customer]
        first, last = (days[0], days[-1]) if days else (0, 0)
        wanted = money_of(own) | {
            "purchase_days": len(days),
            "frequency": max(len(days) - 1, 0),
            "first_day": first,
            "last_day": last,
            "recency_days": last - first,
            "age_days": as_of - first if days else 0,
            "days_since_last": as_of - last if days else 0,
            "orders": len({x["order_id"] for x in own if x["quantity"] > 0}),
            "lines": len(own),
        }
        assert {k: row[k] for k in wanted} == wanted


def purchase_days(lines):
    days = defaultdict(set)
    for x in lines:
        if x["customer_id"] is not None and x["quantity"] > 0:
            days[x["customer_id"]].add(x["day"])
    return {customer: sorted(found) for customer, found in days.items()}


def test_gaps(made):
    opened, lines = made
    as_of = (AS_OF - EPOCH).days
    expected = Counter()
    for days in purchase_days(lines).values():
        for ordinal, (day, after) in enumerate(zip(days, [*days[1:], None], strict=True), 1):
            event = after is not None
            expected[ordinal, (after if event else as_of) - day, int(event)] += 1
    gaps = opened.gaps.group_by("ordinal", "days", "event").agg(pl.col("gaps").sum()).collect()
    assert {row[:3]: row[3] for row in gaps.rows()} == expected
    assert gaps.filter(pl.col("event") == 0)["gaps"].sum() == len(purchase_days(lines))


def test_cohorts(made):
    opened, lines = made
    began = {}
    for x in lines:
        if x["customer_id"] in purchase_days(lines) and x["quantity"] > 0:
            began[x["customer_id"]] = min(began.get(x["customer_id"], x["month"]), x["month"])
    expected = defaultdict(lambda: [0, NOTHING])
    for (customer, month), own in by(lines, "customer_id", "month").items():
        if customer in began:
            cell = expected[began[customer], month]
            cell[0] += any(x["quantity"] > 0 for x in own)
            cell[1] += added(own)
    cohorts = opened.cohorts.group_by("cohort_month", "month")
    found = cohorts.agg(pl.col("customers", "value").sum()).collect()
    assert {row[:2]: [*row[2:]] for row in found.rows()} == expected


def test_kpis_add_up_to_the_ledger_to_the_last_unit(made):
    opened, lines = made
    for x in lines:
        x["identified"] = int(x["customer_id"] is not None)
    expected = {
        key: money_of(own)
        | {
            "lines": len(own),
            "orders": sum(x["order_head"] for x in own),
            "quantity": added(own, "quantity"),
            "discount": added(own, "discount"),
            "value_filled": added([x for x in own if x["cost_filled"]]),
            "value_real": added(own),
        }
        for key, own in by(lines, "month", "identified", "fold").items()
    }
    kpis = opened.kpis.collect()
    assert kpis.select("month", "identified", "fold").rows() == sorted(expected)
    for row in kpis.fill_null(0).rows(named=True):
        wanted = expected[row["month"], row["identified"], row["fold"]]
        assert {k: row[k] for k in wanted} == wanted
    assert kpis["value"].sum() == added(lines)


def test_basket_sizes(made):
    opened, lines = made
    expected = defaultdict(lambda: [0, NOTHING])
    bought = [x for x in lines if x["quantity"] > 0]
    for basket in by(bought, "order_id", "customer_id").values():
        items = len({x["product_id"] for x in basket})
        cell = expected[min(x["month"] for x in basket), items, basket[0]["fold"]]
        cell[0] += 1
        cell[1] += added(basket)
    found = opened.basket_sizes.collect()
    assert {row[:3]: [*row[3:]] for row in found.rows()} == expected


def test_a_customer_has_one_fold_in_every_mart_and_folds_add_up(made):
    opened, lines = made
    fold = {x["customer_id"]: x["fold"] for x in lines if x["customer_id"] is not None}
    for table in (opened.visits, opened.customer):
        for row in table.select("customer_id", "fold").collect().rows():
            assert fold[row[0]] == row[1]
    people = opened.customer.collect()
    for column in ("value", "orders", "lines"):
        folds = opened.kpis.filter(pl.col("identified") == 1).group_by("fold")
        by_fold = dict(folds.agg(pl.col(column).sum()).collect().rows())
        assert by_fold == dict(people.group_by("fold").agg(pl.col(column).sum()).rows())


# --- New, or only first seen --------------------------------------------------------------------


def statuses(shop, *, joined=None, **history):
    changes = {}
    if joined:
        shop.rows(*joined, columns=["customer_id", "joined_at"], name="people.csv")
        changes["customers"] = {"files": ["people.csv"]}
    opened = shop.build(as_of=AS_OF, history=history, **changes)
    return dict(opened.customer.select("customer_id", "status").collect().rows())


FIRSTS = [
    ("1", "before", "2023-12-31", "p", 1, 1),
    ("2", "before", "2024-08-01", "p", 1, 1),
    ("3", "first day", "2024-01-01", "p", 1, 1),
    ("4", "last of burn-in", "2024-04-09", "p", 1, 1),
    ("5", "after burn-in", "2024-04-10", "p", 1, 1),
    ("6", "old card", "2024-08-01", "p", 1, 1),
    ("7", "new card", "2024-08-01", "p", 1, 1),
    ("8", "returned early", "2024-02-01", "p", -1, 1),
    ("9", "returned early", "2024-08-01", "p", 1, 1),
    ("10", "returned late", "2024-08-01", "p", -1, 1),
]
CARDS = [("old card", "2023-12-31"), ("new card", "2024-01-01"), ("before", None)]


def test_first_seen_in_all_its_ways(shop):
    """100 days from 1 January 2024 end on 9 April."""
    shop.rows(*FIRSTS)
    seen = {"before", "first day", "last of burn-in", "old card", "returned early", "returned late"}
    found = statuses(shop, joined=CARDS, complete_from=date(2024, 1, 1), burn_in_days=100)
    assert {c for c, status in found.items() if status == "first_seen"} == seen
    assert {c for c, status in found.items() if status == "new"} == {"after burn-in", "new card"}


def test_each_reason_counts_alone(shop):
    shop.rows(*FIRSTS)
    start = date(2024, 1, 1)
    none = statuses(shop, complete_from=date(2020, 1, 1), burn_in_days=0)
    assert {c for c, s in none.items() if s == "first_seen"} == {"returned late"}
    before = statuses(shop, complete_from=start, burn_in_days=0)
    assert {c for c, s in before.items() if s == "first_seen"} == {"before", "returned late"}
    joined = statuses(shop, joined=CARDS, complete_from=start, burn_in_days=0)
    assert {c for c in joined if joined[c] != before[c]} == {"old card"}
    burn_in = statuses(shop, complete_from=start, burn_in_days=100)
    differing = {"first day", "last of burn-in", "returned early"}
    assert {c for c in burn_in if burn_in[c] != before[c]} == differing


def test_without_a_declaration_the_data_begin_with_their_first_day(shop):
    shop.rows(*FIRSTS)
    opened = shop.build(as_of=AS_OF, history={"burn_in_days": 1})
    assert opened.complete_from == date(2023, 12, 31)
    new = opened.customer.filter(pl.col("status") == "new").collect()["customer_id"]
    assert "before" not in new.to_list()


def test_cohorts_and_gaps_tell_new_from_first_seen(shop):
    shop.rows(*FIRSTS)
    opened = shop.build(history={"complete_from": date(2024, 1, 1), "burn_in_days": 100})
    for mart, count in ((opened.cohorts, "customers"), (opened.gaps, "gaps")):
        sums = dict(mart.group_by("status").agg(pl.col(count).sum()).collect().rows())
        assert set(sums) == {"new", "first_seen"}
    customers = opened.cohorts.filter(pl.col("status") == "new").collect()["customers"].sum()
    assert customers == 3


# --- Time and prices ----------------------------------------------------------------------------

INFLATED = [
    ("1", "c", "2023-12-31 10:00", "p", 1, 100),
    ("2", "c", "2024-01-01 10:00", "p", 1, 100),
    ("3", "c", "2024-02-29 10:00", "p", 1, 100),
    ("4", "c", "2024-03-01 10:00", "p", -1, 100),
]


def index(shop, *months):
    shop.rows(*months, columns=["month", "index"], name="index.csv")
    return {"price_index": {"files": ["index.csv"], "decimal": "."}}


def real(opened):
    return opened.visits.sort("day").collect()["value_real"].to_list()


def test_real_values_are_in_prices_of_the_as_of_month(shop):
    shop.rows(*INFLATED)
    prices = index(shop, ("2023-12", 100), ("2024-01", 125), ("2024-02", 200), ("2024-03", 250))
    opened = shop.build(as_of=date(2024, 3, 31), **prices)
    assert real(opened) == [Decimal(250), Decimal(200), Decimal(125), Decimal(-100)]
    opened = shop.build(as_of=date(2024, 2, 29), **prices)
    assert real(opened) == [Decimal(200), Decimal(160), Decimal(100)]
    assert opened.kpis.collect()["value_real"].sum() == Decimal(460)


def test_late_months_take_the_last_index(shop):
    shop.rows(*INFLATED)
    prices = index(shop, ("2023-12", 100), ("2024-01", 125))
    opened = shop.build(as_of=date(2024, 3, 31), **prices)
    assert real(opened) == [Decimal(125), Decimal(100), Decimal(100), Decimal(-100)]


@pytest.mark.parametrize("lacking", ["2023-12", "2024-02"])
def test_a_missing_month_of_the_index_is_named(shop, lacking):
    shop.rows(*INFLATED)
    months = [m for m in ("2023-12", "2024-01", "2024-02", "2024-03") if m != lacking]
    with pytest.raises(ContractError, match=f"no value for {lacking};"):
        shop.build(as_of=date(2024, 3, 31), **index(shop, *((m, 100) for m in months)))
    assert not (shop.workspace / "CURRENT").exists()


def test_an_as_of_month_outside_the_index_is_named(shop):
    shop.rows(*INFLATED)
    prices = index(shop, ("2023-12", 100), *((f"2024-{m:02}", 100) for m in (1, 2, 3, 6)))
    with pytest.raises(ContractError, match="no value for 2024-05"):
        shop.build(as_of=date(2024, 5, 31), **prices)


def test_lira_over_a_year_without_an_index_carry_a_note(shop):
    shop.rows(("1", "c", "2023-01-01", "p", 1, 1), ("2", "c", "2024-01-31", "p", 1, 1))
    (note,) = shop.build(shop={"currency": "TRY"}).manifest["notes"]
    assert note["fields"] == {"months": 13}
    assert shop.build().manifest["notes"] == []
    shop.rows(("1", "c", "2023-02-01", "p", 1, 1), ("2", "c", "2024-01-31", "p", 1, 1))
    assert shop.build(shop={"currency": "TRY"}).manifest["notes"] == []


def test_lines_of_unknown_customers_are_counted(shop):
    shop.rows(*INFLATED, ("9", None, "2024-03-01", "p", 1, 1), ("9", "x", "2024-03-01", "p", 1, 1))
    shop.rows(("c",), columns=["customer_id"], name="people.csv")
    people = {"files": ["people.csv"]}
    last = shop.build(as_of=date(2024, 3, 1), customers=people)
    assert [n["fields"] for n in last.manifest["notes"]] == [{"lines": 1}]
    before = shop.build(as_of=date(2024, 2, 28), customers=people)
    assert not any("lines" in n["fields"] for n in before.manifest["notes"])


def test_idle_days_before_the_as_of_day_are_told(shop):
    shop.rows(*INFLATED)
    opened = shop.build(as_of=date(2024, 12, 31))
    (note,) = opened.manifest["notes"]
    last = opened.visits.select(pl.from_epoch("day", "d").max()).collect().item()
    assert note["fields"] == {"days": (date(2024, 12, 31) - last).days}


@pytest.mark.parametrize(
    ("times", "as_of"),
    [
        (["2024-03-01", "2024-03-03"], date(2024, 3, 3)),  # dates alone: whole days
        (["2024-03-01 00:00", "2024-03-03 14:00"], date(2024, 3, 2)),  # still under way
        (["2024-03-03 09:00", "2024-03-03 14:00"], date(2024, 3, 3)),  # all there is
        (["2023-12-31 09:00", "2024-01-01 00:00"], date(2023, 12, 31)),
    ],
)
def test_the_last_complete_day(shop, times, as_of):
    shop.rows(*((i, "c", t, "p", 1, 1) for i, t in enumerate(times)))
    opened = shop.build()
    assert opened.as_of == as_of
    assert opened.customer.collect().height == 1


def test_nothing_after_the_as_of_day_is_seen(shop):
    shop.rows(*INFLATED)
    early = shop.build(as_of=date(2024, 1, 31))
    assert early.customer.collect()["lines"].to_list() == [2]
    assert early.visits.collect().height == 2
    assert early.kpis.collect()["value"].sum() == 200
    assert early.basket_sizes.collect()["baskets"].sum() == 2
    with pytest.raises(ContractError, match="on or before the as-of day 2020-01-01"):
        shop.build(as_of=date(2020, 1, 1))


def test_sums_beyond_what_can_be_kept_are_refused_not_wrapped(shop):
    most = "99999999999999.9999"
    shop.rows(*(("1", "Kanarya", "2024-03-01", product, 1, most) for product in "pq"))
    with pytest.raises(ContractError, match="larger unit") as caught:
        shop.build()
    assert "99999" not in str(caught.value)


def test_an_unknown_engine_is_refused(shop):
    shop.rows(*INFLATED)
    with pytest.raises(ValueError, match="engine must be one of polars, duckdb, got 'abacus'"):
        marts.build(shop.read(), shop.workspace, engine="abacus")


def test_times_of_day_do_not_move_a_day(shop):
    """The ledger keeps local time; a purchase at 23:59 is of that day in every zone."""
    times = ["2024-06-30 23:59:59", "2024-07-01 00:00"]
    shop.rows(*((i, "c", time, "p", 1, 1) for i, time in enumerate(times)))
    for zone in ("Europe/Istanbul", "America/New_York", "Pacific/Auckland"):
        lines = shop.read(shop={"time_zone": zone}).order_lines.sort("ordered_at").collect()
        assert lines["ordered_at"].to_list() == [
            datetime(2024, 6, 30, 23, 59, 59), datetime(2024, 7, 1),
        ]  # fmt: skip
        june = (date(2024, 6, 30) - EPOCH).days
        assert lines["day"].to_list() == [june, june + 1]


def test_numbers_that_do_not_fit_into_one_are_refused():
    with pytest.raises(ValueError, match="does not fit into 64 bits: a, b"):
        Packed({"a": 2**40, "b": 2**24})


def test_packed_numbers_come_back_and_keep_their_order():
    sizes = {"a": 3, "b": 2**32, "c": 2**22, "d": 2}
    draw = random.Random(1)
    ends = [[0, 1, size - 1] for size in sizes.values()]
    rows = [tuple(draw.choice(e) for e in ends) for _ in range(200)]
    packed = Packed(sizes)
    frame = nw.from_native(pl.LazyFrame(rows, schema=list(sizes), orient="row"))
    keyed = frame.select(key=packed.pack(**{n: nw.col(n) for n in sizes})).sort("key")
    back = keyed.select(**{n: packed.take(n, nw.col("key")) for n in sizes})
    assert back.to_native().collect().rows() == sorted(rows)
