"""Exact money on lines: value and margin, rounded once, half away from zero."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from crmlib.config import Shop
from crmlib.ledger.values import AMOUNT

CENTS = pl.Decimal(18, 4)
_SCALE = 4
# Wide enough for quantity x price (below 10^9 x 10^14) with no decimal lost on the way.
_PRODUCT = pl.Decimal(38, 14)


def rounded(expr: pl.Expr) -> pl.Expr:
    """Round exact decimals to the four places that are kept, as a till does."""
    return expr.round(_SCALE, mode="half_away_from_zero").cast(CENTS, strict=False)


def _product(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    return one.cast(_PRODUCT) * other.cast(_PRODUCT)


def with_value(rows: pl.DataFrame) -> pl.DataFrame:
    """Add ``value`` and make the amounts' types final; uses ``line_total`` where there is one.

    With a line total the unit price is worked out, but the value stays the total.
    """
    exact = _product(pl.col("quantity"), pl.col("unit_price"))
    # A price given beside a total is kept as it is; the total still decides the value.
    price = pl.coalesce(
        pl.col("unit_price"),
        pl.when(pl.col("quantity") != 0).then(pl.col("line_total") / pl.col("quantity")),
    )
    value = pl.coalesce(
        pl.col("line_total").cast(_PRODUCT), exact - pl.col("discount").fill_null(0).cast(_PRODUCT)
    )
    return rows.with_columns(
        value=rounded(value),
        unit_price=rounded(price),
        discount=rounded(pl.col("discount")),
        unit_cost=rounded(pl.col("unit_cost")),
        quantity=pl.col("quantity")
        .round(3, mode="half_away_from_zero")
        .cast(pl.Decimal(12, 3), strict=False),
        vat_rate=pl.col("vat_rate").cast(pl.Decimal(6, 4), strict=False),
    )


def with_margin(lines: pl.DataFrame, shop: Shop) -> pl.DataFrame:
    """Add ``margin`` (without VAT) and ``cost_filled``.

    A line without a cost takes the product's mean recorded cost of the same month; a product
    whose cost is never recorded that month leaves the margin empty. ``lines`` is one month.
    """
    recorded = pl.col("unit_cost").filter(pl.col("quantity") > 0).cast(AMOUNT)
    # Not mean(): it adds floats, whose sum depends on the order of the rows.
    count = recorded.count().over("product_id")
    mean = recorded.sum().over("product_id") / pl.when(count > 0).then(count).cast(AMOUNT)
    filled = lines.with_columns(
        _cost=pl.coalesce(pl.col("unit_cost"), rounded(mean)),
        cost_filled=pl.col("unit_cost").is_null() & (count > 0),
    )
    cost = rounded(_product(pl.col("quantity"), pl.col("_cost")))
    margin = (_without_vat(shop) - cost).cast(CENTS, strict=False)
    return filled.with_columns(margin=margin).drop("_cost")


def _without_vat(shop: Shop) -> pl.Expr:
    value = pl.col("value").cast(AMOUNT)
    if not shop.prices_include_vat:
        return pl.col("value")
    one = pl.lit(Decimal(1)).cast(AMOUNT)
    rate = pl.coalesce(pl.col("vat_rate"), pl.lit(shop.vat_rate).cast(pl.Decimal(6, 4)))
    return rounded(value / (one + rate.cast(AMOUNT)))
