"""Ledgers to measure with: a shop of any size, drawn with a seed and kept under ``build/bench``.

Customers buy as in BG/NBD (exponential gaps, rates from a gamma, drop-out from a beta
distribution), an order holds 3.3 lines on average, 4,000 products sell by Zipf's law. 3 % of the
lines come back some days later, 10 % of the orders carry no customer, 5 % of the lines have no
cost and half of those take the product's mean. Prices rise, so that real values differ. Half of
the orders have freight, a fifth of the customers are in a campaign: whole builds read that too.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray
from shop import AS_OF_DAY, FIRST_DAY, LAST_DAY, Shop, shop

from crmlib.marts.calendar import from_day, month_number, price_ratios
from crmlib.schema import FOLDS, LEDGER, LedgerLines

# Weeks; found by Fader, Hardie and Lee (2005) on the CDNOW data, with fewer who drop out.
RATE_SHAPE, RATE_SCALE, DROP_A, DROP_B = 0.243, 4.414, 0.793, 2.426
LINES_PER_ORDER = 3.3
LINES_PER_CUSTOMER = 6.9  # of the above over the period, refunds included
PRODUCTS = 4_000
NO_CUSTOMER, REFUNDED, NO_COST, DISCOUNTED, BELOW_COST = 0.10, 0.03, 0.05, 0.15, 0.02
VAT = 1.20
MONTHLY_INFLATION = 1.03
_LETTERS = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", dtype="S1")
_DAY_SECONDS = 86_400
_COSTS = {
    "customer_id": pl.String, "fold": pl.Int32, "day": pl.Int32, "month": pl.Int32,
    **dict.fromkeys(["freight", "service", "contacts"], pl.Decimal(18, 4)),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders, one row each: customer (-1: not known), second since 1970, lines."""

    customer: NDArray[np.int32]
    second: NDArray[np.int64]
    lines: NDArray[np.int32]


def ledger(lines: int, seed: int = 1) -> Shop:
    """Find or make a ledger of about so many lines."""
    made = shop(lines, seed)
    if made.real.exists():
        return made
    shutil.rmtree(made.folder, ignore_errors=True)
    (made.folder / "lines").mkdir(parents=True)
    rng = np.random.default_rng(seed)
    people = max(50, round(lines / LINES_PER_CUSTOMER))
    orders = _orders(people, rng)
    customers = _customers(people, rng)
    for month, piece in _by_month(orders, customers, rng):
        _write(made.folder / "lines" / f"{month}.parquet", piece)
    _write(made.joined, _joined(customers, rng))
    _write(made.costs, pl.DataFrame(schema=_COSTS))
    (made.folder / "tables").mkdir()
    for table, frame in _tables(customers, orders, rng):
        _write(made.folder / "tables" / f"{table}.parquet", frame)
    # Written last: a ledger without it was not finished.
    _write(made.real, _real())
    return made


def _write(path: Path, frame: pl.DataFrame) -> None:
    frame.write_parquet(path, compression="zstd", statistics=True)


def _orders(people: int, rng: Generator) -> Orders:
    """Draw when everybody buys, customers in step: one gap at a time."""
    rate = rng.gamma(RATE_SHAPE, 1 / RATE_SCALE, people) / 7  # purchases a day
    leaves = rng.beta(DROP_A, DROP_B, people)
    at = rng.uniform(FIRST_DAY, LAST_DAY + 1, people)
    active = np.arange(people, dtype=np.int32)
    found = [(active, at)]
    while active.size:
        active = active[rng.random(active.size) >= leaves[active]]
        at[active] += rng.exponential(1, active.size) / np.maximum(rate[active], 1e-12)
        active = active[at[active] < LAST_DAY + 1]
        found.append((active, at[active]))
    customer = np.concatenate([c for c, _ in found])
    day = np.concatenate([d for _, d in found])
    customer[rng.random(customer.size) < NO_CUSTOMER] = -1
    order = np.argsort(day, kind="stable")
    sizes = 1 + rng.poisson(LINES_PER_ORDER - 1, customer.size)
    second = (day[order] * _DAY_SECONDS).astype(np.int64)
    return Orders(customer[order], second, sizes.astype(np.int32))


def _customers(people: int, rng: Generator) -> pl.DataFrame:
    letters = _LETTERS[rng.integers(0, len(_LETTERS), (people, 16))]
    names = np.ascontiguousarray(letters).view("S16").ravel().astype(str)
    return pl.DataFrame(
        {"customer_id": names, "fold": rng.integers(0, FOLDS, people).astype(np.int32)}
    )


def _by_month(
    orders: Orders, customers: pl.DataFrame, rng: Generator
) -> Iterator[tuple[int, pl.DataFrame]]:
    """Give each month's lines; what is refunded in a later month waits for it."""
    weight = 1 / np.arange(1, PRODUCTS + 1)
    share = np.cumsum(weight / weight.sum())
    price = np.round(np.exp(rng.normal(4, 0.8, PRODUCTS)) * 100).astype(np.int64)  # 1/100
    cost_share = rng.uniform(0.35, 0.75, PRODUCTS)
    months = [month_number(from_day(int(d))) for d in range(FIRST_DAY, LAST_DAY + 1)]
    bounds = np.flatnonzero(np.diff([0, *months])) + FIRST_DAY
    ends = [*bounds[1:], LAST_DAY + 1]
    waiting: list[pl.DataFrame] = []
    for first, end in zip(bounds, ends, strict=True):
        month = months[first - FIRST_DAY]
        low, high = np.searchsorted(orders.second, [first * _DAY_SECONDS, end * _DAY_SECONDS])
        sold = _sold(orders, int(low), int(high), (share, price, cost_share), rng)
        waiting.append(_refunds(sold, rng))
        back = pl.concat(waiting)
        now = pl.col("second") < end * _DAY_SECONDS
        waiting = [back.filter(~now & (pl.col("second") < (LAST_DAY + 1) * _DAY_SECONDS))]
        yield month, _finished(pl.concat([sold, back.filter(now)]), customers, month)


def _sold(
    orders: Orders,
    low: int,
    high: int,
    products: tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]],
    rng: Generator,
) -> pl.DataFrame:
    """Draw the lines of the orders from ``low`` to ``high``; money in 1/10,000."""
    share, price, cost_share = products
    sizes = orders.lines[low:high]
    order = np.repeat(np.arange(low, high), sizes)
    product = np.minimum(np.searchsorted(share, rng.random(order.size)), PRODUCTS - 1)
    ends = np.cumsum(sizes)
    line_no = np.arange(1, order.size + 1) - np.repeat(ends - sizes, sizes)
    quantity = 1 + rng.binomial(3, 0.12, order.size)
    age = (orders.second[order] - FIRST_DAY * _DAY_SECONDS) / (_DAY_SECONDS * 30.4)
    unit_price = np.round(price[product] * MONTHLY_INFLATION**age).astype(np.int64) * 100
    off = np.where(rng.random(order.size) < DISCOUNTED, 0.1, 0.0)
    discount = np.round(unit_price * quantity * off / 100).astype(np.int64) * 100
    share_now = np.where(rng.random(order.size) < BELOW_COST, 1.1, cost_share[product])
    cost = np.round(unit_price * share_now / VAT).astype(np.int64)
    return pl.DataFrame(
        {
            "order": order,
            "customer": orders.customer[order],
            "second": orders.second[order],
            "line_no": line_no.astype(np.int32),
            "product": product.astype(np.int32),
            "quantity": quantity,
            "unit_price": unit_price,
            "discount": discount,
            "unit_cost": cost,
            "known": rng.random(order.size),
        }
    )


def _refunds(sold: pl.DataFrame, rng: Generator) -> pl.DataFrame:
    """Draw which lines come back, and when."""
    back = sold.filter(pl.Series(rng.random(sold.height) < REFUNDED))
    later = rng.integers(0, 30, back.height) * _DAY_SECONDS + rng.integers(1, 60, back.height)
    return back.with_columns(
        second=pl.col("second") + pl.Series(later),
        line_no=pl.col("line_no") + 1_000,
        quantity=-pl.col("quantity"),
        discount=-pl.col("discount"),
    )


def _finished(rows: pl.DataFrame, customers: pl.DataFrame, month: int) -> pl.DataFrame:
    """Give the ledger's columns in the ledger's order."""
    value = pl.col("quantity") * pl.col("unit_price") - pl.col("discount")
    net = (value / VAT).round().cast(pl.Int64)
    costed = pl.col("known") >= NO_COST / 2
    text = pl.lit(None, dtype=pl.String)
    padded = pl.col("product").cast(pl.String).str.zfill(4)
    people = customers.with_row_index("customer").with_columns(pl.col("customer").cast(pl.Int32))
    made = (
        rows.join(people, on="customer", how="left", maintain_order="left")
        .select(
            "customer_id",
            "line_no",
            order_id="S" + pl.col("order").cast(pl.String).str.zfill(9),
            ordered_at=pl.from_epoch("second"),
            product_id="P" + padded,
            quantity=_decimal(pl.col("quantity") * 1_000, 3, pl.Decimal(12, 3)),
            unit_price=_decimal(pl.col("unit_price"), 4),
            discount=_decimal(pl.col("discount"), 4),
            vat_rate=pl.lit(None, dtype=pl.Decimal(6, 4)),
            unit_cost=pl.when(pl.col("known") >= NO_COST).then(_decimal(pl.col("unit_cost"), 4)),
            promotion_id=pl.when(pl.col("discount") != 0).then(
                pl.format("PROMO{}", pl.col("order") % 9)
            ),
            coupon=text,
            channel=pl.when(pl.col("order") % 5 < 3)
            .then(pl.lit("mağaza"))
            .otherwise(pl.lit("web")),
            store=text,
            value=_decimal(value, 4),
            day=(pl.col("second") // _DAY_SECONDS).cast(pl.Int32),
            month=pl.lit(month, dtype=pl.Int32),
            margin=pl.when(costed).then(
                _decimal(net - pl.col("quantity") * pl.col("unit_cost"), 4)
            ),
            discount_net=pl.when(costed).then(
                _decimal((pl.col("discount") / VAT).round().cast(pl.Int64), 4)
            ),
            cost_filled=pl.col("known").is_between(NO_COST / 2, NO_COST, closed="left"),
            fold=pl.coalesce("fold", (pl.col("order") % FOLDS).cast(pl.Int32)),
        )
        .sort("customer_id", "ordered_at", "order_id", "product_id", "line_no", nulls_last=True)
    )
    # A month's purchase lines of one order stand together: they have one customer and time.
    bought = made.lazy().filter(pl.col("quantity") > 0)
    heads = bought.select(
        "order_id",
        "line_no",
        order_head=pl.col("order_id").ne_missing(pl.col("order_id").shift()).cast(pl.Int32),
    )
    whole = (
        made.lazy()
        .join(heads, on=["order_id", "line_no"], how="left", maintain_order="left")
        .with_columns(
            pl.col("order_head").fill_null(0),
            ordered_at=pl.col("ordered_at").cast(pl.Datetime("us")),
        )
    )
    return whole.select(LedgerLines.column_names()).collect()


def _decimal(number: Any, places: int, dtype: pl.Decimal | None = None) -> Any:
    """Read whole numbers as Decimals with so many places."""
    dtype = dtype or pl.Decimal(18, 4)
    unit = pl.lit(Decimal(1).scaleb(-places))
    return (number.cast(pl.Decimal(38, places)) * unit).cast(dtype)


def _joined(customers: pl.DataFrame, rng: Generator) -> pl.DataFrame:
    """Give the day of joining of half of the customers, a tenth of it before the beginning."""
    known = customers.filter(pl.Series(rng.random(customers.height) < 0.5)).select("customer_id")
    day = rng.integers(FIRST_DAY - 120, AS_OF_DAY, known.height).astype(np.int32)
    return known.with_columns(joined_day=pl.Series(day))


def _tables(
    customers: pl.DataFrame, orders: Orders, rng: Generator
) -> Iterator[tuple[str, pl.DataFrame]]:
    """Give the tables that only whole builds read."""
    padded = pl.int_range(PRODUCTS).cast(pl.String).str.zfill(4)
    group = pl.format("Group {} > Shelf {}", pl.int_range(PRODUCTS) % 12, pl.int_range(PRODUCTS))
    yield "products", _as("products", pl.select(product_id="P" + padded, category=group))
    sent = np.arange(0, orders.customer.size, 2)
    freight = _decimal(pl.Series(rng.integers(1, 90, sent.size) * 10_000), 4)
    name = "S" + pl.Series(sent).cast(pl.String).str.zfill(9)
    yield "deliveries", _as("deliveries", pl.select(order_id=name, cost=freight))
    start = from_day(AS_OF_DAY - 60)
    campaign = pl.DataFrame(
        {"campaign_id": "spring", "start": start, "start_day": AS_OF_DAY - 60, "window_days": 28}
    )
    yield "campaigns", _as("campaigns", campaign)
    people = customers.filter(pl.Series(rng.random(customers.height) < 0.2))
    treated = pl.Series(rng.random(people.height) < 0.8)
    drawn = people.with_columns(
        campaign_id=pl.lit("spring"),
        arm=pl.when(treated).then(pl.lit("treated")).otherwise(pl.lit("control")),
        assigned_at=pl.lit(start).cast(pl.Datetime("us")),
        day=pl.lit(AS_OF_DAY - 60),
    )
    yield "assignments", _as("assignments", drawn)
    yield "customers", _as("customers", customers)


def _as(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Give a table the columns and types of the ledger's; what is not there is empty."""
    types = LEDGER[table].create_empty().schema
    return frame.select(
        (pl.col(c) if c in frame.columns else pl.lit(None)).cast(t).alias(c)
        for c, t in types.items()
    )


def _real() -> pl.DataFrame:
    months = range(month_number(from_day(FIRST_DAY)), month_number(from_day(LAST_DAY)) + 1)
    index = pl.DataFrame(
        {
            "month": [date(m // 12, m % 12 + 1, 1) for m in months],
            "index": [100 * MONTHLY_INFLATION**i for i in range(len(months))],
        }
    )
    return price_ratios(index, months, from_day(AS_OF_DAY))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lines", type=int)
    print(ledger(parser.parse_args().lines).folder)
