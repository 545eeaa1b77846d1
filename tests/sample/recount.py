"""A sample shop as written, and its tables counted again one by one in Python's Decimal."""

import csv
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from crmlib.ledger.sample import SampleShop

FOUR = Decimal("0.0001")
TIMES = ("promised", "shipped", "delivered", "returned", "opened", "queued", "left_queue")
TIMES += ("answered", "closed", "at", "sent_at", "assigned_at", "opened_at", "clicked_at")
AMOUNTS = ("cost", "fixed_cost", "cost_per_contact")


@dataclass(frozen=True)
class Written:
    shop: SampleShop
    folder: Path
    truth: dict[str, Any]  # as read back from truth.json
    lines: list[dict[str, Any]]

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Read a table's file as crm.toml declares it, with a reader of our own."""
        source = tomllib.loads((self.folder / "crm.toml").read_text(encoding="utf-8"))[table]
        text = (self.folder / source["files"][0]).read_bytes().decode(source["encoding"])
        ours = {theirs: name for name, theirs in source["columns"].items()}
        found = []
        for row in csv.DictReader(text.splitlines(), delimiter=source["separator"]):
            values = {ours[theirs]: text or None for theirs, text in row.items()}
            for name, words in source.get("recode", {}).items():
                values[name] = words.get(values[name], values[name])
            for name, text in values.items():
                if text in ("true", "false"):
                    values[name] = text == "true"
                elif text is not None and name in TIMES:
                    values[name] = datetime.strptime(text, source["date_format"])
                elif text is not None and name in AMOUNTS:
                    values[name] = Decimal(_point(text) if source["decimal"] == "," else text)
            found.append(values)
        return found


def _point(text: str) -> str:
    return text.replace(".", "").replace(",", ".")


def rounded(number: Decimal) -> Decimal:
    return number.quantize(FOUR, ROUND_HALF_UP)  # half away from zero, as Decimal names it


def value(line: dict[str, Any]) -> Decimal:
    return rounded(line["quantity"] * line["unit_price"] - line["discount"])


def profit(line: dict[str, Any]) -> Decimal:
    cost = rounded(line["quantity"] * line["unit_cost"])
    return rounded(value(line) / (1 + line["vat_rate"])) - cost


def profits(written: Written, since: date) -> dict[str, dict[str, Decimal]]:
    """Add up profit and what lowers it, by customer with an identified purchase since a day."""
    found: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    bought, placed = set(), {}
    for line in written.lines:
        who, day = line["customer_id"], line["ordered_at"].date()
        if line["quantity"] > 0:
            placed.setdefault(line["order_id"], (who, day))
        if who is None or day < since:
            continue
        gain = profit(line)
        found[who]["profit"] += gain
        if line["quantity"] > 0:
            bought.add(who)
            found[who]["below_cost"] += min(gain, Decimal(0))
        else:
            found[who]["returns"] += gain
    costs = [("freight", *placed[x["order_id"]], x["cost"]) for x in written.rows("deliveries")]
    costs += [
        (name, x["customer_id"], x[time].date(), x["cost"])
        for name, time in (("service", "opened"), ("contacts", "sent_at"))
        for x in written.rows(name)
    ]
    for name, who, day, cost in costs:
        if who in bought and day >= since:
            found[who][name] -= cost
            found[who]["profit"] -= cost
    return {who: sums for who, sums in found.items() if who in bought}


def first_purchases(lines: list[dict[str, Any]]) -> dict[str, date]:
    found: dict[str, date] = {}
    for line in lines:  # sorted by time
        if line["customer_id"] is not None and line["quantity"] > 0:
            found.setdefault(line["customer_id"], line["ordered_at"].date())
    return found
