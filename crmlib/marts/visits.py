"""Visits: one row a customer and day, built once from the order lines; the rest derives from it."""

from __future__ import annotations

import narwhals as nw

from crmlib.marts.money import added, times

SUMS = (
    "value",
    "returns",
    "margin",
    "margin_returns",
    "margin_below_cost",
    "value_costed",
    "discount_net",
)


def visits(lines: nw.LazyFrame, real: nw.LazyFrame, *, as_of_day: int) -> nw.LazyFrame:
    """Gather the lines of customers by day.

    Parameters
    ----------
    lines
        Ledger order lines: all of them, or those of some months (a day lies within a month).
    real
        ``month`` and ``ratio``: price level of the as-of month over that month's.
    as_of_day
        Last day that counts, days since 1970-01-01.

    Returns
    -------
    One row a customer-day: ``fold``, ``month``, ``orders``, ``lines``, ``purchase_lines`` (lines
    bought, not returned; 0 on a day with returns alone), ``quantity``, ``value``, ``value_real``
    (prices of the as-of month), ``returns`` (value of returned lines, negative), ``margin`` of
    lines whose cost is known, its two ways of costing money ``margin_returns`` and
    ``margin_below_cost`` (lines sold under their cost), ``value_costed``, the value of the
    lines that have a margin, and ``discount_net``, the discount without VAT on those of them
    that were bought. In order of customer and day.
    """
    returned, bought = nw.col("quantity") < 0, nw.col("quantity") > 0
    below_cost = (~returned) & (nw.col("margin") < 0)
    named = lines.filter(~nw.col("customer_id").is_null(), nw.col("day") <= as_of_day)
    marked = named.with_columns(
        purchase_lines=bought.cast(nw.Int64),
        returns=nw.when(returned).then(nw.col("value")),
        margin_returns=nw.when(returned).then(nw.col("margin")),
        margin_below_cost=nw.when(below_cost).then(nw.col("margin")),
        value_costed=nw.when(~nw.col("margin").is_null()).then(nw.col("value")),
        discount_net=nw.when(bought).then(nw.col("discount_net")),
    )
    gathered = marked.group_by("customer_id", "day").agg(
        nw.col("fold").max(),
        nw.col("month").max(),
        nw.col("order_head").sum().cast(nw.Int64).alias("orders"),
        nw.len().cast(nw.Int64).alias("lines"),
        nw.col("purchase_lines").sum().cast(nw.Int64),
        nw.col("quantity").sum().cast(nw.Decimal(18, 3)),
        *added(*SUMS),
    )
    return at_constant_prices(gathered, real).sort("customer_id", "day")


def at_constant_prices(frame: nw.LazyFrame, real: nw.LazyFrame) -> nw.LazyFrame:
    """Add ``value_real``: ``value`` in prices of the as-of month, in exact decimals.

    Sums of decimals do not depend on the order of the rows, so every engine and every number
    of threads gives the same total.
    """
    joined = frame.join(real, on="month", how="left")
    return joined.with_columns(value_real=times(nw.col("value"), nw.col("ratio"))).drop("ratio")
