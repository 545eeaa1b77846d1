"""A sample shop as written, and its lines counted again one by one in Python's Decimal."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from crmlib.ledger.sample import SampleShop

FOUR = Decimal("0.0001")


@dataclass(frozen=True)
class Written:
    shop: SampleShop
    folder: Path
    truth: dict[str, Any]  # as read back from truth.json
    lines: list[dict[str, Any]]


def rounded(number: Decimal) -> Decimal:
    return number.quantize(FOUR, ROUND_HALF_UP)  # half away from zero, as Decimal names it


def value(line: dict[str, Any]) -> Decimal:
    return rounded(line["quantity"] * line["unit_price"] - line["discount"])


def profit(line: dict[str, Any]) -> Decimal:
    cost = rounded(line["quantity"] * line["unit_cost"])
    return rounded(value(line) / (1 + line["vat_rate"])) - cost


def profits(lines: list[dict[str, Any]], since: date) -> dict[str, Decimal]:
    found: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        if line["customer_id"] is not None and line["ordered_at"].date() >= since:
            found[line["customer_id"]] += profit(line)
    return found


def first_purchases(lines: list[dict[str, Any]]) -> dict[str, date]:
    found: dict[str, date] = {}
    for line in lines:  # sorted by time
        if line["customer_id"] is not None and line["quantity"] > 0:
            found.setdefault(line["customer_id"], line["ordered_at"].date())
    return found
