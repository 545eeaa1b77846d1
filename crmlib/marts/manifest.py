"""What a build was made of, what goes with its numbers, and whether it is still current."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl

import crmlib
from crmlib.config import Config
from crmlib.i18n import mark
from crmlib.ledger import Ledger, disk, store
from crmlib.ledger.intake import AFTER_TODAY
from crmlib.marts import calendar
from crmlib.marts.calendar import Span
from crmlib.marts.pairs import Baskets
from crmlib.schema import LEDGER


@dataclass(slots=True)
class Found:
    """What came to light while the marts were made.

    Attributes
    ----------
    months
        Months of each table that is stored month by month.
    responses, arms
        Campaigns with responses and with arms, in the order of their pieces.
    baskets
        The baskets that pairs are counted in.
    lost_deliveries
        Orders with freight that the order lines do not have.
    """

    months: dict[str, list[int]] = field(default_factory=dict)
    responses: list[str] = field(default_factory=list)
    arms: list[str] = field(default_factory=list)
    baskets: Baskets | None = None
    lost_deliveries: int = 0


def of(
    ledger: Ledger, span: Span, found: Found, *, as_of: date, asked: date | None, engine: str
) -> dict[str, Any]:
    """Write the manifest of a build.

    Parameters
    ----------
    ledger, span, found
        What it was made from, the days that its events cover, what came to light.
    as_of, asked
        Last day that counts, and the one that was asked for, if any.
    engine
        What the marts were made with.
    """
    config = ledger.config
    began = config.history.complete_from or span.first
    filled = {p.table for p in ledger.parts if p.rows}
    return {
        "as_of": as_of.isoformat(),
        "asked_as_of": asked.isoformat() if asked else None,
        "begins": max(began, span.first).isoformat(),
        "complete_from": began.isoformat(),
        "burn_in_days": config.history.burn_in_days,
        "has_index": ledger.price_index.head(1).collect().height > 0,
        "strangers_dropped": _strangers_dropped(config),
        "shop": config.shop.model_dump(mode="json"),
        "tables": [table for table in LEDGER if table in filled],
        "months": found.months,
        "campaigns": {"responses": found.responses, "arms": found.arms},
        "pairs": asdict(found.baskets) if found.baskets else None,
        "parts": [asdict(p) for p in ledger.parts],
        "inputs": [asdict(i) for i in ledger.inputs],
        "counts": {table: asdict(c) for table, c in ledger.counts.items()},
        "config": config.fingerprint,
        "key_fingerprint": ledger.key_fingerprint,
        "engine": engine,
        "notes": _notes(ledger, span, found, as_of),
        "versions": versions(),
    }


def _strangers_dropped(config: Config) -> bool:
    """Tell whether a row filter drops sales without a customer: their share is then unknown."""
    source = config.sources().get("order_lines")
    if source is None:
        return False
    names = {"customer_id", source.columns.get("customer_id", "customer_id")}
    return any(rule.column in names and rule.missing for rule in source.drop)


def _notes(ledger: Ledger, span: Span, found: Found, as_of: date) -> list[dict[str, Any]]:
    notes: list[dict[str, Any]] = []
    index = ledger.price_index.collect()
    if calendar.index_is_missing(ledger.config.shop, index, span.months):
        message = mark(
            "{months} months of lira amounts are compared without a price index: high later "
            "values may be inflation alone"
        )
        notes.append({"message": message, "fields": {"months": len(span.months)}})
    orphans = _orphans(ledger, as_of)
    if orphans:
        message = mark("{lines} order lines name a customer that the customer file does not have")
        notes.append({"message": message, "fields": {"lines": orphans}})
    if found.lost_deliveries:
        message = mark(
            "freight of {orders} orders that the order lines do not have is charged to nobody"
        )
        notes.append({"message": message, "fields": {"orders": found.lost_deliveries}})
    idle = (as_of - span.last).days
    if idle > 1:  # the day after the last one is how many count recency
        message = mark("{days} days before the as-of day have no order: is the last file missing?")
        notes.append({"message": message, "fields": {"days": idle}})
    return notes


def _orphans(ledger: Ledger, as_of: date) -> int:
    if "customers" not in ledger.counts:
        return 0
    counted = pl.col("day") <= calendar.day_number(as_of)
    named = ledger.order_lines.filter(counted, pl.col("customer_id").is_not_null())
    alone = named.select("customer_id").join(
        ledger.customers.select("customer_id"), on="customer_id", how="anti"
    )
    return int(alone.select(pl.len()).collect(engine="streaming").item())


def versions() -> dict[str, str]:
    """Give the versions of what the numbers depend on."""
    return {
        "crmlib": crmlib.__version__,
        "code": disk.code_fingerprint(),
        "polars": pl.__version__,
        "narwhals": nw.__version__,
    }


def unchanged(workspace: Path, config: Config, inputs: list[dict[str, Any]]) -> bool:
    """Tell whether building again would give the current build.

    It would not when the files, the configuration, the as-of day that is asked for or the
    library have changed, when the build is damaged, or when rows wait for their day to come.
    """
    before = store.current_or_none(workspace)
    if before is None:
        return False
    old = before.manifest
    asked = config.history.as_of
    waiting = any(r.endswith(AFTER_TODAY) for c in old["counts"].values() for r in c["reasons"])
    return (
        old["inputs"] == inputs
        and old["config"] == config.fingerprint
        and old["asked_as_of"] == (asked.isoformat() if asked else None)
        and old["versions"] == versions()
        and not waiting
        and store.is_sound(before)
    )
