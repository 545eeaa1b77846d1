"""Olist, 4,000 orders through the recipe: deliveries, lateness, reviews, persons."""

from decimal import Decimal

import polars as pl
import pytest

from crmlib import config, ledger
from tests.project import ROOT

RECIPE = ROOT / "data" / "recipes" / "olist.toml"


@pytest.fixture(scope="module")
def read(shared_data, tmp_path_factory):
    source = shared_data / "olist_sample" / "a4000"
    workspace = tmp_path_factory.mktemp("olist")
    return ledger.read(config.load(RECIPE, source=source, workspace=workspace))


@pytest.fixture(scope="module")
def delivered(read):
    """Return the delivered orders, with what both rules of lateness say."""
    late_by_clock = pl.col("delivered") > pl.col("promised")
    late_by_day = pl.col("delivered").dt.date() > pl.col("promised").dt.date()
    parcels = read.table("deliveries").filter(pl.col("delivered").is_not_null())
    return parcels.with_columns(clock=late_by_clock, calendar=late_by_day).collect()


def test_every_row_is_kept(read):
    read_rows = {t: (c.read, c.kept, c.quarantined) for t, c in read.counts.items()}
    assert read_rows == {
        "identities": (4_000, 4_000, 0),
        "order_lines": (4_519, 4_519, 0),
        "customers": (4_000, 3_998, 0),
        "products": (3_132, 3_132, 0),
        "deliveries": (4_000, 4_000, 0),
        "reviews": (3_986, 3_986, 0),
    }
    assert read.counts["customers"].dropped == {"another record of the same person": 2}


def test_items_price_and_freight(read):
    lines = read.order_lines.collect()
    assert (lines.height, lines["value"].sum()) == (4_519, Decimal("549545.09"))
    parcels = read.table("deliveries").collect()
    assert parcels["cost"].sum() == Decimal("89709.68")
    assert parcels["order_id"].n_unique() == 4_000


def test_persons_are_one_in_all_tables(read):
    assert read.customers.select(pl.n_unique("customer_id")).collect().item() == 3_998
    people = set(read.customers.collect()["customer_id"])
    for table in ("order_lines", "reviews"):
        rows = read.table(table).collect()
        assert rows["customer_id"].null_count() == 0
        assert set(rows["customer_id"]) <= people
        folds = rows.select("customer_id", "fold").unique()
        assert folds.join(read.customers.collect(), on=["customer_id", "fold"]).height == (
            folds.height
        )
    persons = read.table("identities").collect()["person_id"]
    assert set(persons) == people


def test_no_row_is_an_orphan(read):
    orders = set(read.table("deliveries").collect()["order_id"])
    products = set(read.products.collect()["product_id"])
    assert set(read.order_lines.collect()["order_id"]) <= orders
    assert set(read.table("reviews").collect()["order_id"]) <= orders
    assert set(read.order_lines.collect()["product_id"]) <= products


def test_lateness_by_both_rules(delivered):
    assert delivered.height == 3_898
    assert (delivered["clock"].sum(), delivered["calendar"].sum()) == (335, 279)
    assert 1 - delivered["clock"].mean() == pytest.approx(0.9140584915, abs=1e-10)
    assert 1 - delivered["calendar"].mean() == pytest.approx(0.9284248332, abs=1e-10)


def test_days_from_order_to_delivery(read, delivered):
    ordered = read.order_lines.group_by("order_id").agg(pl.col("ordered_at").min()).collect()
    both = delivered.join(ordered, on="order_id", validate="1:1")
    assert both.height == 3_898
    seconds = (both["delivered"] - both["ordered_at"]).dt.total_seconds()
    days = seconds.cast(pl.Float64) / 86_400
    assert days.mean() == pytest.approx(12.539580, abs=1e-6)
    assert days.median() == pytest.approx(10.081540, abs=1e-6)


def test_reviews(read):
    reviews = read.table("reviews").collect()
    assert reviews["order_id"].n_unique() == 3_972
    assert reviews["score"].mean() == pytest.approx(4.0802809834, abs=1e-10)
    assert reviews["score"].value_counts().sort("score")["count"].to_list() == [
        454, 137, 337, 765, 2_293,
    ]  # fmt: skip
    assert reviews["text"].str.contains("\n").any()  # line ends inside quotes


def test_lateness_lowers_scores(read, delivered):
    scored = read.table("reviews").collect().join(
        delivered.select("order_id", "clock", "calendar"), on="order_id", validate="m:1"
    )  # fmt: skip
    on_time, late = (scored.filter(pl.col("clock") == x)["score"] for x in (False, True))
    assert (on_time.len(), late.len()) == (3_562, 323)
    assert on_time.mean() == pytest.approx(4.2944974733, abs=1e-10)
    assert late.mean() == pytest.approx(2.4272445820, abs=1e-10)
    on_time, late = (scored.filter(pl.col("calendar") == x)["score"] for x in (False, True))
    assert on_time.mean() == pytest.approx(4.2864252143, abs=1e-10)
    assert late.mean() == pytest.approx(2.1529850746, abs=1e-10)


def test_every_column_is_the_files_own(read, shared_data):
    """Cell by cell, against the files joined in another way."""

    def file(name):
        path = shared_data / "olist_sample" / "a4000" / f"olist_{name}_dataset.csv"
        return pl.read_csv(path, infer_schema=False)

    def text(table, *columns):
        rows = read.table(table).select(columns).collect()
        return sorted(rows.select(pl.all().cast(pl.String)).rows(), key=repr)

    person = dict(file("customers").select("customer_id", "customer_unique_id").rows())
    orders = {r["order_id"]: r for r in file("orders").rows(named=True)}

    def at(written, places=6):
        return f"{written}.{'0' * places}" if written else None

    assert text("products", "product_id", "category") == sorted(
        file("products").select("product_id", "product_category_name").rows(), key=repr
    )
    people = {}
    for row in file("customers").rows(named=True):
        people.setdefault(row["customer_unique_id"], (row["customer_city"], row["customer_state"]))
    assert text("customers", "customer_id", "city", "region") == sorted(
        (c, *place) for c, place in people.items()
    )
    assert text("order_lines", "order_id", "line_no", "product_id", "store", "customer_id",
                "ordered_at") == sorted(
        (r["order_id"], r["order_item_id"], r["product_id"], r["seller_id"],
         person[orders[r["order_id"]]["customer_id"]],
         at(orders[r["order_id"]]["order_purchase_timestamp"]))
        for r in file("order_items").rows(named=True)
    )  # fmt: skip
    assert text("deliveries", "order_id", "promised", "shipped", "delivered") == sorted(
        ((o, at(r["order_estimated_delivery_date"]), at(r["order_delivered_carrier_date"]),
          at(r["order_delivered_customer_date"])) for o, r in orders.items()), key=repr,
    )  # fmt: skip
    assert text("reviews", "review_id", "order_id", "at", "score", "customer_id") == sorted(
        (r["review_id"], r["order_id"], at(r["review_creation_date"]), r["review_score"],
         person[orders[r["order_id"]]["customer_id"]])
        for r in file("order_reviews").rows(named=True)
    )  # fmt: skip
    said = {r[0]: r[1] for r in text("reviews", "review_id", "text")}
    for row in file("order_reviews").rows(named=True):
        parts = [row["review_comment_title"], row["review_comment_message"]]
        told = " ".join(p.strip() for p in parts if p and p.strip())
        assert (said[row["review_id"]] or "").split() == told.split()


def test_the_build_of_the_same_files_is_the_same(read, shared_data, tmp_path):
    source = shared_data / "olist_sample" / "a4000"
    again = ledger.read(config.load(RECIPE, source=source, workspace=tmp_path))
    assert again.parts == read.parts
    # A file that is joined is an input like any other.
    names = [i.file for i in again.inputs if i.table == "deliveries"]
    assert names == ["olist_orders_dataset.csv", "olist_order_items_dataset.csv"]
