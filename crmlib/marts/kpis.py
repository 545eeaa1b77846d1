"""Key figures by month, and what baskets hold: straight from the order lines."""

from __future__ import annotations

import narwhals as nw

from crmlib.marts.money import added
from crmlib.marts.visits import at_constant_prices


def kpis(lines: nw.LazyFrame, real: nw.LazyFrame, *, as_of_day: int) -> nw.LazyFrame:
    """Sum the order lines by month.

    Returns
    -------
    One row a ``month`` x ``identified`` (1: the sale carries a customer) x ``fold``: ``lines``,
    ``orders``, ``quantity``, ``value``, ``value_real``, ``discount``, ``returns`` (value of
    returned lines), ``margin``, ``value_costed`` and ``value_filled`` (value of lines whose cost
    was taken from the product's mean). Everything adds up.
    """
    marked = lines.filter(nw.col("day") <= as_of_day).with_columns(
        identified=(~nw.col("customer_id").is_null()).cast(nw.Int32),
        returns=nw.when(nw.col("quantity") < 0).then(nw.col("value")),
        value_costed=nw.when(~nw.col("margin").is_null()).then(nw.col("value")),
        value_filled=nw.when(nw.col("cost_filled")).then(nw.col("value")),
    )
    sums = ["value", "discount", "returns", "margin", "value_costed", "value_filled"]
    keys = ["month", "identified", "fold"]
    summed = marked.group_by(*keys).agg(
        nw.len().cast(nw.Int64).alias("lines"),
        nw.col("order_head").sum().cast(nw.Int64).alias("orders"),
        nw.col("quantity").sum().cast(nw.Decimal(18, 3)),
        *added(*sums),
    )
    return at_constant_prices(summed, real).sort(*keys)


def contents(lines: nw.LazyFrame, *, as_of_day: int) -> nw.LazyFrame:
    """Gather what baskets hold; returns are no baskets.

    A basket is what one customer bought in one order; without a customer the order alone.

    Returns
    -------
    One row a basket's product: ``order_id``, ``customer_id``, ``product_id``, ``fold``,
    ``month`` (of its first line) and ``value``.
    """
    bought = lines.filter(nw.col("day") <= as_of_day, nw.col("quantity") > 0)
    return bought.group_by("order_id", "customer_id", "product_id").agg(
        nw.col("fold").max(), nw.col("month").min(), *added("value")
    )


def basket_sizes(contents: nw.LazyFrame) -> nw.LazyFrame:
    """Count baskets by how many different products they hold.

    Returns
    -------
    One row a ``month`` (of the basket's first line) x ``items`` (different products) x ``fold``:
    ``baskets`` and their ``value``.
    """
    baskets = contents.group_by("order_id", "customer_id").agg(
        nw.len().cast(nw.Int32).alias("items"),
        nw.col("month").min(),
        nw.col("fold").max(),
        *added("value"),
    )
    keys = ["month", "items", "fold"]
    return (
        baskets.group_by(*keys)
        .agg(nw.len().cast(nw.Int64).alias("baskets"), *added("value"))
        .sort(*keys)
    )
