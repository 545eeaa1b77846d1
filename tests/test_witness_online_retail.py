"""UCI Online Retail, all 541,909 rows, as Parquet and as a Turkish CSV: every published figure."""

from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from crmlib import config, ledger, marts
from crmlib.marts.calendar import from_month
from tests.project import ROOT

RECIPE = ROOT / "data" / "recipes" / "online_retail.toml"
TURKISH = """files = ["satis.csv"]
separator = ";"
encoding = "cp1254"
decimal = ","
thousands = "."
date_format = "%d.%m.%Y %H:%M"
"""
MONTHS = {  # revenue to the cent, customers, invoices
    (2010, 12): ("572713.89", 885, 1400),
    (2011, 1): ("569445.04", 741, 987),
    (2011, 2): ("447137.35", 758, 997),
    (2011, 3): ("595500.76", 974, 1321),
    (2011, 4): ("469200.36", 856, 1149),
    (2011, 5): ("678594.56", 1056, 1555),
    (2011, 6): ("661213.69", 991, 1393),
    (2011, 7): ("600091.01", 949, 1331),
    (2011, 8): ("645343.90", 935, 1280),
    (2011, 9): ("952838.38", 1266, 1755),
    (2011, 10): ("1039318.79", 1364, 1929),
    (2011, 11): ("1161817.38", 1664, 2657),
    (2011, 12): ("518192.79", 615, 778),
}
NEW_CUSTOMERS = [885, 417, 380, 452, 300, 284, 242, 188, 169, 299, 358, 323, 41]
DECEMBER_2010 = [885, 324, 286, 340, 321, 352, 321, 309, 313, 350, 331, 445, 235]


def write_turkish(parquet, path) -> None:
    """Write the rows as a Turkish spreadsheet would: cp1254, semicolons, 1.234,56, dd.mm.yyyy."""
    rows = pl.read_parquet(parquet)

    def turkish(column: str, digits: int) -> pl.Expr:
        values = rows[column].unique()
        marks = str.maketrans(",.", ".,")
        texts = [f"{v:,.{digits}f}".translate(marks) for v in values]
        return pl.col(column).replace_strict(values, pl.Series(texts))

    rows.with_columns(
        turkish("Quantity", 0),
        turkish("UnitPrice", 3),
        pl.col("InvoiceDate").dt.strftime("%d.%m.%Y %H:%M"),
    ).write_csv(path, separator=";")
    path.write_bytes(path.read_text(encoding="utf-8").encode("cp1254"))


@pytest.fixture(scope="module")
def sources(shared_data, tmp_path_factory):
    """Return the configurations of both files."""
    folder = tmp_path_factory.mktemp("turkish")
    parquet = shared_data / "online_retail" / "online_retail.parquet"
    write_turkish(parquet, folder / "satis.csv")
    assert b";1.000;" in (folder / "satis.csv").read_bytes()
    recipe = RECIPE.read_text(encoding="utf-8")
    assert recipe.count('files = ["online_retail.parquet"]\n') == 1
    (folder / "turkish.toml").write_text(
        recipe.replace('files = ["online_retail.parquet"]\n', TURKISH), encoding="utf-8"
    )
    return {
        "parquet": config.load(RECIPE, source=parquet.parent, workspace=folder / "parquet"),
        "csv": config.load(folder / "turkish.toml", workspace=folder / "csv"),
    }


@pytest.fixture(scope="module")
def ledgers(sources):
    return {name: ledger.read(read) for name, read in sources.items()}


@pytest.fixture(scope="module", params=["parquet", "csv"])
def read(request, ledgers):
    return ledgers[request.param]


@pytest.fixture(scope="module")
def opened(read):
    return marts.build(read, read.config.workspace)


def test_both_files_give_the_same_ledger(ledgers):
    assert ledgers["parquet"].parts == ledgers["csv"].parts
    assert len(ledgers["csv"].parts) == 13


def test_cleaning_steps(read):
    counts = read.counts["order_lines"]
    assert counts.read == 541_909
    assert counts.dropped == {
        "no customer id": 541_909 - 406_829,
        "cancellation": 406_829 - 397_924,
        "quantity not above 0": 0,
        "price not above 0": 397_924 - 397_884,
    }
    assert (counts.kept, counts.quarantined) == (397_884, 0)
    # Two more than the 5,192 of whole rows: the description is no column of ours.
    assert counts.duplicates == 5_194
    lines = read.order_lines
    unique = lines.select(pl.n_unique("customer_id", "order_id", "product_id")).collect().row(0)
    assert unique == (4_338, 18_532, 3_665)
    assert lines.select(pl.col("value").sum()).collect().item() == Decimal("8911407.904")


def test_recency_frequency_and_value(opened):
    customer = opened.customer.collect()
    r, f = customer["days_since_last"], customer["orders"]
    m = customer["value"].cast(pl.Float64)
    assert customer.height == 4_338
    assert (r.mean(), r.median(), r.max()) == (pytest.approx(93.0594744122, rel=1e-9), 51, 374)
    assert (f.mean(), f.median(), f.max()) == (pytest.approx(4.2720147533, rel=1e-9), 2, 209)
    assert (f == 1).sum() == 1_493
    assert m.mean() == pytest.approx(2054.2664601199, rel=1e-9)
    assert m.median() == pytest.approx(674.485, rel=1e-9)
    assert customer["value"].min() == Decimal("3.75")
    assert customer["value"].max() == Decimal("280206.02")
    assert customer["purchase_days"].mean() == pytest.approx(3.8642231443, rel=1e-9)
    assert (customer["purchase_days"] == 1).sum() == 1_548


@pytest.mark.parametrize(
    ("customer_id", "r", "f", "m"),
    [
        ("12346", 326, 1, "77183.60"),
        ("12347", 3, 7, "4310.00"),
        ("14646", 2, 73, "280206.02"),
        ("18102", 1, 60, "259657.30"),
        ("17450", 9, 46, "194550.79"),
    ],
)
def test_well_known_customers(opened, customer_id, r, f, m):
    one = opened.customer.filter(pl.col("customer_id") == customer_id).collect().row(0, named=True)
    assert (one["days_since_last"], one["orders"], one["value"]) == (r, f, Decimal(m))
    if customer_id == "14646":
        assert one["purchase_days"] == 45


def test_the_best_customers_share_of_revenue(opened):
    values = opened.customer.collect()["value"].sort(descending=True)
    whole = values.sum()
    for share, expected in ((0.2, 0.7461713719), (0.1, 0.6137506575)):
        top = -int(-4_338 * share // 1)
        assert float(values.head(top).sum() / whole) == pytest.approx(expected, rel=1e-9)


def test_the_united_kingdom(read):
    uk = read.order_lines.filter(pl.col("store") == "United Kingdom").collect()
    assert (uk.height, uk["customer_id"].n_unique()) == (354_321, 3_920)
    assert uk["value"].sum() == Decimal("7308391.554")


def test_months(opened):
    kpis = opened.kpis.group_by("month").agg(pl.col("value", "orders").sum()).sort("month")
    cohorts = opened.cohorts.group_by("month").agg(pl.col("customers").sum()).sort("month")
    found = {
        (from_month(month).year, from_month(month).month): (
            str(value.quantize(Decimal("0.01"))), customers, orders,
        )
        for (month, value, orders), customers in zip(
            kpis.collect().rows(), cohorts.collect()["customers"], strict=True
        )
    }  # fmt: skip
    assert found == MONTHS


def test_cohorts(opened):
    cohorts = opened.cohorts.group_by("cohort_month", "month").agg(pl.col("customers").sum())
    cohorts = cohorts.sort("cohort_month", "month").collect()
    began = cohorts.filter(pl.col("cohort_month") == pl.col("month"))
    assert began["customers"].to_list() == NEW_CUSTOMERS
    first = cohorts.filter(pl.col("cohort_month") == 12 * 2010 + 11)
    assert first["customers"].to_list() == DECEMBER_2010
    assert set(opened.cohorts.collect()["status"]) == {"new"}  # as the recipe declares


def test_baskets(opened, read):
    baskets = opened.basket_sizes.collect()
    n = baskets["baskets"].sum()
    assert n == 18_532
    sizes = baskets.group_by("items").agg(pl.col("baskets").sum()).sort("items")
    items = [i for i, count in sizes.rows() for _ in range(count)]
    assert sum(items) / n == pytest.approx(20.9281782863, rel=1e-9)
    assert (items[n // 2 - 1] + items[n // 2]) / 2 == 15
    assert (max(items), items.count(1)) == (541, 1_407)
    orders = read.order_lines.group_by("order_id").agg(pl.col("value").sum()).collect()["value"]
    assert orders.cast(pl.Float64).mean() == pytest.approx(480.8659565971, rel=1e-9)
    assert orders.cast(pl.Float64).median() == pytest.approx(303.04, rel=1e-9)
    assert baskets["value"].sum() == orders.sum()


def test_the_most_frequent_stock_codes(read):
    codes = read.order_lines.group_by("product_id").agg(pl.n_unique("order_id")).collect()
    top = codes.sort("order_id", descending=True).head(5).rows()
    assert top == [
        ("85123A", 1_978), ("22423", 1_703), ("85099B", 1_600), ("47566", 1_379), ("84879", 1_375),
    ]  # fmt: skip
    assert codes.filter(pl.col("order_id") >= 371).height == 209


def test_the_purchase_day_summary(ledgers, tmp_path):
    opened = marts.build(ledgers["parquet"], tmp_path, as_of=date(2011, 12, 9))
    customer = opened.customer.collect()
    assert customer["frequency"].sum() == 12_425
    assert (customer["frequency"] > 0).sum() == 2_790
    assert customer["recency_days"].sum() == 567_287
    assert customer["age_days"].sum() == 966_641


def test_without_the_declaration_the_first_months_are_first_seen(shared_data, tmp_path):
    """The file begins in the middle of the firm's life: December 2010 is no cohort of new ones."""
    recipe = RECIPE.read_text(encoding="utf-8")
    lines = [line for line in recipe.splitlines() if not line.startswith(("complete_", "burn_in"))]
    assert len(recipe.splitlines()) - len(lines) == 2
    (tmp_path / "default.toml").write_text("\n".join(lines), encoding="utf-8")
    source = shared_data / "online_retail"
    read = config.load(tmp_path / "default.toml", source=source, workspace=tmp_path / "w")
    opened = marts.build(ledger.read(read), read.workspace)
    began = opened.cohorts.filter(pl.col("cohort_month") == pl.col("month"))
    began = began.group_by("status", "cohort_month").agg(pl.col("customers").sum()).collect()
    by_status = {
        status: dict(rows.select("cohort_month", "customers").sort("cohort_month").rows())
        for (status,), rows in began.partition_by("status", as_dict=True).items()
    }
    december = 12 * 2010 + 11
    # 180 days from 1 December end on 30 May: the first five months whole, and part of May.
    seen = by_status["first_seen"]
    assert [seen[december + n] for n in range(5)] == NEW_CUSTOMERS[:5]
    assert min(by_status["new"]) == december + 5
    assert [by_status["new"][december + n] for n in range(6, 13)] == NEW_CUSTOMERS[6:]
    assert seen[december + 5] + by_status["new"][december + 5] == NEW_CUSTOMERS[5]
