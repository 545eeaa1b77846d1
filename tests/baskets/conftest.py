"""Baskets of the witnesses."""

import polars as pl
import pytest


@pytest.fixture(scope="session")
def groceries(shared_data) -> pl.DataFrame:
    """9,835 baskets of a grocery outlet: one line an item."""
    lines = pl.read_csv(shared_data / "groceries" / "groceries_long.csv")
    return lines.rename({"basket_id": "order_id", "item": "product_id"})


@pytest.fixture(scope="session")
def hierarchy(shared_data) -> pl.DataFrame:
    """Categories of the groceries: 169 items in 55."""
    table = pl.read_csv(shared_data / "groceries" / "item_hierarchy.csv")
    return table.select(product_id="labels", category="level2")


@pytest.fixture(scope="session")
def online_retail(shared_data) -> pl.DataFrame:
    """18,532 baskets: sales with a customer, a quantity and a price."""
    rows = pl.read_parquet(shared_data / "online_retail" / "online_retail.parquet")
    sales = rows.filter(
        pl.col("CustomerID").is_not_null(),
        ~pl.col("InvoiceNo").str.starts_with("C"),
        pl.col("Quantity") > 0,
        pl.col("UnitPrice") > 0,
    )
    return sales.select(order_id="InvoiceNo", product_id="StockCode", quantity="Quantity")
