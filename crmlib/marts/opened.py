"""Open the marts of a workspace as polars LazyFrames."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl

from crmlib.ledger import store
from crmlib.marts import calendar, customers


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
    currency
        ISO code of the shop's currency.
    """

    build: str
    as_of: date
    complete_from: date
    currency: str
    _store: store.Build = field(repr=False)

    @property
    def visits(self) -> pl.LazyFrame:
        """One row a customer-day; see :func:`crmlib.marts.visits.visits`."""
        return self._store.scan("customers/visits")

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

    def customer_at(self, last_day: date) -> pl.LazyFrame:
        """Give the customer mart as it stood at the end of ``last_day``.

        Real money stays in prices of the build's as-of month, so that days can be compared.
        """
        history = self.manifest
        joined = self.ledger("customers").select(
            "customer_id", joined_day=pl.col("joined_at").to_physical().cast(pl.Int32)
        )
        return customers.customer(
            nw.from_native(self.visits),
            nw.from_native(joined),
            as_of_day=calendar.day_number(last_day),
            complete_from_day=calendar.day_number(self.complete_from),
            burn_in_days=history["burn_in_days"],
        ).to_native()

    def customer_between(self, first_day: date, last_day: date) -> pl.LazyFrame:
        """Sum each customer's visits from ``first_day`` to ``last_day``, both inside."""
        return customers.window(
            nw.from_native(self.visits),
            first_day=calendar.day_number(first_day),
            last_day=calendar.day_number(last_day),
        ).to_native()

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
        currency=manifest["shop"]["currency"],
        _store=build,
    )
