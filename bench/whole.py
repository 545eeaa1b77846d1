"""Whole builds: all marts of a ledger, on each engine."""

from __future__ import annotations

import hashlib
import os
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shop import AS_OF_DAY, BURN_IN_DAYS, FIRST_DAY, Shop

if TYPE_CHECKING:
    import polars as pl

    from crmlib.ledger import Ledger

MARTS = (
    "visits", "customer", "cohorts", "gaps", "kpis", "basket_sizes", "costs", "customer_costs",
    "mix", "responses", "arms", "pairs",
)  # fmt: skip


def ledger_of(made: Shop, workspace: Path) -> Ledger:
    """Put the files of a shop into a workspace as a ledger's parts, without copying them."""
    import polars as pl

    from crmlib.config import Config
    from crmlib.ledger import Ledger, store

    config = Config.model_validate(
        {
            "shop": {"currency": "EUR"},
            "history": {"complete_from": _day(FIRST_DAY), "burn_in_days": BURN_IN_DAYS},
            "privacy": {"pseudonyms": False},
            "order_lines": {"files": ["lines"]},
            "folder": made.folder,
            "workspace": workspace,
        }
    )
    parts = []
    for path in (*made.lines, *made.tables):
        table = "order_lines" if path in made.lines else path.stem
        rows = pl.scan_parquet(path).select(pl.len()).collect().item()
        month = int(path.stem) if table == "order_lines" else None
        part = store.Part(table, store.hash_file(path), rows, month)
        (workspace / part.path).parent.mkdir(parents=True, exist_ok=True)
        os.link(path, workspace / part.path)
        parts.append(part)
    return Ledger(config=config, parts=tuple(parts), counts={}, inputs=(), quarantine={})


def _day(number: int) -> date:
    return date(1970, 1, 1) + timedelta(days=number)


def build(ledger: Ledger, engine: str) -> Any:
    """Build all marts."""
    from crmlib import marts

    return marts.build(ledger, ledger.config.workspace, engine=engine, as_of=_day(AS_OF_DAY))


def digests(opened: Any) -> dict[str, dict[str, str]]:
    """Give a digest of each column of each mart, in the order of the rows."""
    found = {}
    for name in MARTS:
        frame: pl.DataFrame = getattr(opened, name).collect()
        values = {c: frame[c].hash().to_numpy().tobytes() for c in frame.columns}
        hashes = {c: hashlib.sha256(v).hexdigest() for c, v in values.items()}
        found[name] = {"rows": str(frame.height), **hashes}
    return found
