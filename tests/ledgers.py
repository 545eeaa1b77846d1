"""Ledgers made of a few rows, without files to read: every table, any odd case."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zlib import crc32

import polars as pl

from crmlib import schema
from crmlib.config import Config
from crmlib.ledger import Ledger, store

EPOCH = datetime(1970, 1, 1)
Row = dict[str, Any]


def day_of(at: datetime | date) -> int:
    return at.toordinal() - EPOCH.toordinal()


def month_of(at: datetime | date) -> int:
    return 12 * at.year + at.month - 1


def fold_of(name: str) -> int:
    return crc32(name.encode()) % schema.FOLDS


def lines(*rows: Row) -> list[Row]:
    """Complete order lines: order_id, customer_id, ordered_at, product_id, quantity, value, ..."""
    done, headed = [], set()
    for number, row in enumerate(sorted(rows, key=lambda r: r["ordered_at"])):
        customer, order = row.get("customer_id"), row["order_id"]
        head = Decimal(str(row["quantity"])) > 0 and (customer, order) not in headed
        if head:
            headed.add((customer, order))
        at = row["ordered_at"]
        done.append(
            {
                "line_no": number,
                "cost_filled": False,
                "order_head": int(head),
                "fold": fold_of(customer or order),
                "day": day_of(at),
                "month": month_of(at),
            }
            | row
        )
    return done


def frame(table: str, rows: list[Row]) -> pl.DataFrame:
    """Give rows the columns and types of a ledger table."""
    types = schema.LEDGER[table].create_empty().schema
    extra = {c: _type(c) for row in rows for c in row if c not in types}
    columns: dict[str, Any] = dict(types) | extra
    made = {
        name: pl.Series(name, [_cell(row.get(name), kind) for row in rows], dtype=kind)
        for name, kind in columns.items()
    }
    return pl.DataFrame(made)


def _type(column: str) -> pl.DataType:
    return pl.String() if column.startswith("segment_") else pl.Float64()


def _cell(value: Any, kind: Any) -> Any:
    if not isinstance(kind, pl.Decimal) or value is None:
        return value
    return Decimal(str(value)).quantize(Decimal(1).scaleb(-kind.scale))


def ledger_of(folder: Path, *, shop: dict[str, Any] | None = None, **tables: list[Row]) -> Ledger:
    """Store tables as a ledger's parts, those with a time month by month."""
    folder.mkdir(parents=True, exist_ok=True)
    config = Config.model_validate(
        {
            "shop": {"currency": "EUR", "prices_include_vat": False} | (shop or {}),
            "history": {"burn_in_days": 0},
            "privacy": {"pseudonyms": False},
            "order_lines": {"files": ["orders.csv"]},
            "folder": folder,
            "workspace": folder / "workspace",
        }
    )
    parts = []
    for table, rows in tables.items():
        by_month: dict[int | None, list[Row]] = defaultdict(list)
        for row in rows:
            at = row[schema.TIME[table]] if table in schema.TIME else None
            by_month[month_of(at) if at else None].append(_completed(table, row))
        for month in sorted(by_month, key=lambda m: m or 0):
            made = frame(table, by_month[month])
            parts.append(store.keep_part(config.workspace, table, made, month))
    return Ledger(config=config, parts=tuple(parts), counts={}, inputs=(), quarantine={})


def _completed(table: str, row: Row) -> Row:
    types = schema.LEDGER[table].create_empty().schema
    made = dict(row)
    if table in schema.TIME and "day" in types:
        made.setdefault("day", day_of(row[schema.TIME[table]]))
    if "fold" in types and row.get("customer_id"):
        made.setdefault("fold", fold_of(row["customer_id"]))
    if table == "campaigns":
        made |= {"start_day": day_of(row["start"])}
        if row.get("end"):
            made["end_day"] = day_of(row["end"])
    return made


# --- Made-up shops ------------------------------------------------------------------------------

DAYS = [  # ends of years and months, a leap day, ties
    date(2023, 12, 30), date(2023, 12, 31), date(2024, 1, 1), date(2024, 1, 31), date(2024, 2, 28),
    date(2024, 2, 29), date(2024, 3, 1), date(2024, 3, 1), date(2024, 3, 20), date(2024, 4, 1),
]  # fmt: skip
PEOPLE = [f"c{i:02}" for i in range(14)]
PRODUCTS = [f"p{i}" for i in range(6)]
AS_OF = date(2024, 3, 31)


def made_up(draw: random.Random, *, orders: int = 120) -> dict[str, list[Row]]:
    """Draw a shop with every table that the marts read, full of ties and gaps."""

    def at() -> datetime:
        day = draw.choice(DAYS)
        return datetime(day.year, day.month, day.day, draw.choice([0, 12, 23]))

    def amount() -> Decimal:
        return Decimal(draw.randrange(0, 999_999)) / 10_000

    def maybe(value: Any) -> Any:
        return draw.choice([None, value, value])

    bought = []
    for number in range(orders):
        order = f"o{draw.randrange(orders)}"  # some are used by several customers
        customer, time, channel = maybe(draw.choice(PEOPLE)), at(), maybe(draw.choice("ws"))
        for _ in range(draw.randrange(1, 5)):
            quantity = draw.choice([1, 1, 2, Decimal("0.5"), -1, 0])
            value = amount() * (quantity > 0) - amount() * (quantity < 0)
            known = draw.random() < 0.7
            bought.append(
                {
                    "order_id": order,
                    "customer_id": customer,
                    "ordered_at": draw.choice([time, at()]) if number % 9 == 0 else time,
                    "product_id": draw.choice(PRODUCTS),
                    "quantity": quantity,
                    "value": value,
                    "margin": value - amount() if known else None,
                    "discount": maybe(amount()),
                    "discount_net": amount() if known else None,
                    "channel": channel,
                }
            )
    campaigns = [
        {"campaign_id": "spring", "start": date(2024, 2, 29), "window_days": 10},
        {"campaign_id": "late", "start": date(2024, 3, 20), "cost_per_contact": "0.25"},
        {"campaign_id": "future", "start": date(2024, 4, 1)},
    ]
    names = ["spring", "late", "future", "unlisted"]
    return {
        "order_lines": lines(*bought),
        "customers": [
            {"customer_id": c, "joined_at": maybe(draw.choice(DAYS))} for c in PEOPLE[:9]
        ],
        "products": [
            {"product_id": "p0", "category": "Food > Fresh > Fruit"},
            {"product_id": "p1", "category": "Food > Dry"},
            {"product_id": "p2", "category": "Toys"},
            {"product_id": "p3", "category": None},
        ],
        "deliveries": [
            {"order_id": f"o{draw.randrange(orders + 5)}", "cost": maybe(amount())}
            for _ in range(orders)
        ],
        "service": [
            {"customer_id": maybe(draw.choice(PEOPLE)), "opened": at(), "cost": maybe(amount())}
            for _ in range(30)
        ],
        "campaigns": campaigns,
        "contacts": [
            {
                "campaign_id": maybe(draw.choice(names)),
                "customer_id": draw.choice(PEOPLE),
                "sent_at": at(),
                "cost": maybe(amount()),
                "delivered": draw.choice([None, True, False]),
                "bounced": draw.choice([None, True, False]),
            }
            for _ in range(40)
        ],
        "assignments": [
            {
                "campaign_id": name,
                "customer_id": customer,
                "arm": draw.choice(["treated", "control"]),
                "stratum": draw.choice([None, "north", "south"]),
                "assigned_at": at(),
            }
            for name in names
            for customer in PEOPLE
            if draw.random() < 0.8
        ],
        "responses": [
            {
                "campaign_id": draw.choice(["mail", "shelf"]),
                "customer_id": f"x{i}",
                "fold": draw.randrange(3),
                "arm": draw.choice("ab"),
                "exposed": draw.choice([None, True, False]),
                "outcome_visit": float(draw.random() < 0.3),
                "outcome_spend": maybe(draw.randrange(99_999) / 100),
                "pre_history": maybe(draw.random() * 1000),
            }
            for i in range(60)
        ],
        "price_index": [
            {"month": date(2023 + m // 12, m % 12 + 1, 1), "index": Decimal(97 + 3 * m)}
            for m in range(11, 15)
        ],
    }
