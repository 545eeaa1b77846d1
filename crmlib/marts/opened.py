"""Open the marts of a workspace as polars LazyFrames."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl

from crmlib.ledger import store
from crmlib.marts import calendar, customers, mix
from crmlib.marts.places import COSTS, MIX, VISITS, place_of, until


@dataclass(frozen=True, slots=True)
class Marts:
    """The marts of one build; a later build does not change them.

    Attributes
    ----------
    build
        Name of the build.
    as_of
        Last day that counts.
    complete_from
        Day from which the history is complete.
    begins
        First day with an order line (without any: with another event), but not before
        ``complete_from``.
    burn_in_days
        For so many days after that, a customer seen for the first time may be an old one.
    currency
        ISO code of the shop's currency.
    has_index
        Whether there is a price index, so that real money is not just nominal money.
    tables
        Tables of the ledger that have a row.
    """

    build: str
    as_of: date
    complete_from: date
    begins: date
    burn_in_days: int
    currency: str
    has_index: bool
    tables: tuple[str, ...]
    _store: store.Build = field(repr=False)

    @property
    def visits(self) -> pl.LazyFrame:
        """One row a customer-day, month by month; within a month by customer and day.

        See :func:`crmlib.marts.visits.visits`.
        """
        return self._months(VISITS, None, self.as_of)

    @property
    def customer(self) -> pl.LazyFrame:
        """One row a customer; see :func:`crmlib.marts.customers.customer`."""
        return self._store.scan("customers/customer")

    @property
    def cohorts(self) -> pl.LazyFrame:
        """See :func:`crmlib.marts.cohorts.cohorts`."""
        return self._store.scan("marts/cohorts")

    @property
    def gaps(self) -> pl.LazyFrame:
        """See :func:`crmlib.marts.gaps.gaps`."""
        return self._store.scan("marts/gaps")

    @property
    def kpis(self) -> pl.LazyFrame:
        """See :func:`crmlib.marts.kpis.kpis`."""
        return self._store.scan("marts/kpis")

    @property
    def basket_sizes(self) -> pl.LazyFrame:
        """See :func:`crmlib.marts.kpis.basket_sizes`."""
        return self._store.scan("marts/basket_sizes")

    @property
    def costs(self) -> pl.LazyFrame:
        """See :func:`crmlib.marts.costs.cost_totals`."""
        return self._store.scan("marts/costs")

    @property
    def customer_costs(self) -> pl.LazyFrame:
        """What customers cost by day; see :func:`crmlib.marts.costs.costs`."""
        return self._months(COSTS, None, self.as_of)

    @property
    def mix(self) -> pl.LazyFrame:
        """What customers bought by day; see :func:`crmlib.marts.mix.mix`."""
        return self._months(MIX, None, self.as_of)

    @property
    def responses(self) -> pl.LazyFrame:
        """One row a campaign and customer; see :func:`crmlib.marts.responses.responses`."""
        count = len(self.manifest["campaigns"]["responses"])
        return self._store.scan(*(f"customers/responses/{n}" for n in range(max(count, 1))))

    @property
    def arms(self) -> pl.LazyFrame:
        """See :func:`crmlib.marts.arms.arms`."""
        count = len(self.manifest["campaigns"]["arms"])
        return self._store.scan(*(f"marts/arms/{n}" for n in range(max(count, 1))))

    @property
    def pairs(self) -> pl.LazyFrame:
        """See :func:`crmlib.marts.pairs.pairs`; the manifest's ``pairs`` has baskets and floor."""
        return self._store.scan("marts/pairs")

    @property
    def people(self) -> pl.LazyFrame:
        """What the customer file says: one row a customer of it, with or without a purchase.

        ``customer_id``, ``fold``, ``region``, ``city``, ``sex``, ``birth_year``,
        ``account_type``, ``acquisition_channel``, ``joined_day``.
        """
        told = ["region", "city", "sex", "birth_year", "account_type", "acquisition_channel"]
        day = pl.col("joined_at").to_physical().cast(pl.Int32)
        return self.ledger("customers").select("customer_id", "fold", *told, joined_day=day)

    def customer_at(self, last_day: date) -> pl.LazyFrame:
        """Give the customer mart as it stood at the end of ``last_day``.

        Real money stays in prices of the build's as-of month, so that days can be compared.
        """
        return customers.customer(
            nw.from_native(self._months(VISITS, None, last_day)),
            nw.from_native(self._months(COSTS, None, last_day)),
            nw.from_native(self.people.select("customer_id", "joined_day")),
            as_of_day=calendar.day_number(last_day),
            complete_from_day=calendar.day_number(self.complete_from),
            burn_in_days=self.burn_in_days,
        ).to_native()

    def customer_between(self, first_day: date, last_day: date) -> pl.LazyFrame:
        """Sum each customer's visits and costs from ``first_day`` to ``last_day``, both inside.

        See :func:`crmlib.marts.customers.window`.
        """
        return customers.window(
            nw.from_native(self._months(VISITS, first_day, last_day)),
            nw.from_native(self._months(COSTS, first_day, last_day)),
            first_day=calendar.day_number(first_day),
            last_day=calendar.day_number(last_day),
        ).to_native()

    def mix_between(self, first_day: date, last_day: date) -> pl.LazyFrame:
        """Sum what each customer bought by category and channel, both days inside.

        See :func:`crmlib.marts.mix.mix_between`.
        """
        return mix.mix_between(
            nw.from_native(self._months(MIX, first_day, last_day)),
            first_day=calendar.day_number(first_day),
            last_day=calendar.day_number(last_day),
        ).to_native()

    def channels_between(self, first_day: date, last_day: date) -> pl.LazyFrame:
        """Give the channel in which each customer bought most, by value.

        See :func:`crmlib.marts.mix.channels_between`.
        """
        return mix.channels_between(
            nw.from_native(self._months(MIX, first_day, last_day)),
            first_day=calendar.day_number(first_day),
            last_day=calendar.day_number(last_day),
        ).to_native()

    def _months(self, kind: str, first_day: date | None, last_day: date) -> pl.LazyFrame:
        """Open a table of the months that two days lie in and of those between."""
        months = self.manifest["months"][kind]
        wanted = until(months, last_day)
        if first_day is not None:
            wanted = [m for m in wanted if m >= calendar.month_number(first_day)]
        # Of none at all, the first month gives the columns: it has no row between the two days.
        return self._store.scan(*(place_of(kind, m) for m in wanted or months[:1]))

    def identified_between(self, first_day: date, last_day: date) -> float | None:
        """Give the share of sales that carry a customer id, by value.

        ``None`` without sales, and where a row filter drops sales without a customer.
        """
        if self.manifest["strangers_dropped"]:
            return None
        inside = pl.from_epoch("day", "d").is_between(first_day, last_day)
        named = pl.col("customer_id").is_not_null()
        value = pl.col("value")  # summed exactly, so in any order
        total, known = (
            self.ledger("order_lines")
            .filter(inside)
            .select(value.sum(), known=value.filter(named).sum())
            .collect(engine="streaming")
            .row(0)
        )
        return float(known) / float(total) if total > 0 else None

    def quarantine(self, table: str) -> pl.LazyFrame:
        """Rows of ``table`` that were not kept: file, row, reasons, cells."""
        return self._store.scan(f"quarantine/{table}")

    def ledger(self, table: str) -> pl.LazyFrame:
        """Open a table of the ledger, e.g. ``"order_lines"``."""
        return self._store.ledger(table)

    @property
    def manifest(self) -> dict[str, Any]:
        """What the build was made of: inputs, counts, configuration, versions."""
        return self._store.manifest


def open_marts(workspace: Path | str) -> Marts:
    """Open the current build of a workspace.

    Raises
    ------
    WorkspaceError
        If nothing was built there, or by another version.
    """
    return marts_of(store.current(workspace))


def marts_of(build: store.Build) -> Marts:
    """Open the marts of a build, which may still be under way."""
    manifest = build.manifest
    return Marts(
        build=build.name,
        as_of=date.fromisoformat(manifest["as_of"]),
        complete_from=date.fromisoformat(manifest["complete_from"]),
        begins=date.fromisoformat(manifest["begins"]),
        burn_in_days=manifest["burn_in_days"],
        currency=manifest["shop"]["currency"],
        has_index=manifest["has_index"],
        tables=tuple(manifest["tables"]),
        _store=build,
    )
