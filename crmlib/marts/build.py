"""Build the marts of a ledger into a workspace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl

import crmlib
from crmlib.config import Config
from crmlib.errors import ContractError
from crmlib.i18n import mark
from crmlib.ledger import Ledger, disk, store
from crmlib.marts import calendar
from crmlib.marts.cohorts import cohorts
from crmlib.marts.customers import customer
from crmlib.marts.gaps import gaps
from crmlib.marts.kpis import basket_sizes, kpis
from crmlib.marts.opened import Marts, open_marts
from crmlib.marts.visits import visits

ENGINES = ("polars",)
Progress = Callable[[str, int, int], None]
STEPS = 6


@dataclass(frozen=True, slots=True)
class Frame:
    """The days that the marts refer to, all days since 1970-01-01.

    Attributes
    ----------
    as_of_day
        Last day that counts.
    complete_from_day, burn_in_days
        Where the history begins, and how long old customers may still turn up.
    """

    as_of_day: int
    complete_from_day: int
    burn_in_days: int


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
        ``"polars"``.
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
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}")
    for part in ledger.parts:
        store.take_part(ledger.config.workspace, made.workspace, part)
    day = as_of or ledger.config.history.as_of or calendar.last_complete_day(ledger.order_lines)
    first, low, high = calendar.span(ledger.order_lines)
    months = range(low, high + 1)
    index = ledger.price_index.collect()
    ratios = calendar.price_ratios(index, months, day)
    history = ledger.config.history
    began = calendar.complete_from(history, first)
    frame = Frame(calendar.day_number(day), calendar.day_number(began), history.burn_in_days)
    _write_marts(ledger, made, ratios, frame, progress)
    for table, rows in ledger.quarantine.items():
        made.keep(f"quarantine/{table}", rows)
    return _manifest(ledger, day, began, engine, _notes(ledger, index, months))


def _write_marts(
    ledger: Ledger,
    made: store.Build,
    ratios: pl.DataFrame,
    frame: Frame,
    progress: Progress | None,
) -> None:
    lines, real = nw.from_native(ledger.order_lines), nw.from_native(ratios.lazy())
    as_of_day = frame.as_of_day
    done = 0

    def keep(place: str, mart: nw.LazyFrame) -> nw.LazyFrame:
        nonlocal done
        collected = _collected(mart)
        made.keep(place, collected)
        done += 1
        if progress:
            progress(place, done, STEPS)
        return nw.from_native(made.scan(place))

    seen = keep("customers/visits", visits(lines, real, as_of_day=as_of_day))
    people = keep(
        "customers/customer",
        customer(
            seen,
            nw.from_native(_joined(ledger)),
            as_of_day=as_of_day,
            complete_from_day=frame.complete_from_day,
            burn_in_days=frame.burn_in_days,
        ),
    )
    keep("marts/cohorts", cohorts(seen, people))
    keep("marts/gaps", gaps(seen, people, as_of_day=as_of_day))
    keep("marts/kpis", kpis(lines, real, as_of_day=as_of_day))
    keep("marts/basket_sizes", basket_sizes(lines, as_of_day=as_of_day))


def _collected(mart: nw.LazyFrame) -> pl.DataFrame:
    try:
        found: pl.DataFrame = mart.to_native().collect(engine="streaming")
    except pl.exceptions.InvalidOperationError:  # its message would hold an amount
        raise ContractError(
            mark(
                "the amounts add up to more than {limit} and cannot be kept exactly; give them "
                "in a larger unit, e.g. thousands"
            ),
            limit="10^14",
        ) from None
    return found


def _joined(ledger: Ledger) -> pl.LazyFrame:
    joined = pl.col("joined_at").to_physical().cast(pl.Int32).alias("joined_day")
    return ledger.customers.select("customer_id", joined)


def _notes(ledger: Ledger, index: pl.DataFrame, months: range) -> list[dict[str, Any]]:
    notes: list[dict[str, Any]] = []
    if calendar.index_is_missing(ledger.config.shop, index, months):
        message = mark(
            "{months} months of lira amounts are compared without a price index: high later "
            "values may be inflation alone"
        )
        notes.append({"message": message, "fields": {"months": len(months)}})
    orphans = _orphans(ledger)
    if orphans:
        message = mark("{lines} order lines name a customer that the customer file does not have")
        notes.append({"message": message, "fields": {"lines": orphans}})
    return notes


def _orphans(ledger: Ledger) -> int:
    if "customers" not in ledger.counts:
        return 0
    named = ledger.order_lines.filter(pl.col("customer_id").is_not_null()).select("customer_id")
    alone = named.join(ledger.customers.select("customer_id"), on="customer_id", how="anti")
    return int(alone.select(pl.len()).collect(engine="streaming").item())


def _manifest(
    ledger: Ledger, as_of: date, began: date, engine: str, notes: list[dict[str, Any]]
) -> dict[str, Any]:
    config = ledger.config
    return {
        "as_of": as_of.isoformat(),
        "complete_from": began.isoformat(),
        "burn_in_days": config.history.burn_in_days,
        "shop": config.shop.model_dump(mode="json"),
        "parts": [asdict(p) for p in ledger.parts],
        "inputs": [asdict(i) for i in ledger.inputs],
        "counts": {table: asdict(c) for table, c in ledger.counts.items()},
        "config": config.fingerprint,
        "key_fingerprint": ledger.key_fingerprint,
        "engine": engine,
        "notes": notes,
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Give the versions of what the numbers depend on."""
    return {
        "crmlib": crmlib.__version__,
        "code": disk.code_fingerprint(),
        "polars": pl.__version__,
        "narwhals": nw.__version__,
    }


def unchanged(workspace: Path, config: Config, inputs: list[dict[str, Any]]) -> bool:
    """Tell whether the current build is whole, of the same files, configuration and versions."""
    before = store.current_or_none(workspace)
    if before is None:
        return False
    old = before.manifest
    return (
        old["inputs"] == inputs
        and old["config"] == config.fingerprint
        and old["versions"] == versions()
        and store.is_sound(before)
    )
