"""The ledger: four tables, exact money, an account of every row, the same parts from any order."""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlib import config, ledger, schema
from crmlib.config import Shop as ShopConfig
from crmlib.ledger import money
from crmlib.ledger.read import Counts
from crmlib.ledger.values import AMOUNT
from tests.conftest import COLUMNS
from tests.project import ROOT

DAY = "2024-03-01"


def rows_of(found, *columns, table="order_lines"):
    return sorted(found.table(table).select(columns).collect().rows(), key=repr)


# --- Reading ------------------------------------------------------------------------------------

TURKISH = """
[shop]
currency = "TRY"
time_zone = "Europe/Istanbul"
vat_rate = 0.20

[privacy]
pseudonyms = false

[order_lines]
files = ["satis/2024-*.csv", "iade.parquet"]
separator = ";"
encoding = "cp1254"
decimal = ","
thousands = "."
date_format = "%d.%m.%Y %H:%M"
skip_rows = 1
vat_in_percent = true
null_values = ["-"]

[order_lines.columns]
order_id = "Fiş No"
customer_id = "Müşteri"
ordered_at = "Tarih"
product_id = "Ürün"
quantity = "Adet"
line_total = "Tutar"
vat_rate = "KDV"

[order_lines.values]
channel = "mağaza"

[[order_lines.drop]]
name = "iptal"
column = "Durum"
equals = "İPTAL"

[customers]
files = ["musteri.csv"]
date_format = "%d.%m.%Y"
columns = {customer_id = "No", name = "Ad", joined_at = "Kayıt"}

[products]
files = ["urun.csv"]
header = false
names = ["kod", "ad"]
separator = "|"
columns = {product_id = "kod", name = "ad"}

[price_index]
files = ["endeks.csv"]
decimal = "."
columns = {month = "ay", index = "değer"}
"""
SALES = """Satış raporu
Fiş No;Müşteri;Tarih;Ürün;Adet;Tutar;KDV;Durum
001;07;31.01.2024 23:59;Çay;2;1.234,56;20;
002;-;01.02.2024 00:00;Kahve;1;0,5;8;
003;08;01.02.2024 10:00;Kahve;1;9,99;8;İPTAL
"""


def test_four_tables_from_files_of_all_kinds(shop):
    (shop.folder / "satis").mkdir()
    shop.put(SALES.encode("cp1254"), "satis/2024-01.csv")
    shop.put(SALES.replace("001", "004").encode("cp1254"), "satis/2024-02.csv")
    pl.DataFrame(
        {"Fiş No": ["001"], "Müşteri": ["07"], "Tarih": [datetime(2024, 2, 3)], "Ürün": ["Çay"],
         "Adet": [-1], "Tutar": [-617.28], "KDV": [20], "Durum": [None]},
        schema_overrides={"Durum": pl.String},
    ).write_parquet(shop.folder / "iade.parquet")  # fmt: skip
    shop.put("No,Ad,Kayıt\n07,Işıl,05.06.2019\n08,Çağrı,\n", "musteri.csv")
    shop.put("Çay|Rize çayı\nKahve|Kahve\n", "urun.csv")
    shop.put("ay,değer\n2024-01,100.5\n2024-02,104\n", "endeks.csv")
    shop.put(TURKISH, "crm.toml")
    found = ledger.read(config.load(shop.folder / "crm.toml", workspace=shop.workspace))

    wanted = ("order_id", "customer_id", "ordered_at", "quantity", "value", "vat_rate")
    last_minute, tea = datetime(2024, 1, 31, 23, 59), Decimal("0.2")
    assert rows_of(found, *wanted) == [
        ("001", "07", last_minute, Decimal(2), Decimal("1234.56"), tea),
        ("001", "07", datetime(2024, 2, 3), Decimal(-1), Decimal("-617.28"), tea),
        ("002", None, datetime(2024, 2, 1), Decimal(1), Decimal("0.5"), Decimal("0.08")),
        ("004", "07", last_minute, Decimal(2), Decimal("1234.56"), tea),
    ]
    assert rows_of(found, "channel") == [("mağaza",)] * 4
    counts = found.counts["order_lines"]
    # Line 002 stands in both files, and is one line.
    assert (counts.read, counts.kept, counts.quarantined) == (7, 4, 0)
    assert counts.dropped == {"iptal": 2, "repeated in another file": 1}
    assert rows_of(found, "customer_id", "name", "joined_at", table="customers") == [
        ("07", "Işıl", date(2019, 6, 5)),
        ("08", "Çağrı", None),
    ]
    assert rows_of(found, "product_id", "name", table="products")[1] == ("Çay", "Rize çayı")
    assert rows_of(found, "month", "index", table="price_index") == [
        (date(2024, 1, 1), Decimal("100.5")),
        (date(2024, 2, 1), Decimal(104)),
    ]
    for table in schema.TABLES:
        schema.LEDGER[table].validate(found.table(table).collect())
    assert [i.file for i in found.inputs][:3] == [
        str(Path("satis", "2024-01.csv")),
        str(Path("satis", "2024-02.csv")),
        "iade.parquet",
    ]


def test_tables_without_a_source_are_empty(shop):
    shop.rows(("1", "c", DAY, "p", 1, 2))
    found = shop.read()
    for table in ("customers", "products", "price_index"):
        frame = found.table(table).collect()
        assert frame.is_empty()
        schema.LEDGER[table].validate(frame)


def test_an_order_id_made_of_named_columns(shop):
    columns = ["till", "customer_id", "ordered_at", "product_id", "quantity", "line_total"]
    shop.rows(
        ("T1", "c", "2024-03-01 09:00", "p", 1, 2),
        ("T1", "c", "2024-03-01 18:00", "q", 1, 2),
        ("T2", "c", "2024-03-01 18:00", "q", 1, 2),
        ("T1", "c", "2024-03-02 09:00", "p", 1, 2),
        ("T1", None, "2024-03-02 09:00", "p", 1, 2),
        columns=columns,
    )
    found = shop.read(source={"order_id_from": ["customer_id", "day"]})
    assert rows_of(found, "order_id") == [("c|2024-03-01",)] * 3 + [("c|2024-03-02",)]
    assert found.counts["order_lines"].reasons == {"order_id: missing": 1}
    found = shop.read(source={"order_id_from": ["till", "customer_id", "day"]})
    made = {order for (order,) in rows_of(found, "order_id")}
    assert made == {"T1|c|2024-03-01", "T2|c|2024-03-01", "T1|c|2024-03-02"}
    hidden = shop.read(
        source={"order_id_from": ["customer_id", "day"]},
        privacy={"pseudonyms": True, "published_key": "ab" * 32},
    )
    assert all(len(order) == 16 for (order,) in rows_of(hidden, "order_id"))


def test_a_line_total_decides_over_a_price(shop):
    columns = [*COLUMNS, "line_total", "discount"]
    shop.rows(
        ("1", "c", DAY, "a", 3, None, "10", None),
        ("2", "c", DAY, "a", 3, "3.50", "10", "0.5"),
        ("3", "c", DAY, "a", 0, None, "4.99", None),
        ("4", "c", DAY, "a", 3, "3.50", None, "0.5"),
        columns=columns,
    )
    assert rows_of(shop.read(), "order_id", "unit_price", "value") == [
        ("1", Decimal("3.3333"), Decimal(10)),
        ("2", Decimal("3.5"), Decimal(10)),
        ("3", None, Decimal("4.99")),
        ("4", Decimal("3.5"), Decimal(10)),
    ]


def test_filters_are_counted_in_their_order(shop):
    shop.rows(
        ("C1", "", DAY, "p", -1, 2),
        ("C2", "c", DAY, "p", -1, 2),
        ("3", "c", DAY, "p", -1, 2),
        ("4", "c", DAY, "p", 1, 2),
    )
    drop = [
        {"name": "stranger", "column": "customer_id", "missing": True},
        {"name": "cancelled", "column": "order_id", "starts_with": "C"},
        {"name": "returned", "column": "quantity", "below": 0},
        {"name": "dear", "column": "unit_price", "above": 100},
    ]
    counts = shop.read(source={"drop": drop}).counts["order_lines"]
    assert counts.dropped == {"stranger": 1, "cancelled": 1, "returned": 1, "dear": 0}
    assert (counts.read, counts.kept) == (4, 1)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_read_is_kept_and_dropped_and_quarantined(new_shop, seed):
    draw = random.Random(seed)
    cells = [
        ["1", "2", "C3", "", "Toplam", "1E+9"], ["a", "b", "", "NULL"],
        [*[DAY] * 20, "2024-02-30", "", "2024-03-31 02:30:00"], ["p", "q", ""],
        [*["1", "-2", "0", "3"] * 4, "x", "1e9", "99999999999", ""],
        [*["1.5", "0"] * 6, "-1", "(3)", ""],
    ]  # fmt: skip
    rows = [tuple(draw.choice(c) for c in cells) for _ in range(40)]
    lines = [",".join(row) for row in rows] + ["1,a," + DAY + ",p,1,2"]
    for _ in range(5):
        lines.insert(
            draw.randrange(len(lines)), draw.choice(["1,2", "", ",,,,,,,", '1,"2"3,4,5,6,7'])
        )
    shop = new_shop()
    shop.put("\n".join([",".join(COLUMNS), *lines]) + "\n")
    drop = [{"name": "cancelled", "column": "order_id", "starts_with": "C"}]
    found = shop.read(source={"drop": drop, "duplicates": draw.choice(["keep", "drop"])})
    counts = found.counts["order_lines"]
    kept = found.order_lines.collect()
    aside = found.quarantine["order_lines"]
    assert counts.read == sum(1 for line in lines if line)
    assert counts.read == kept.height + sum(counts.dropped.values()) + aside.height
    assert aside["row"].is_unique().all()
    assert all(aside["reasons"].list.len() > 0)
    schema.LEDGER["order_lines"].validate(kept)


# --- Repeated rows ------------------------------------------------------------------------------

TWICE = [("1", "c", DAY, "p", 1, 2), ("1", "c", DAY, "p", 1, 2), ("2", "c", DAY, "p", 1, 2)]


def test_identical_rows_are_numbered_or_dropped(shop):
    shop.rows(*TWICE)
    kept = shop.read()
    assert rows_of(kept, "order_id", "line_no") == [("1", 1), ("1", 2), ("2", 1)]
    assert kept.counts["order_lines"].duplicates == 1
    dropped = shop.read(source={"duplicates": "drop"})
    assert rows_of(dropped, "order_id", "line_no") == [("1", 1), ("2", 1)]
    assert dropped.counts["order_lines"].dropped == {"duplicate row": 1}


@pytest.mark.parametrize("policy", ["keep", "drop"])
def test_a_file_loaded_under_two_names_changes_nothing(shop, policy):
    shop.rows(*TWICE, name="a.csv")
    once = shop.read(source={"files": ["*.csv"], "duplicates": policy})
    shop.rows(*TWICE, name="b.csv")
    twice = shop.read(source={"files": ["*.csv"], "duplicates": policy})
    assert once.parts == twice.parts
    assert twice.counts["order_lines"].read == 6
    same = shop.read(source={"files": ["a.csv", "*.csv", "a.csv"], "duplicates": policy})
    assert [i.file for i in same.inputs] == ["a.csv", "b.csv"]


def test_lines_with_numbers_of_their_own(shop):
    shop.rows(
        ("1", 1, "c", DAY, "p", 1, 2),
        ("1", 1, "c", DAY, "p", 1, 2),  # the same line again
        ("1", 2, "c", DAY, "p", 1, 2),
        ("2", 1, "c", DAY, "p", 1, 2),
        ("2", 1, "c", DAY, "q", 1, 2),  # another line under the same number
        columns=["order_id", "line_no", *COLUMNS[1:]],
    )
    columns = {c: c for c in ["line_no", *COLUMNS]}
    found = shop.read(source={"columns": columns})
    assert rows_of(found, "order_id", "line_no") == [("1", 1), ("1", 2)]
    counts = found.counts["order_lines"]
    assert counts.dropped == {"duplicate row": 1}
    assert counts.reasons == {"order_id, line_no: not unique": 2}


def test_customers_twice_are_one_and_contradictions_are_set_aside(shop):
    shop.rows(("1", "c", DAY, "p", 1, 2))
    people = [("c", "İzmir"), ("c", "İzmir"), ("d", "Bursa"), ("d", "Adana"), ("e", "")]
    shop.rows(*people, columns=["customer_id", "city"], name="people.csv")
    found = shop.read(customers={"files": ["people.csv"]})
    assert rows_of(found, "customer_id", "city", table="customers") == [("c", "İzmir"), ("e", None)]
    assert found.counts["customers"].reasons == {"customer_id: not unique": 2}
    assert found.counts["customers"].dropped == {"duplicate row": 1}


# --- Money --------------------------------------------------------------------------------------

CENT = Decimal("0.0001")


def rounded(exact: Decimal) -> Decimal:
    return exact.quantize(CENT, ROUND_HALF_UP)  # half up of Decimal is half away from zero


QUANTITIES = st.decimals(-9999, 9999, places=3)
PRICES = st.decimals(0, 10**8, places=6) | st.decimals(0, 1, places=7)


@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(
        st.tuples(QUANTITIES, PRICES, st.none() | st.decimals(-99, 99, places=5)), min_size=1
    )
)
def test_values_are_exact_and_rounded_once_half_away_from_zero(lines):
    quantity, price, discount = zip(*lines, strict=True)
    frame = pl.DataFrame(
        {"quantity": quantity, "unit_price": price, "discount": discount, "line_total": None,
         "unit_cost": None, "vat_rate": None},
        schema=dict.fromkeys(
            ["quantity", "unit_price", "discount", "line_total", "unit_cost", "vat_rate"], AMOUNT
        ),
    )  # fmt: skip
    found = money.with_value(frame)
    assert found["value"].to_list() == [rounded(q * p - (d or 0)) for q, p, d in lines]
    assert found["unit_price"].to_list() == [rounded(p) for p in price]


COSTS = st.none() | st.decimals(0, 1000, places=4)


@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(
        st.tuples(
            st.sampled_from("pqr"),
            QUANTITIES,
            st.decimals(-9999, 9999, places=4),
            COSTS,
            st.integers(0, 6),
            st.none() | st.decimals(0, 99, places=4),
        ),
        min_size=1,
    ),
    rates=st.lists(st.none() | st.sampled_from(["0.01", "0.1", "0.2"]), min_size=50, max_size=50),
    include=st.booleans(),
    cut=st.integers(0, 7),
)
def test_margins_are_exact(lines, rates, include, cut):
    """Value without VAT minus cost; a missing cost is the last one told until that day.

    The lines come in two pieces, as months do; nothing of a later day counts for an earlier one.
    """
    frame = pl.DataFrame(
        {
            "product_id": [p for p, *_ in lines],
            "quantity": pl.Series([q for _, q, *_ in lines], dtype=pl.Decimal(12, 3)),
            "value": pl.Series([v for *_, v, _, _, _ in lines], dtype=money.CENTS),
            "unit_cost": pl.Series([c for *_, c, _, _ in lines], dtype=money.CENTS),
            "day": pl.Series([d for *_, d, _ in lines], dtype=pl.Int32),
            "discount": pl.Series([o for *_, o in lines], dtype=money.CENTS),
            "vat_rate": pl.Series(
                [r and Decimal(r) for r, _ in zip(rates, lines, strict=False)],
                dtype=pl.Decimal(6, 4),
            ),
        }
    )
    shop = ShopConfig(prices_include_vat=include, vat_rate=Decimal("0.2"))
    expected, filled, off = [], [], []
    for (product, quantity, value, cost, day, discount), rate in zip(lines, rates, strict=False):
        told = [
            (d, c)
            for p, q, _, c, d, _ in lines
            if p == product and q > 0 and c is not None and d <= day
        ]
        known = [c for d, c in told if d == max(told)[0]]
        filled.append(cost is None and bool(known))
        if cost is None and known:
            cost = rounded(sum(known) / len(known))
        vat = Decimal(rate or "0.2") if include else 0
        net = rounded(value / (1 + vat))
        expected.append(None if cost is None else net - rounded(quantity * cost))
        off.append(None if cost is None else rounded((discount or Decimal(0)) / (1 + vat)))
    numbered = frame.with_row_index("number")
    for order in (numbered, numbered.reverse()):
        first, costs = money.with_margin(order.filter(pl.col("day") < cut), shop)
        second, _ = money.with_margin(order.filter(pl.col("day") >= cut), shop, costs)
        found = pl.concat([first, second]).sort("number")
        assert found["margin"].to_list() == expected
        assert found["discount_net"].to_list() == off
        assert found["cost_filled"].to_list() == filled


def test_a_net_price_needs_no_vat_taken_off(shop):
    shop.rows(("1", "c", DAY, "p", 2, 12, 5), columns=[*COLUMNS, "unit_cost"])
    for include, margin in ((True, Decimal(10)), (False, Decimal(14))):
        declared = {"prices_include_vat": include, "vat_rate": "0.2"}
        assert rows_of(shop.read(shop=declared), "margin") == [(margin,)]


def test_amounts_never_wrap(shop):
    """Nine times nearly 10^14 is kept to the last unit."""
    most = "99999999999999.9999"
    shop.rows(*((i, "c", DAY, "p", 1, most) for i in range(9)))
    found = shop.read()
    assert found.order_lines.select(pl.col("value").sum()).collect().item() == 9 * Decimal(most)


# --- The same ledger whatever the order ---------------------------------------------------------


def many(seed=1, rows=3000):
    draw = random.Random(seed)
    return [
        (f"o{draw.randrange(900)}", draw.choice(["", *(f"c{i}" for i in range(200))]),
         f"2024-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02} {draw.randrange(24):02}:30",
         f"p{draw.randrange(20)}", draw.choice([1, 2, 2.5, -1]), draw.randrange(1, 9999) / 100,
         draw.choice(["", "1.11", "2.22", "3.333"]))
        for _ in range(rows)
    ]  # fmt: skip


def test_shuffled_rows_give_equal_parts(shop):
    rows = many()
    columns = [*COLUMNS, "unit_cost"]
    shop.rows(*rows, *rows[:50], columns=columns)
    parts = shop.read().parts
    assert len(parts) == 12
    shuffled = [*rows, *rows[:50]]
    random.Random(2).shuffle(shuffled)
    shop.rows(*shuffled, columns=columns)
    assert shop.read().parts == parts


SCRIPT = """
import sys, json
from pathlib import Path
from crmlib import ledger, config, marts
from crmlib.ledger import store
c = config.load(sys.argv[1], workspace=sys.argv[2])
m = marts.build(ledger.read(c), c.workspace)
files = json.loads((m._store.folder / store.FILES).read_bytes())
files.pop(store.MANIFEST)
print(json.dumps([m.manifest["parts"], files]))
"""


def test_the_number_of_threads_changes_nothing(shop):
    shop.rows(*many(3), columns=[*COLUMNS, "unit_cost"])
    shop.put('[order_lines]\nfiles = ["orders.csv"]\ndecimal = "."\n'
             "[privacy]\npseudonyms = false\n", "crm.toml")  # fmt: skip
    made = []
    for threads in ("1", "2"):
        command = [sys.executable, "-c", SCRIPT, "crm.toml", f"workspace{threads}"]
        environment = os.environ | {"POLARS_MAX_THREADS": threads, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            command, cwd=shop.folder, env=environment, capture_output=True, check=True, text=True
        )
        made.append(json.loads(done.stdout))
    assert len(made[0][1]) > 6
    assert made[0] == made[1]


def test_folds_and_heads(shop):
    """A customer's rows share a fold, an order without a customer too; an order has one head."""
    shop.rows(*many(5), columns=[*COLUMNS, "unit_cost"])
    lines = shop.read().order_lines.collect().rows(named=True)
    fold: dict[str, set[int]] = {}
    for row in lines:
        fold.setdefault(row["customer_id"] or "order " + row["order_id"], set()).add(row["fold"])
    assert all(len(found) == 1 for found in fold.values())
    assert len(set.union(*fold.values())) > 50
    heads = Counter((r["customer_id"], r["order_id"]) for r in lines if r["order_head"])
    bought = {(r["customer_id"], r["order_id"]) for r in lines if r["quantity"] > 0}
    assert heads == dict.fromkeys(bought, 1)
    assert all(r["day"] == (r["ordered_at"].date() - date(1970, 1, 1)).days for r in lines)
    assert all(r["month"] == 12 * r["ordered_at"].year + r["ordered_at"].month - 1 for r in lines)


def test_an_account_that_does_not_add_up_is_a_fault_of_ours():
    with pytest.raises(AssertionError, match="1 of 3 rows"):
        Counts("t", 3, 2, 0, {}, {}, 0)
