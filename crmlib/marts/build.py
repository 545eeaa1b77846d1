"""Build the marts of a ledger into a workspace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl

from crmlib.errors import ContractError
from crmlib.i18n import mark
from crmlib.ledger import Ledger, store
from crmlib.marts import calendar, manifest
from crmlib.marts.cohorts import cohorts
from crmlib.marts.customers import customer
from crmlib.marts.gaps import gaps
from crmlib.marts.kpis import basket_sizes, kpis
from crmlib.marts.opened import Marts, open_marts
from crmlib.marts.visits import place_of, until, visits
from crmlib.schema import FOLDS

ENGINES = ("polars",)
Progress = Callable[[str, int, int], None]
STEPS = 6
BASKET_PIECES = 4


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
    asked = as_of or ledger.config.history.as_of
    day = asked or calendar.last_complete_day(ledger.order_lines)
    span = calendar.span(ledger.order_lines, day)
    ratios = calendar.price_ratios(ledger.price_index.collect(), span.months, day)
    history = ledger.config.history
    began = history.complete_from or span.first
    if began > day:
        raise ContractError(
            mark("complete_from {first} is later than the as-of day {day}"),
            first=began.isoformat(),
            day=day.isoformat(),
        )
    frame = Frame(calendar.day_number(day), calendar.day_number(began), history.burn_in_days)
    _write_marts(ledger, made, ratios, frame, progress)
    for table, rows in ledger.quarantine.items():
        made.keep(f"quarantine/{table}", rows)
    return manifest.of(ledger, span, as_of=day, asked=asked, engine=engine)


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

    def told(place: str) -> None:
        nonlocal done
        done += 1
        if progress:
            progress(place, done, STEPS)

    def keep(place: str, mart: nw.LazyFrame) -> nw.LazyFrame:
        made.keep(place, _collected(mart))
        told(place)
        return nw.from_native(made.scan(place))

    seen = nw.from_native(_write_visits(ledger, made, real, as_of_day))
    told("customers/visits")
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
    keep("marts/basket_sizes", _basket_sizes(lines, as_of_day))


def _write_visits(
    ledger: Ledger, made: store.Build, real: nw.LazyFrame, as_of_day: int
) -> pl.LazyFrame:
    """Gather the visits of one month after another: a customer's day lies within a month."""
    parts: dict[int, list[store.Part]] = {}
    for part in ledger.parts:
        if part.table == "order_lines" and part.month is not None:
            parts.setdefault(part.month, []).append(part)
    months = until(parts, calendar.from_day(as_of_day))
    for month in months:
        lines = nw.from_native(store.scan_parts(made.workspace, "order_lines", parts[month]))
        made.keep(place_of(month), _collected(visits(lines, real, as_of_day=as_of_day)))
    return made.scan(*map(place_of, months))


def _basket_sizes(lines: nw.LazyFrame, as_of_day: int) -> nw.LazyFrame:
    """Count the baskets of some folds after those of others, so that fewer are held at once.

    A basket's lines have one fold, that of its customer or else of its order.
    """
    fold, step = nw.col("fold"), FOLDS // BASKET_PIECES
    pieces = [
        _collected(basket_sizes(lines.filter(fold >= low, fold < low + step), as_of_day=as_of_day))
        for low in range(0, FOLDS, step)
    ]
    return nw.from_native(pl.concat(pieces).lazy()).sort("month", "items", "fold")


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
