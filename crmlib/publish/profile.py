"""The profile's cube: every window by every segment, with small cells merged or left out.

One population everywhere: customers who bought in the window. Each has a segment, so the cells
of a window add up to the whole; what is left out of a cell is left out of enough cells that it
does not follow from the whole by subtraction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlib.i18n import mark
from crmlib.marts import Marts
from crmlib.profile import activity, returning, rfm, segments, value
from crmlib.publish.boards import ALL, NOBODY, TOO_FEW, Suppressed
from crmlib.publish.windows import Window

if TYPE_CHECKING:
    from datetime import date

RESULTS = ("activity", "value", "returning", "rfm")
WHOLE = ("rfm",)  # the same for every segment: it compares them
MIN_CUSTOMERS = 10
DOMINANT = 0.5
ASKED_OF_ALL = mark(
    "Who comes back is asked of all customers: a segment is made of those who did, or did not."
)


@dataclass(frozen=True, slots=True, eq=False)
class _Segmented:
    """Customers as of a day: their mart and their segment."""

    customer: pl.DataFrame
    scores: rfm.RfmResult


class Profile:
    """Makes the cells of the profile's cube; keeps segmentations by day."""

    def __init__(self, marts: Marts, *, k: int = MIN_CUSTOMERS) -> None:
        self._marts = marts
        self._k = k
        self._spec = rfm.RfmSpec(money="real" if marts.has_index else "nominal")
        self._by_day: dict[date, _Segmented] = {}

    def cells(self, window: Window) -> dict[str, dict[str, Any]]:
        """Give ``{segment: {result name: Result or Suppressed}}`` of a window."""
        at_end = self._segmented(window.last_day)
        active = self._active(window, at_end)
        whole = {"rfm": self._rfm(at_end)}
        if not _safe([_size(ALL, active)], self._k):
            why = Suppressed(TOO_FEW, self._k) if active.height else Suppressed(NOBODY)
            return {ALL: whole | {name: why for name in RESULTS if name not in WHOLE}}
        merged = merge_small(active, self._k)
        groups = {ALL: active} | {
            key: active.filter(pl.col("segment").is_in(group)) for key, group in _groups(merged)
        }
        worth = self._values(groups, window)
        found = {
            key: {
                "activity": self._activity(window, key, mine),
                "value": worth[key],
                "returning": Suppressed(ASKED_OF_ALL),
            }
            for key, mine in groups.items()
        }
        found[ALL] |= whole | {"returning": self._returning(window, active, at_end.customer)}
        return found | self._missing(merged)

    def _missing(self, merged: dict[str, str]) -> dict[str, dict[str, Any]]:
        """Say of segments without a cell of their own why they have none."""
        small = Suppressed(TOO_FEW, self._k)
        hidden = [key for key, shown in merged.items() if shown != key]
        return {key: {name: small for name in RESULTS if name not in WHOLE} for key in hidden}

    def _segmented(self, day: date) -> _Segmented:
        if day not in self._by_day:
            customer = self._marts.customer_at(day).collect()
            scores = rfm.score(customer, self._spec, currency=self._marts.currency)
            self._by_day[day] = _Segmented(customer, scores)
        return self._by_day[day]

    def _active(self, window: Window, at_end: _Segmented) -> pl.DataFrame:
        """Give customers who bought in the window, with their segment at its end."""
        bought = self._marts.customer_between(window.first_day, window.last_day).filter(
            pl.col("purchase_days") > 0
        )
        named = at_end.scores.scores.select("customer_id", "segment")
        return bought.collect().join(named, on="customer_id", how="inner", maintain_order="left")

    def _activity(self, window: Window, key: str, active: pl.DataFrame) -> activity.ActivityResult:
        before, why = None, activity.NOT_COMPARED
        if key == ALL:
            before, why = self._before(window)
        return activity.measure(
            active,
            before,
            activity.ActivitySpec(window.first_day, window.last_day),
            label=window.label,
            label_fields=window.label_fields,
            identified=self._identified(window) if key == ALL else None,
            real=self._marts.has_index,
            no_comparison=why,
            currency=self._marts.currency,
        )

    def _before(self, window: Window) -> tuple[pl.DataFrame | None, str]:
        first, last = window.year_before
        if first < self._marts.begins or window.id == "all":
            return None, activity.NO_YEAR_BEFORE
        before = self._marts.customer_between(first, last).collect()
        bought = before.filter(pl.col("purchase_days") > 0).height
        if 0 < bought < self._k:
            return None, activity.TOO_FEW_BEFORE
        return before, ""

    def _identified(self, window: Window) -> float | None:
        return self._marts.identified_between(window.first_day, window.last_day)

    def _values(
        self, groups: dict[str, pl.DataFrame], window: Window
    ) -> dict[str, value.ValueResult]:
        """Make the value results; loss-makers are shown where no small number follows."""
        found = {
            key: publishable_value(active, self._marts.currency, self._k, short=window.short)
            for key, active in groups.items()
        }
        counts = {key: r.loss_makers or 0 for key, r in found.items()}
        hidden = hide_losses(counts, self._k)
        return {
            key: replace(r, loss_makers=None, loss=None, cause=None) if key in hidden else r
            for key, r in found.items()
        }

    def _returning(
        self, window: Window, active: pl.DataFrame, customer: pl.DataFrame
    ) -> returning.ReturningResult:
        came = returning.measure(
            customer,
            active,
            returning.ReturningSpec(window.last_day),
            first_day=self._marts.begins + timedelta(days=self._marts.burn_in_days),
        )
        return publishable_returning(came, self._k)

    def _rfm(self, at_end: _Segmented) -> rfm.RfmResult | Suppressed:
        scores = at_end.scores
        sized = scores.scores.rename({"monetary": "value"})
        if not _safe([_size(ALL, sized)], self._k):
            return Suppressed(TOO_FEW, self._k) if scores.customers else Suppressed(NOBODY)
        merged = merge_small(sized, self._k)
        shown = scores.scores.with_columns(pl.col("segment").replace(merged))
        return replace(scores, segments=rfm.summarise(shown), scores=pl.DataFrame())


def _size(name: str, customers: pl.DataFrame) -> dict[str, Any]:
    """Give how many customers a group has, its value and its largest customer's."""
    amounts = customers["value"].cast(pl.Float64).abs()
    largest = amounts.max() if len(amounts) else 0.0
    return {
        "segment": name,
        "customers": len(amounts),
        "largest": largest,
        "total": float(amounts.sum()),
    }


def merge_small(customers: pl.DataFrame, k: int) -> dict[str, str]:
    """Map each segment to the one it is shown under: itself, or ``other``.

    A segment with fewer than ``k`` customers, or where one customer has over half of the value,
    is merged; while the merged ones are still not safe together, the smallest shown one joins
    them, so that no cell follows from the whole by subtraction.
    """
    sizes = [_size(str(key), mine) for (key,), mine in customers.group_by("segment")]
    sizes.sort(key=lambda s: (s["customers"], s["segment"]))
    hidden = [s for s in sizes if not _safe([s], k)]
    shown = [s for s in sizes if s not in hidden]
    while hidden and shown and not _safe(hidden, k):
        hidden.append(shown.pop(0))
    names = [s["segment"] for s in hidden]
    return {s["segment"]: segments.OTHER if s["segment"] in names else s["segment"] for s in sizes}


def _safe(group: list[dict[str, Any]], k: int) -> bool:
    customers = sum(s["customers"] for s in group)
    total = sum(s["total"] for s in group)
    return customers >= k and max(s["largest"] for s in group) <= DOMINANT * total


def _groups(merged: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each shown segment with those that are shown under it."""
    for key in dict.fromkeys(merged.values()):
        yield key, [s for s, shown in merged.items() if shown == key]


def hide_losses(counts: dict[str, int], k: int) -> set[str]:
    """Choose the cells whose number of loss-makers is not shown.

    Parameters
    ----------
    counts
        Loss-makers of the whole (``"all"``) and of every shown segment, which add up to it.
    k
        Numbers from 1 to ``k`` - 1 are not shown, nor what they follow from: while the hidden
        segments have fewer than ``k`` together, the next smallest is hidden too.
    """
    small = {key for key, n in counts.items() if 0 < n < k}
    parts = sorted((n, key) for key, n in counts.items() if key != ALL)
    hidden = [(n, key) for n, key in parts if key in small]
    rest = [(n, key) for n, key in parts if n >= k]
    while hidden and rest and sum(n for n, _ in hidden) < k:
        hidden.append(rest.pop(0))
    if hidden and sum(n for n, _ in hidden) < k:
        small.add(ALL)
    return small | {key for _, key in hidden}


def publishable_value(
    active: pl.DataFrame, currency: str, k: int, *, short: bool = False
) -> value.ValueResult:
    """Make the value result of a cell without any step of fewer than ``k`` customers."""
    n = active.height
    # Steps of a fifth fall on the best 20 %, so that headline and curve are one number.
    fifths = max(1, min(20, n // (5 * k)))
    points = 5 * fifths if n >= 5 * k else 1
    spec = value.ValueSpec(points=points)
    found = value.whale(active, spec, currency=currency)
    return replace(
        found,
        best_share=found.best_share if points > 1 else None,
        fewer_than=k,
        short_window=short,
        classes=pl.DataFrame(),
        deciles=pl.DataFrame(),
    )


def publishable_returning(found: returning.ReturningResult, k: int) -> returning.ReturningResult:
    """Leave out rates that tell of fewer than ``k`` customers on either side."""
    told = _tellable(found.came_back, k)
    hidden = found.came_back is not None and not told
    return replace(
        found,
        once_only=found.once_only if _tellable(found.once_only, k) else None,
        came_back=found.came_back if told else None,
        new_customers=found.new_customers if told else None,
        why_not=returning.NOT_SHOWN if hidden else found.why_not,
    )


def _tellable(estimate: Any, k: int) -> bool:
    if estimate is None or estimate.n < k:
        return False
    hits = round(estimate.value * estimate.n)
    return all(side == 0 or side >= k for side in (hits, estimate.n - hits))
