"""The profile's cube: every window by every segment, with small cells merged or left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import polars as pl

from crmlib.marts import Marts
from crmlib.profile import activity, returning, rfm, segments, value
from crmlib.publish.boards import ALL, NOBODY, TOO_FEW, Suppressed
from crmlib.publish.windows import Window

RESULTS = ("activity", "value", "returning", "rfm")
WHOLE = ("rfm",)  # the same for every segment: it compares them
MIN_CUSTOMERS = 10
DOMINANT = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class _Segmented:
    """Customers as of a day: their mart and their published segment."""

    customer: pl.DataFrame
    scores: rfm.RfmResult


class Profile:
    """Makes the cells of the profile's cube; keeps segmentations by day."""

    def __init__(self, marts: Marts, begins: date, *, k: int = MIN_CUSTOMERS) -> None:
        self._marts = marts
        self._begins = begins
        self._k = k
        self._by_day: dict[date, _Segmented] = {}
        self._daily = _value_by_day(marts)

    def cells(self, window: Window) -> dict[str, dict[str, Any]]:
        """Give ``{segment: {result name: Result or Suppressed}}`` of a window."""
        at_end = self._segmented(window.last_day)
        active = self._active(window.first_day, window.last_day, at_end)
        before = self._before(window)
        merged = merge_small(active, self._k)
        found = {ALL: self._cell(window, active, before, at_end.customer, self._identified(window))}
        found[ALL]["rfm"] = self._rfm(at_end)
        for key, group in _groups(active, merged):
            past = before.filter(pl.col("segment").is_in(group)) if before is not None else None
            members = at_end.scores.scores.filter(pl.col("segment").is_in(group))
            customer = at_end.customer.join(members.select("customer_id"), on="customer_id")
            mine = active.filter(pl.col("segment").is_in(group))
            found[key] = self._cell(window, mine, past, customer, None)
        return found | self._missing(active, merged)

    def _missing(self, active: pl.DataFrame, merged: dict[str, str]) -> dict[str, dict[str, Any]]:
        """Say of segments without a cell of their own why they have none."""
        small = Suppressed(TOO_FEW, self._k)
        hidden = [key for key, shown in merged.items() if shown != key]
        return {key: {name: small for name in RESULTS if name not in WHOLE} for key in hidden}

    def _segmented(self, day: date) -> _Segmented:
        if day not in self._by_day:
            customer = self._marts.customer_at(day).collect()
            scores = rfm.score(customer, currency=self._marts.currency)
            self._by_day[day] = _Segmented(customer, scores)
        return self._by_day[day]

    def _active(self, first: date, last: date, at_end: _Segmented) -> pl.DataFrame:
        """Give customers with a visit in the window, with their segment at its end."""
        named = at_end.scores.scores.select("customer_id", "segment")
        window = self._marts.customer_between(first, last).collect()
        return window.join(named, on="customer_id", how="left", maintain_order="left")

    def _before(self, window: Window) -> pl.DataFrame | None:
        first, last = window.year_before
        if first < self._begins or window.id == "all":
            return None
        return self._active(first, last, self._segmented(last))

    def _identified(self, window: Window) -> float | None:
        inside = self._daily.filter(pl.col("date").is_between(window.first_day, window.last_day))
        total = float(inside["value"].sum())
        named = float(inside.filter(pl.col("identified"))["value"].sum())
        return named / total if total > 0 else None

    def _cell(
        self,
        window: Window,
        active: pl.DataFrame,
        before: pl.DataFrame | None,
        customer: pl.DataFrame,
        identified: float | None,
    ) -> dict[str, Any]:
        bought = _buyers(active)
        if bought < self._k:
            why = Suppressed(TOO_FEW, self._k) if bought else Suppressed(NOBODY)
            return {name: why for name in RESULTS if name not in WHOLE}
        if before is not None and 0 < _buyers(before) < self._k:
            before = None
        currency = self._marts.currency
        measured = activity.measure(
            active,
            before,
            activity.ActivitySpec(window.first_day, window.last_day),
            label=window.label,
            label_fields=window.label_fields,
            identified=identified,
            currency=currency,
        )
        came = returning.measure(
            customer,
            active,
            returning.ReturningSpec(window.last_day),
            first_day=self._marts.complete_from,
        )
        return {
            "activity": measured,
            "value": publishable_value(active, currency, self._k),
            "returning": publishable_returning(came, self._k),
        }

    def _rfm(self, at_end: _Segmented) -> rfm.RfmResult | Suppressed:
        scores = at_end.scores
        if scores.customers < self._k:
            return Suppressed(TOO_FEW, self._k)
        sizes = scores.scores.rename({"monetary": "value"}).with_columns(purchase_days=pl.lit(1))
        merged = merge_small(sizes, self._k)
        shown = scores.scores.with_columns(pl.col("segment").replace(merged))
        return replace(scores, segments=rfm.summarise(shown), scores=pl.DataFrame())


def _buyers(customers: pl.DataFrame) -> int:
    return customers.filter(pl.col("purchase_days") > 0).height


def _value_by_day(marts: Marts) -> pl.DataFrame:
    """Sum sales by day, with and without a customer id."""
    return (
        marts.ledger("order_lines")
        .group_by("day", identified=pl.col("customer_id").is_not_null())
        .agg(pl.col("value").sum())
        .select(pl.from_epoch("day", "d").alias("date"), "identified", "value")
        .collect(engine="streaming")
    )


def merge_small(active: pl.DataFrame, k: int) -> dict[str, str]:
    """Map each segment to the one it is shown under: itself, or ``other``.

    A segment with fewer than ``k`` buyers, or where one customer has over half of the value, is
    merged; while the merged ones are still too small together, the smallest shown one joins
    them, so that no cell follows from a total by subtraction.
    """
    amount = pl.col("value").cast(pl.Float64).abs()
    sizes = (
        active.filter(pl.col("segment").is_not_null(), pl.col("purchase_days") > 0)
        .group_by("segment")
        .agg(customers=pl.len(), largest=amount.max(), total=amount.sum())
        .sort("customers", "segment")
        .rows(named=True)
    )
    hidden = [s for s in sizes if s["customers"] < k or s["largest"] > DOMINANT * s["total"]]
    shown = [s for s in sizes if s not in hidden]
    while hidden and shown and not _safe(hidden, k):
        hidden.append(shown.pop(0))
    names = [s["segment"] for s in hidden]
    return {s["segment"]: segments.OTHER if s["segment"] in names else s["segment"] for s in sizes}


def _safe(group: list[dict[str, Any]], k: int) -> bool:
    customers = sum(s["customers"] for s in group)
    total = sum(s["total"] for s in group)
    return customers >= k and max(s["largest"] for s in group) <= DOMINANT * total


def _groups(active: pl.DataFrame, merged: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each shown segment with those that are shown under it."""
    for key in dict.fromkeys(merged.values()):
        yield key, [s for s, shown in merged.items() if shown == key]


def publishable_value(active: pl.DataFrame, currency: str, k: int) -> value.ValueResult:
    """Make the value result of a cell without any group of fewer than ``k`` customers."""
    n = active.height
    spec = value.ValueSpec(points=max(1, min(100, n // k)))
    found = value.whale(active, spec, currency=currency)
    few = found.loss_makers is not None and 0 < found.loss_makers < k
    small_top = spec.best * n < k
    return replace(
        found,
        best_share=None if small_top else found.best_share,
        loss_makers=None if few else found.loss_makers,
        loss=None if few else found.loss,
        cause=None if few else found.cause,
        fewer_than=k,
        classes=pl.DataFrame(),
        deciles=pl.DataFrame(),
    )


def publishable_returning(found: returning.ReturningResult, k: int) -> returning.ReturningResult:
    """Leave out rates that tell of fewer than ``k`` customers on either side."""
    back = found.came_back if _tellable(found.came_back, k) else None
    return replace(
        found,
        once_only=found.once_only if _tellable(found.once_only, k) else None,
        came_back=back,
        new_customers=found.new_customers if back is not None else None,
    )


def _tellable(estimate: Any, k: int) -> bool:
    if estimate is None or estimate.n < k:
        return False
    hits = round(estimate.value * estimate.n)
    return all(side == 0 or side >= k for side in (hits, estimate.n - hits))
