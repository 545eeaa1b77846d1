"""Build the marts of a ledger into a workspace."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from crmlib.errors import ContractError
from crmlib.i18n import mark
from crmlib.ledger import Ledger, engines, store
from crmlib.marts import calendar, manifest, steps
from crmlib.marts.opened import Marts, open_marts
from crmlib.marts.work import Frame, Work
from crmlib.schema import TIME

ENGINES = engines.ENGINES
Progress = Callable[[str, int, int], None]


def build(
    ledger: Ledger,
    out: Path | str,
    *,
    engine: str = "polars",
    as_of: date | None = None,
) -> Marts:
    """Build all marts of a ledger into the workspace ``out`` and make them the current ones.

    Parameters
    ----------
    ledger
        From :func:`crmlib.ledger.read`.
    out
        Workspace folder; parts of the ledger are brought along when it is another one.
    engine
        ``"polars"`` or ``"duckdb"``: the same code, the same marts.
    as_of
        Last day that counts; by default as configured, else the last complete day.

    Raises
    ------
    ValueError
        If the engine is not known.
    WorkspaceError
        If the workspace cannot be written or another process builds there.
    """
    out = Path(out).resolve()
    with store.locked(out), store.new_build(out) as made:
        store.describe(made, write(ledger, made, engine=engine, as_of=as_of))
        store.finish(made)
    return open_marts(out)


def write(
    ledger: Ledger,
    made: store.Build,
    *,
    engine: str = "polars",
    as_of: date | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write the marts into a build under way and return its manifest."""
    with engines.opened(engine, made.workspace) as on:
        for part in ledger.parts:
            store.take_part(ledger.config.workspace, made.workspace, part)
        asked = as_of or ledger.config.history.as_of
        events = _events(ledger)
        day = asked or calendar.last_complete_day(events)
        span = calendar.span(events, day)
        history = ledger.config.history
        began = history.complete_from or span.first
        if began > day:
            raise ContractError(
                mark("complete_from {first} is later than the as-of day {day}"),
                first=began.isoformat(),
                day=day.isoformat(),
            )
        index = ledger.price_index.collect() if "order_lines" in events else pl.DataFrame()
        ratios = calendar.price_ratios(index, span.months, day)
        frame = Frame(day, began, history.burn_in_days)
        work = Work(ledger, made, on, frame, ratios, progress)
        steps.run(work)
    for table, rows in ledger.quarantine.items():
        made.keep(f"quarantine/{table}", rows)
    return manifest.of(ledger, span, work.found, as_of=day, asked=asked, engine=engine)


def _events(ledger: Ledger) -> dict[str, pl.LazyFrame]:
    """Open the tables that tell which days the data cover: order lines, else all other events."""
    filled = {p.table for p in ledger.parts if p.rows} & set(TIME)
    told = filled & {"order_lines"} or filled
    return {table: ledger.table(table) for table in TIME if table in told}
