"""The Complete Journey through the recipe: transactions, campaigns, demographics."""

from decimal import Decimal

import polars as pl
import pytest

from crmlib import config, ledger
from tests.project import ROOT

RECIPE = ROOT / "data" / "recipes" / "completejourney.toml"


@pytest.fixture(scope="module")
def read(shared_data, tmp_path_factory):
    source = shared_data / "completejourney"
    workspace = tmp_path_factory.mktemp("completejourney")
    return ledger.read(config.load(RECIPE, source=source, workspace=workspace))


def test_every_row_is_kept_and_told(read):
    kept = {t: (c.read, c.kept, c.quarantined) for t, c in read.counts.items()}
    assert kept == {
        "order_lines": (75_000, 75_000, 0),
        "products": (92_331, 92_331, 0),
        "campaigns": (27, 27, 0),
        "assignments": (6_589, 6_589, 0),
        # 801 households x 7 facts; an empty fact is none.
        "attributes": (5_607, 5_237, 0),
    }
    assert read.counts["attributes"].dropped == {"nothing recorded": 370}


def test_transactions(read):
    lines = read.order_lines.collect()
    unique = lines.select(pl.n_unique("customer_id", "order_id", "product_id")).row(0)
    assert unique == (2_377, 47_243, 20_902)
    assert lines["value"].sum() == Decimal("233935.24")
    assert lines["discount"].sum() == Decimal("40180.91")
    coupons = lines["coupon"].drop_nulls()
    assert (coupons.len(), coupons.cast(pl.Decimal(18, 4)).sum()) == (1_135, Decimal("1356.71"))


def test_who_was_mailed(read):
    campaigns = read.table("campaigns").select("campaign_id", "name", "start").collect()
    mailed = read.table("assignments").collect()
    named = mailed.join(campaigns, on="campaign_id", validate="m:1")
    assert named.height == 6_589
    assert dict(named["name"].value_counts().rows()) == {
        "Type A": 3_647, "Type B": 2_368, "Type C": 574,
    }  # fmt: skip
    by_campaign = dict(named["campaign_id"].value_counts().rows())
    assert {c: by_campaign[c] for c in ("18", "13", "8")} == {"18": 1_133, "13": 1_077, "8": 1_076}
    assert named["customer_id"].n_unique() == 1_559
    assert set(named["arm"]) == {"mailed"}
    assert (named["assigned_at"].dt.date() == named["start"]).all()


def test_every_column_is_the_files_own(read, shared_data):
    def file(name):
        return pl.read_parquet(shared_data / "completejourney" / f"{name}.parquet")

    def rows(frame, *columns):
        return sorted(frame.select(columns).rows(), key=repr)

    described = file("campaign_descriptions").cast({"campaign_type": pl.String})
    assert rows(read.table("campaigns").collect(), "campaign_id", "name", "start", "end") == rows(
        described, "campaign_id", "campaign_type", "start_date", "end_date"
    )
    sold = file("transactions_sample").with_columns(
        pl.col("quantity").round().cast(pl.Int64), pl.col("transaction_timestamp").alias("at")
    )
    lines = read.order_lines.collect().with_columns(pl.col("quantity").cast(pl.Int64))
    assert rows(lines, "customer_id", "product_id", "ordered_at", "store", "quantity") == rows(
        sold, "household_id", "product_id", "at", "store_id", "quantity"
    )
    named = file("products").select("product_id", "product_type")
    told = dict(read.products.select("product_id", "name").collect().rows())
    assert {told[p.replace("9e+05", "900000")] == name for p, name in named.rows()} == {True}


def test_demographics(read, shared_data):
    """Each fact of the wide table, and no other, against the file itself."""
    wide = pl.read_parquet(shared_data / "completejourney" / "demographics.parquet")
    expected = {
        (row["household_id"], field, str(value))
        for row in wide.rows(named=True)
        for field, value in row.items()
        if field != "household_id" and value is not None
    }
    facts = read.table("attributes").select("customer_id", "field", "value").collect()
    assert set(facts.rows()) == expected
    assert facts.height == len(expected)
    assert facts["customer_id"].n_unique() == 801


def test_products_have_a_path_of_categories(read):
    products = read.products.collect()
    paths = dict(products.select("product_id", "category").rows())
    assert paths["25671"] == "GROCERY > FRZN ICE > ICE - CRUSHED/CUBED"
    assert paths["26081"] == "MISCELLANEOUS"  # without the levels that are missing
    assert "900000" in paths
