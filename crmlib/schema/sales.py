"""What is sold: order lines, products, deliveries, prices."""

from __future__ import annotations

from decimal import Decimal

import dataframely as dy
import polars as pl

from crmlib.schema.rules import (
    CUSTOMER_CHECKS,
    FOLDS,
    ID_CHECKS,
    MONEY,
    PLAUSIBLE_DAY,
    PLAUSIBLE_TIME,
    about,
    cost,
    identifier,
    moment,
)


class OrderLines(dy.Schema):
    """One row a line of an order, as the source has it; refunds are negative quantities."""

    order_id = dy.String(
        nullable=False,
        check=ID_CHECKS,
        metadata=about("behaviour"),
        description="Order, invoice or receipt number.",
    )
    line_no = dy.Int32(
        nullable=False,
        metadata=about("none"),
        description="Line within the order; when the source has none, the n-th identical row "
        "of its order in its file.",
    )
    customer_id = dy.String(
        nullable=True,
        check=CUSTOMER_CHECKS,
        metadata=about("identifier"),
        description="Customer, as a keyed pseudonym; empty when the sale carries no customer.",
    )
    ordered_at = dy.Datetime(
        nullable=False,
        check=PLAUSIBLE_TIME,
        metadata=about("behaviour", "local time of the declared zone"),
        description="When the line was ordered or returned.",
    )
    product_id = dy.String(
        nullable=False,
        check=ID_CHECKS,
        metadata=about("behaviour"),
        description="Article or stock code.",
    )
    quantity = dy.Decimal(
        12,
        3,
        nullable=False,
        metadata=about("behaviour", "units sold"),
        description="Units; negative when returned.",
    )
    unit_price = dy.Decimal(
        18,
        4,
        nullable=True,
        min=Decimal(0),
        metadata=about("behaviour", MONEY),
        description="Price of a unit before the line's discount; empty when the source has a "
        "line total for no units.",
    )
    discount = dy.Decimal(
        18,
        4,
        nullable=True,
        metadata=about("behaviour", MONEY),
        description="Money off the whole line.",
    )
    vat_rate = dy.Decimal(
        6,
        4,
        nullable=True,
        min=Decimal(0),
        max=Decimal(1),
        metadata=about("none", "fraction of one"),
        description="VAT rate of the line; empty: the shop's rate.",
    )
    unit_cost = dy.Decimal(
        18,
        4,
        nullable=True,
        min=Decimal(0),
        metadata=about("none", MONEY + " without VAT"),
        description="Purchase cost of a unit; zero on a refund whose goods were written off.",
    )
    promotion_id = dy.String(
        nullable=True, metadata=about("behaviour"), description="Promotion the line was sold in."
    )
    coupon = dy.String(
        nullable=True, metadata=about("behaviour"), description="Coupon that was redeemed."
    )
    channel = dy.String(nullable=True, metadata=about("behaviour"), description="Sales channel.")
    store = dy.String(nullable=True, metadata=about("behaviour"), description="Store.")
    value = dy.Decimal(
        18,
        4,
        nullable=False,
        metadata=about("behaviour", MONEY),
        description="quantity x unit_price - discount, or the source's line total; rounded once "
        "at intake, half away from zero; with or without VAT as the shop declares.",
    )


class LedgerLines(OrderLines):
    """Order lines as the ledger keeps them: with what is worked out once, at intake."""

    day = dy.Int32(
        nullable=False,
        metadata=about("behaviour", "days since 1970-01-01"),
        description="Local day of ordered_at, an integer since date differences are not portable.",
    )
    month = dy.Int32(
        nullable=False,
        metadata=about("behaviour", "months since year 0"),
        description="Local month: 12 x year + month - 1.",
    )
    margin = dy.Decimal(
        18,
        4,
        nullable=True,
        metadata=about("behaviour", MONEY + " without VAT"),
        description="Value without VAT minus cost; empty when no cost is known.",
    )
    discount_net = dy.Decimal(
        18,
        4,
        nullable=True,
        metadata=about("behaviour", MONEY + " without VAT"),
        description="Discount without VAT of a line whose margin is known, rounded once; 0 where "
        "there was none. Margin plus this is the margin before discount.",
    )
    cost_filled = dy.Bool(
        nullable=False,
        metadata=about("none"),
        description="The line had no cost; the product's last recorded cost until then was taken.",
    )
    order_head = dy.Int32(
        nullable=False,
        min=0,
        max=1,
        metadata=about("none"),
        description="1 on one purchase line of each order, so that orders are a sum.",
    )
    fold = dy.Int32(
        nullable=False,
        min=0,
        max=FOLDS - 1,
        metadata=about("none"),
        description="Random group of the customer (of the order, where there is no customer).",
    )


class Products(dy.Schema):
    """One row a product."""

    product_id = dy.String(
        primary_key=True,
        check=ID_CHECKS,
        metadata=about("none"),
        description="Article or stock code, as in order_lines.",
    )
    name = dy.String(nullable=True, metadata=about("none"), description="Name.")
    category = dy.String(
        nullable=True,
        metadata=about("none"),
        description="Category path, levels separated by ' > '.",
    )
    available_from = dy.Date(
        nullable=True,
        check=PLAUSIBLE_DAY,
        metadata=about("none"),
        description="First day sold.",
    )
    available_until = dy.Date(
        nullable=True,
        check=PLAUSIBLE_DAY,
        metadata=about("none"),
        description="Last day sold.",
    )

    @dy.rule()
    def available_in_order(cls) -> pl.Expr:
        """Check that a product does not leave before it comes."""
        return pl.col("available_until") >= pl.col("available_from")


class Deliveries(dy.Schema):
    """One row a parcel of an order."""

    order_id = identifier("Order that was delivered, as in order_lines.", privacy="behaviour")
    promised = moment("When it was promised.")
    shipped = moment("When it left.")
    delivered = moment("When it arrived.")
    returned = moment("When it came back.")
    cost = cost("Freight that the firm paid for it, there and back.")


class PriceIndex(dy.Schema):
    """Consumer or own price index by month; only ratios of it are used."""

    month = dy.Date(
        primary_key=True,
        check=PLAUSIBLE_DAY | {"first_of_month": lambda e: e.dt.day() == 1},
        metadata=about("none", "first day of the month"),
        description="Month.",
    )
    index = dy.Decimal(
        18,
        6,
        nullable=False,
        min_exclusive=Decimal(0),
        metadata=about("none", "index points"),
        description="Price level of the month.",
    )
