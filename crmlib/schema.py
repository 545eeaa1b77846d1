"""The tables: columns with types, units, rules, keys and privacy class.

Each column says in ``metadata`` what it means for a person (``privacy``: identifier, contact,
behaviour or none) and, where it has one, its ``unit``. ``docs/data-dictionary.md`` is made
from here by ``make dictionary``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import dataframely as dy
import polars as pl

MONEY = "shop currency"
FOLDS = 64

# Rows that a spreadsheet adds below the data; counted twice if they were read as an order.
_TOTAL_ROW = r"(?i)^\s*(genel\s+)?(toplam|total|grand\s+total|sum)\s*:?\s*$"
# What programs write for a missing value; as an id it would make one customer of all strangers.
_NOTHING = r"(?i)^(nan|nat|null|none|nil|n/a|#n/a|<na>)$"
# A spreadsheet that opened the file has turned a long id into a rounded number.
_SCIENTIFIC = r"^[+-]?\d+([.,]\d+)?[eE]\+?\d+$"


def _about(privacy: str, unit: str | None = None) -> dict[str, Any]:
    return {"privacy": privacy} | ({"unit": unit} if unit else {})


def _sound_id(expr: pl.Expr) -> pl.Expr:
    return (expr.str.len_chars() > 0) & ~expr.str.contains(_SCIENTIFIC)


def _not_a_total(expr: pl.Expr) -> pl.Expr:
    return ~expr.str.contains(_TOTAL_ROW)


def _not_a_word_for_nothing(expr: pl.Expr) -> pl.Expr:
    return ~expr.str.contains(_NOTHING)


_CUSTOMER_CHECKS = {"sound_id": _sound_id, "not_a_word_for_nothing": _not_a_word_for_nothing}
_ID_CHECKS = _CUSTOMER_CHECKS | {"not_a_total_row": _not_a_total}
_EARLIEST = pl.datetime(1990, 1, 1)
_LATEST = pl.datetime(2100, 1, 1)
# A year of two digits, read as four, is a thousand years and more away.
_PLAUSIBLE_DAY = {"plausible_date": lambda e: e.dt.year().is_between(1900, 2100)}


class OrderLines(dy.Schema):
    """One row a line of an order, as the source has it; refunds are negative quantities."""

    order_id = dy.String(
        nullable=False,
        check=_ID_CHECKS,
        metadata=_about("behaviour"),
        description="Order, invoice or receipt number.",
    )
    line_no = dy.Int32(
        nullable=False,
        metadata=_about("none"),
        description="Line within the order; when the source has none, the n-th identical row "
        "of its order in its file.",
    )
    customer_id = dy.String(
        nullable=True,
        check=_CUSTOMER_CHECKS,
        metadata=_about("identifier"),
        description="Customer, as a keyed pseudonym; empty when the sale carries no customer.",
    )
    ordered_at = dy.Datetime(
        nullable=False,
        check={"plausible_date": lambda e: (e >= _EARLIEST) & (e < _LATEST)},
        metadata=_about("behaviour", "local time of the declared zone"),
        description="When the line was ordered or returned.",
    )
    product_id = dy.String(
        nullable=False,
        check=_ID_CHECKS,
        metadata=_about("behaviour"),
        description="Article or stock code.",
    )
    quantity = dy.Decimal(
        12,
        3,
        nullable=False,
        metadata=_about("behaviour", "units sold"),
        description="Units; negative when returned.",
    )
    unit_price = dy.Decimal(
        18,
        4,
        nullable=True,
        min=Decimal(0),
        metadata=_about("behaviour", MONEY),
        description="Price of a unit before the line's discount; empty when the source has a "
        "line total for no units.",
    )
    discount = dy.Decimal(
        18,
        4,
        nullable=True,
        metadata=_about("behaviour", MONEY),
        description="Money off the whole line.",
    )
    vat_rate = dy.Decimal(
        6,
        4,
        nullable=True,
        min=Decimal(0),
        max=Decimal(1),
        metadata=_about("none", "fraction of one"),
        description="VAT rate of the line; empty: the shop's rate.",
    )
    unit_cost = dy.Decimal(
        18,
        4,
        nullable=True,
        min=Decimal(0),
        metadata=_about("none", MONEY + " without VAT"),
        description="Purchase cost of a unit; zero on a refund whose goods were written off.",
    )
    promotion_id = dy.String(
        nullable=True, metadata=_about("behaviour"), description="Promotion the line was sold in."
    )
    coupon = dy.String(
        nullable=True, metadata=_about("behaviour"), description="Coupon that was redeemed."
    )
    channel = dy.String(nullable=True, metadata=_about("behaviour"), description="Sales channel.")
    store = dy.String(nullable=True, metadata=_about("behaviour"), description="Store.")
    value = dy.Decimal(
        18,
        4,
        nullable=False,
        metadata=_about("behaviour", MONEY),
        description="quantity x unit_price - discount, or the source's line total; rounded once "
        "at intake, half away from zero; with or without VAT as the shop declares.",
    )


class LedgerLines(OrderLines):
    """Order lines as the ledger keeps them: with what is worked out once, at intake."""

    day = dy.Int32(
        nullable=False,
        metadata=_about("behaviour", "days since 1970-01-01"),
        description="Local day of ordered_at, an integer since date differences are not portable.",
    )
    month = dy.Int32(
        nullable=False,
        metadata=_about("behaviour", "months since year 0"),
        description="Local month: 12 x year + month - 1.",
    )
    margin = dy.Decimal(
        18,
        4,
        nullable=True,
        metadata=_about("behaviour", MONEY + " without VAT"),
        description="Value without VAT minus cost; empty when no cost is known.",
    )
    cost_filled = dy.Bool(
        nullable=False,
        metadata=_about("none"),
        description="The line had no cost; the product's last recorded cost until then was taken.",
    )
    order_head = dy.Int32(
        nullable=False,
        min=0,
        max=1,
        metadata=_about("none"),
        description="1 on one purchase line of each order, so that orders are a sum.",
    )
    fold = dy.Int32(
        nullable=False,
        min=0,
        max=FOLDS - 1,
        metadata=_about("none"),
        description="Random group of the customer (of the order, where there is no customer).",
    )


class Customers(dy.Schema):
    """One row a customer."""

    customer_id = dy.String(
        primary_key=True,
        check=_ID_CHECKS,
        metadata=_about("identifier"),
        description="Customer, as a keyed pseudonym.",
    )
    name = dy.String(nullable=True, metadata=_about("contact"), description="Full name.")
    email = dy.String(nullable=True, metadata=_about("contact"), description="E-mail address.")
    phone = dy.String(nullable=True, metadata=_about("contact"), description="Phone number.")
    birth_year = dy.Int32(
        nullable=True,
        min=1900,
        max=2100,
        metadata=_about("behaviour", "year"),
        description="Year of birth.",
    )
    sex = dy.String(nullable=True, metadata=_about("behaviour"), description="As recorded.")
    city = dy.String(nullable=True, metadata=_about("behaviour"), description="City.")
    region = dy.String(nullable=True, metadata=_about("behaviour"), description="Region.")
    account_type = dy.String(
        nullable=True, metadata=_about("behaviour"), description="Person, company, ..."
    )
    joined_at = dy.Date(
        nullable=True,
        check=_PLAUSIBLE_DAY,
        metadata=_about("behaviour", "local day"),
        description="When the customer was first known, e.g. the loyalty card's date.",
    )
    acquisition_channel = dy.String(
        nullable=True, metadata=_about("behaviour"), description="Where the customer came from."
    )


class Products(dy.Schema):
    """One row a product."""

    product_id = dy.String(
        primary_key=True,
        check=_ID_CHECKS,
        metadata=_about("none"),
        description="Article or stock code, as in order_lines.",
    )
    name = dy.String(nullable=True, metadata=_about("none"), description="Name.")
    category = dy.String(
        nullable=True,
        metadata=_about("none"),
        description="Category path, levels separated by ' > '.",
    )
    available_from = dy.Date(
        nullable=True,
        check=_PLAUSIBLE_DAY,
        metadata=_about("none"),
        description="First day sold.",
    )
    available_until = dy.Date(
        nullable=True,
        check=_PLAUSIBLE_DAY,
        metadata=_about("none"),
        description="Last day sold.",
    )

    @dy.rule()
    def available_in_order(cls) -> pl.Expr:
        """Check that a product does not leave before it comes."""
        return pl.col("available_until") >= pl.col("available_from")


class PriceIndex(dy.Schema):
    """Consumer or own price index by month; only ratios of it are used."""

    month = dy.Date(
        primary_key=True,
        check=_PLAUSIBLE_DAY | {"first_of_month": lambda e: e.dt.day() == 1},
        metadata=_about("none", "first day of the month"),
        description="Month.",
    )
    index = dy.Decimal(
        18,
        6,
        nullable=False,
        min_exclusive=Decimal(0),
        metadata=_about("none", "index points"),
        description="Price level of the month.",
    )


TABLES: dict[str, type[dy.Schema]] = {
    "order_lines": OrderLines,
    "customers": Customers,
    "products": Products,
    "price_index": PriceIndex,
}

# As stored: the ledger adds columns to the order lines only.
LEDGER: dict[str, type[dy.Schema]] = TABLES | {"order_lines": LedgerLines}

# Worked out by the reader or given in other ways, so a configuration need not map them.
REQUIRED = {
    "order_lines": ("order_id", "ordered_at", "product_id", "quantity"),
    "customers": ("customer_id",),
    "products": ("product_id",),
    "price_index": ("month", "index"),
}
# Read from the source to work out or check others, but not kept as columns.
HELPERS = {"order_lines": ("line_total", "currency")}
# Not mapped from a source: always worked out.
DERIVED = {"order_lines": ("value",)}


def columns(table: str) -> list[str]:
    """List the columns of ``table`` that a configuration may map."""
    own = [c for c in TABLES[table].column_names() if c not in DERIVED.get(table, ())]
    return own + list(HELPERS.get(table, ()))
