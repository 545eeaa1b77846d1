"""A build under way: tables in, marts out, on one engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

import narwhals as nw
import polars as pl

from crmlib.ledger import Ledger, store
from crmlib.ledger.engines import Engine
from crmlib.marts import calendar
from crmlib.marts.manifest import Found
from crmlib.marts.places import VISITS, place_of, until

STEPS = 12


@dataclass(frozen=True, slots=True)
class Frame:
    """The days that the marts refer to.

    Attributes
    ----------
    as_of
        Last day that counts.
    complete_from, burn_in_days
        Where the history begins, and how long old customers may still turn up.
    """

    as_of: date
    complete_from: date
    burn_in_days: int

    @property
    def as_of_day(self) -> int:
        """Last day that counts, as a number."""
        return calendar.day_number(self.as_of)


class Work:
    """A build under way: what it is made of, into what, and how far it is.

    Parameters
    ----------
    ledger, made, engine
        Made from, into, and with what.
    frame
        Days that the marts refer to.
    ratios
        ``month`` and ``ratio``: price level of the as-of month over that month's.
    progress
        Called with (what, done, total).
    """

    def __init__(
        self,
        ledger: Ledger,
        made: store.Build,
        engine: Engine,
        frame: Frame,
        ratios: pl.DataFrame,
        progress: Callable[[str, int, int], None] | None,
    ) -> None:
        self.ledger, self.made, self.engine, self.frame = ledger, made, engine, frame
        self.real = engine.take(ratios)
        self.progress = progress
        self.done = 0
        self.found = Found()

    def table(self, name: str, month: int | None = None) -> nw.LazyFrame:
        """Open a ledger table, or its month."""
        parts = [p for p in self.ledger.parts if p.table == name]
        if month is not None:
            parts = [p for p in parts if p.month == month]
        return self.engine.parts(self.made.workspace, name, parts)

    def rows(self, name: str) -> int:
        """Count the rows of a ledger table."""
        return sum(p.rows for p in self.ledger.parts if p.table == name)

    def months_of(self, *tables: str, also: Iterable[int] = ()) -> list[int]:
        """Give the months until the as-of day that tables have; at least the last one."""
        found = {p.month for p in self.ledger.parts if p.table in tables and p.month is not None}
        return until(found.union(also), self.frame.as_of) or [
            calendar.month_number(self.frame.as_of)
        ]

    def collect(self, frame: nw.LazyFrame) -> pl.DataFrame:
        """Compute a table."""
        return self.engine.collect(frame)

    def each(
        self, made: Callable[[nw.LazyFrame], nw.LazyFrame], piece: pl.DataFrame
    ) -> pl.DataFrame:
        """Compute something of a table in memory."""
        with self.engine.lent(piece) as frame:
            return self.engine.collect(made(frame))

    def keep(self, place: str, mart: nw.LazyFrame) -> nw.LazyFrame:
        """Compute and store a mart; give it as stored."""
        self.made.keep(place, self.engine.collect(mart))
        self.told(place)
        return self.engine.scan(self.made, place)

    def keep_months(self, kind: str, pieces: Iterable[tuple[int, nw.LazyFrame]]) -> nw.LazyFrame:
        """Compute and store a table month by month, one after another; give it as stored."""
        self.found.months[kind] = []
        for month, piece in pieces:
            self.made.keep(place_of(kind, month), self.engine.collect(piece))
            self.found.months[kind].append(month)
        self.told(f"customers/{kind}")
        return self.engine.scan(self.made, *(place_of(kind, m) for m in self.found.months[kind]))

    def told(self, place: str) -> None:
        """Tell that a mart is done."""
        self.done += 1
        if self.progress:
            self.progress(place, self.done, STEPS)

    def seen(self, first_day: int, last_day: int) -> nw.LazyFrame:
        """Open the visits of the months from one day to another."""
        first, last = (calendar.month_number(calendar.from_day(d)) for d in (first_day, last_day))
        months = self.found.months[VISITS]
        wanted = [m for m in months if first <= m <= last] or months[:1]
        return self.engine.scan(self.made, *(place_of(VISITS, m) for m in wanted))
