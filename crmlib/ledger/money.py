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


def with_margin(
    lines: pl.DataFrame, shop: Shop, earlier: pl.DataFrame | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Add ``margin`` and ``discount_net`` (both without VAT) and ``cost_filled``.

    A line without a cost takes the last one that was recorded for its product, that day or
    before (the mean of a day's): never a later one, so that an as-of day sees nothing of what
    came after it. Before a product's first recorded cost the margin stays empty.

    Parameters
    ----------
    lines
        The order lines of some days, later than those of ``earlier``.
    shop
        Says whether prices include VAT, and at which rate.
    earlier
        Last recorded costs so far, as this function returned them.

    Returns
    -------
    The lines in their order, and the last recorded costs: ``product_id``, ``day``, ``_known``.
    """
    # A refund's cost may be zero on purpose (goods written off): sale lines alone tell costs.
    told = (pl.col("quantity") > 0) & pl.col("unit_cost").is_not_null()
    exact = pl.col("unit_cost").cast(AMOUNT)
    # Not mean(): it adds floats, whose sum depends on the order of the rows.
    mean = rounded(exact.sum() / pl.len().cast(AMOUNT))
    costs = lines.filter(told).group_by("product_id", "day").agg(_known=mean)
    if earlier is not None:
        costs = pl.concat([earlier, costs])
    costs = costs.sort("day", "product_id")
    placed = lines.with_row_index("_at").sort("day", "_at")
    placed = placed.join_asof(
        costs, on="day", by="product_id", strategy="backward", check_sortedness=False
    )
    filled = placed.sort("_at").with_columns(
        _cost=pl.coalesce("unit_cost", "_known"),
        cost_filled=pl.col("unit_cost").is_null() & pl.col("_known").is_not_null(),
    )
    cost = rounded(_product(pl.col("quantity"), pl.col("_cost")))
    margin = (_without_vat(pl.col("value"), shop) - cost).cast(CENTS, strict=False)
    off = _without_vat(pl.col("discount").fill_null(0), shop)
    done = filled.with_columns(
        margin=margin, discount_net=pl.when(margin.is_not_null()).then(off)
    ).drop("_cost", "_known", "_at")
    return done, costs.group_by("product_id", maintain_order=True).last().select(costs.columns)


def _without_vat(money: pl.Expr, shop: Shop) -> pl.Expr:
    if not shop.prices_include_vat:
        return money.cast(CENTS)
    one = pl.lit(Decimal(1)).cast(AMOUNT)
    rate = pl.coalesce(pl.col("vat_rate"), pl.lit(shop.vat_rate).cast(pl.Decimal(6, 4)))
    return rounded(money.cast(AMOUNT) / (one + rate.cast(AMOUNT)))
