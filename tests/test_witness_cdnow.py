"""CDNOW, 23,570 customers and a sample of 2,357: facts of the files and the published summary.

The summary's rule (Fader, Hardie and Lee 2005): one purchase a customer and day, rows of value
zero kept, calibration to 1997-09-30, time in weeks.
"""

from collections import Counter
from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from crmlib import config, ledger, marts
from tests.project import ROOT

CALIBRATION_END, DATA_END = date(1997, 9, 30), date(1998, 6, 30)
SAMPLE = """
[shop]
currency = "USD"
time_zone = "America/New_York"
prices_include_vat = false

[history]
complete_from = 1997-01-01
burn_in_days = 0

[privacy]
pseudonyms = false

[order_lines]
files = ["CDNOW_sample.txt"]
separator = "blank"
header = false
names = ["master_id", "id", "date", "cds", "value"]
decimal = "."
date_format = "%Y%m%d"
order_id_from = ["customer_id", "day"]

[order_lines.columns]
customer_id = "id"
ordered_at = "date"
quantity = "cds"
line_total = "value"

[order_lines.values]
product_id = "cd"
"""


@pytest.fixture(scope="module")
def master(shared_data, tmp_path_factory):
    recipe = ROOT / "data" / "recipes" / "cdnow.toml"
    workspace = tmp_path_factory.mktemp("cdnow")
    read = ledger.read(config.load(recipe, source=shared_data / "cdnow", workspace=workspace))
    return read, marts.build(read, workspace)


@pytest.fixture(scope="module")
def sample(shared_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    (folder / "cdnow.toml").write_text(SAMPLE, encoding="utf-8")
    source = shared_data / "cdnow"
    return ledger.read(config.load(folder / "cdnow.toml", source=source, workspace=folder / "w"))


@pytest.fixture(scope="module")
def summary(sample, tmp_path_factory):
    """Return the customers at the end of the calibration, with their holdout purchases."""
    workspace = tmp_path_factory.mktemp("summary")
    until_end = marts.build(sample, workspace, as_of=DATA_END).visits.collect()
    customer = marts.build(sample, workspace, as_of=CALIBRATION_END).customer.collect()
    later = until_end.filter(pl.col("day") > (CALIBRATION_END - date(1970, 1, 1)).days)
    held = later.group_by("customer_id").agg(holdout=pl.len())
    return customer.join(held, on="customer_id", how="left").with_columns(
        pl.col("holdout").fill_null(0)
    )


def test_facts_of_the_master_file(master):
    read, opened = master
    counts = read.counts["order_lines"]
    assert (counts.read, counts.kept, counts.duplicates) == (69_659, 69_659, 255)
    lines = read.order_lines.collect()
    assert lines["customer_id"].n_unique() == 23_570
    assert lines["quantity"].sum() == 167_881
    assert lines["value"].sum() == Decimal("2500315.63")
    days = lines["ordered_at"].dt.date()
    assert (days.min(), days.max()) == (date(1997, 1, 1), DATA_END)
    # Rows of value zero are kept: dropping them gives other published fits.
    assert lines.filter(pl.col("value") == 0).height == 80
    totals = lines.group_by("customer_id").agg(pl.col("value").sum())
    assert totals.filter(pl.col("value") == 0).height == 68
    assert opened.visits.select(pl.len()).collect().item() == 67_591
    assert lines["order_id"].n_unique() == 67_591
    assert lines["order_head"].sum() == 67_591


def test_recency_frequency_and_value_of_the_master_file(master):
    customer = master[1].customer.collect()
    r, f = customer["days_since_last"], customer["purchase_days"]
    m = customer["value"].cast(pl.Float64)
    assert customer.height == 23_570
    assert (r.mean(), r.median()) == (pytest.approx(368.2216376750, rel=1e-9), 472)
    assert f.mean() == pytest.approx(2.8676707679, rel=1e-9)
    assert ((f == 1).sum(), f.max()) == (12_054, 171)
    assert (m.mean(), m.median()) == pytest.approx((106.08042554, 43.395), rel=1e-9)
    assert customer["value"].max() == Decimal("13990.93")
    top = customer.sort("value", descending=True).head(4_714)["value"].sum()
    assert float(top) / float(customer["value"].sum()) == pytest.approx(0.677774, abs=5e-7)
    assert customer["lines"].max() == 217
    assert set(customer["status"]) == {"new"}  # everyone's first purchase is in the file


def test_facts_of_the_sample(sample):
    lines = sample.order_lines.collect()
    assert sample.counts["order_lines"].read == lines.height == 6_919
    assert sample.counts["order_lines"].duplicates == 21
    assert lines["customer_id"].n_unique() == 2_357
    assert lines["quantity"].sum() == 16_479
    assert lines["value"].sum() == Decimal("244091.94")
    assert lines.filter(pl.col("value") == 0).height == 8
    assert lines.height - lines.select("customer_id", "day").n_unique() == 223


def test_the_calibration_summary(summary):
    x = summary["frequency"]
    assert summary.height == 2_357
    assert (x.sum(), (x > 0).sum(), x.max()) == (2_457, 946, 29)
    assert summary["recency_days"].sum() / 7 == pytest.approx(16_135.5714, abs=5e-5)
    assert summary["age_days"].sum() / 7 == pytest.approx(77_111.2857, abs=5e-5)
    assert (summary["age_days"].min(), summary["age_days"].max()) == (27 * 7, 272)
    # Fader, Hardie and Lee (2005), figure 1.
    by_x = Counter(min(n, 7) for n in x)
    assert [by_x[n] for n in range(8)] == [1411, 439, 214, 100, 62, 38, 29, 64]


def test_the_holdout(summary):
    assert summary["holdout"].sum() == 1_882
    assert (summary["holdout"] > 0).sum() == 684
    by_x = summary.group_by(pl.col("frequency").clip(0, 7)).agg(pl.col("holdout").mean())
    printed = [0.236712, 0.697039, 1.392523, 1.56, 2.532258, 2.947368, 3.862069, 6.359375]
    assert by_x.sort("frequency")["holdout"].to_list() == pytest.approx(printed, abs=5e-7)


def test_the_summary_that_lifetimes_ships(summary, shared_data):
    theirs = pl.read_csv(shared_data / "cdnow" / "cdnow_customers_summary.csv").sort("ID")
    ours = summary.sort(pl.col("customer_id").cast(pl.Int64))
    assert ours["customer_id"].cast(pl.Int64).to_list() == theirs["ID"].to_list()
    assert ours["frequency"].to_list() == theirs["frequency"].to_list()
    # It is rounded to two decimals of a week; the largest difference is 0.0043.
    for column, weeks in (("recency", "recency_days"), ("T", "age_days")):
        assert ((ours[weeks] / 7) - theirs[column]).abs().max() < 0.005
