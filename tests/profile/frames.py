"""Small customer marts for the tests of the profile."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import polars as pl

MONEY = (
    "value",
    "value_real",
    "returns",
    "margin",
    "margin_returns",
    "margin_below_cost",
    "value_costed",
)
SCHEMA: dict[str, Any] = {
    "customer_id": pl.String,
    "fold": pl.Int32,
    "status": pl.String,
    "purchase_days": pl.Int64,
    "orders": pl.Int64,
    "first_day": pl.Int32,
    "last_day": pl.Int32,
    "days_since_last": pl.Int32,
    **dict.fromkeys(MONEY, pl.Decimal(38, 4)),
}


def mart(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Make a customer mart; what a row does not say gets a plain default."""
    full = []
    for number, row in enumerate(rows):
        base = {
            "customer_id": f"c{number:05}",
            "fold": number % 64,
            "status": "new",
            "purchase_days": 1,
            "orders": 1,
            "first_day": 1000,
            "last_day": 1000,
            "days_since_last": 10,
        } | dict.fromkeys(MONEY, Decimal(0))
        full.append(base | row)
    return pl.DataFrame(full, schema=SCHEMA)


COSTS = ("discount_net", "freight", "service", "contacts")


def costed(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Make a customer mart with what was given away and spent, and the profit that is left."""
    spent = [dict.fromkeys(COSTS, Decimal(0)) | r for r in rows]
    plain = mart([{k: v for k, v in r.items() if k not in COSTS} for r in spent])
    costs = pl.DataFrame(
        [{c: r[c] for c in COSTS} for r in spent], schema=dict.fromkeys(COSTS, pl.Decimal(38, 4))
    )
    left = pl.col("margin") - pl.col("freight") - pl.col("service") - pl.col("contacts")
    return plain.hstack(costs).with_columns(profit=left.cast(pl.Decimal(38, 4)))


def random_mart(seed: int, n: int) -> pl.DataFrame:
    """Make a mart with many ties, as real ones have."""
    draw = random.Random(seed)
    rows = []
    for _ in range(n):
        orders = min(draw.choice([1, 1, 1, 2, 3, 5, 8]), draw.randint(1, 9))
        value = Decimal(draw.choice([10, 20, 20, 35, 50])) * orders
        rows.append(
            {
                "orders": orders,
                "purchase_days": max(1, orders - draw.randint(0, 1)),
                "days_since_last": draw.choice([1, 5, 5, 30, 90, 200]),
                "value": value,
                "value_real": value * draw.choice([1, 2]),
                "margin": value * draw.choice([Decimal("0.3"), Decimal("-0.1")]),
                "value_costed": value,
            }
        )
    return mart(rows)
