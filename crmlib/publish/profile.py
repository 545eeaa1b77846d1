"""The profile's results for every window and cell of the cube.

One population everywhere: customers who bought in the window. Each has one segment, one region
and one channel, so the cells of a line add up to its total; what is not shown is chosen by
:mod:`crmlib.publish.suppress`, for all cells of a window together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from crmlib.estimate import Estimate
from crmlib.i18n import mark
from crmlib.marts import Marts, customers, seasons
from crmlib.marts.calendar import trailing_year
from crmlib.profile import activity, returning, rfm, segments, value, waterfall
from crmlib.publish import cube, suppress, tally
from crmlib.publish.boards import NOBODY, TOO_FEW, Suppressed
from crmlib.publish.cube import By, Cell, Counted, Customers, Days
from crmlib.publish.suppress import MIN_CUSTOMERS, Mask
from crmlib.publish.windows import Window

CUBED = ("activity", "value", "returning")  # by window and cell
WHOLE = ("rfm", "waterfall")  # by window alone
ASKED_OF_ALL = mark("Who comes back is asked of all customers together.")
OF_YEAR = mark("Purchases from {first} to {last}.")
OF_LOSS_MAKERS = mark("All customers of the period that cost money.")


class Profile:
    """Makes the cells of the profile's cube.

    Parameters
    ----------
    marts
        The marts of a build with order lines.
    offered
        The windows that a reader may choose.
    k
        Smaller groups of customers are not shown.
    """

    def __init__(self, marts: Marts, offered: Sequence[Window], *, k: int = MIN_CUSTOMERS) -> None:
        self._marts = marts
        self._k = k
        self._offered = offered
        self.customers = Customers(marts, k)
        self._counted: dict[Days, Counted] = {}
        self._wholes: dict[Days, dict[str, Any]] = {}
        self._before: dict[Days, tally.Folds] = {}
        self._hidden: dict[Days, Mask] = {}
        self._untold_before: dict[Days, Mask] = {}

    def count(self) -> Iterator[Window]:
        """Add up one window after the other; then choose what is not shown."""
        for window in self._offered:
            if window.days not in self._counted:
                self._count(window)
            yield window
        axes, begins = self.customers.dimensions, self._marts.begins
        self._hidden = cube.masks(self._counted, axes, self._k, begins=begins)

    def _count(self, window: Window) -> None:
        frame = self.customers.of(window.days)
        by = cube.by_what(frame)
        self._counted[window.days] = cube.count(self.customers, frame, by, self._k)
        self._wholes[window.days] = self._whole(window, frame, by)

    def cells(self, window: Window) -> dict[str, dict[Cell, Any]]:
        """Give ``{result name: {cell: Result or Suppressed}}`` of a window, once counted."""
        hidden = self._hidden[window.days]
        whole = {n: replace(r, **_named(n, window)) for n, r in self._wholes[window.days].items()}
        found: dict[str, dict[Cell, Any]] = {name: {} for name in CUBED}
        if hidden.flat[0]:
            why = Suppressed(TOO_FEW, self._k)
            found = {name: dict.fromkeys(np.ndindex(hidden.shape), why) for name in CUBED}
            return found | {"rfm": {(): self._rfm(window)}, "waterfall": {(): why}}
        losses = cube.losses_hidden(self._counted[window.days], hidden, self._k)
        # Where nobody is may be hidden, too: it must read as the others do.
        told = hidden | (self._counted[window.days].sums.customers > 0)
        for cell in np.argwhere(told).tolist():
            place = tuple(cell)
            made: dict[str, Any] = dict.fromkeys(CUBED, Suppressed(TOO_FEW, self._k))
            if not hidden[place]:
                made = {
                    "activity": self._activity(window, place, whole["activity"]),
                    "value": self._value(window, place, whole["value"], losses),
                    "returning": Suppressed(ASKED_OF_ALL) if any(place) else whole["returning"],
                }
            for name, result in made.items():
                found[name][place] = result
        somebody = whole["activity"].customers > 0
        fall = self._fall(whole["waterfall"], hidden=bool(losses.flat[0]))
        fall = fall if somebody else Suppressed(NOBODY)
        return found | {"rfm": {(): self._rfm(window)}, "waterfall": {(): fall}}

    def _fall(
        self, fall: waterfall.WaterfallResult, *, hidden: bool
    ) -> waterfall.WaterfallResult | Suppressed:
        """Give the waterfall, or why there is none."""
        if not fall.costs_known:
            return Suppressed(waterfall.NO_COSTS)
        if not fall.customers:
            return Suppressed(value.NONE)
        if hidden:
            return Suppressed(value.FEWER if fall.customers < self._k else TOO_FEW, self._k)
        return fall

    def hidden(self, window: Window) -> Mask:
        """Tell which cells of a window are not shown, once counted."""
        return self._hidden[window.days]

    def caption(self, name: str, window: Window) -> dict[str, Any] | None:
        """Say what a result of the whole is about: a sentence, and the ISO dates in its braces."""
        if name == "waterfall":
            return {"label": OF_LOSS_MAKERS, "fields": {}}
        if name != "rfm":
            return None
        first = window.first_day if window.id == "all" else trailing_year(window.last_day)
        days = {"first": max(first, self._marts.begins), "last": window.last_day}
        return {"label": OF_YEAR, "fields": {n: day.isoformat() for n, day in days.items()}}

    def present(self, window: Window) -> dict[str, list[str]]:
        """List the members of each dimension that somebody of the window belongs to."""
        counts = self._counted[window.days].sums.customers
        found = {}
        for axis, dimension in enumerate(self.customers.dimensions):
            line = counts[tuple(slice(None) if a == axis else 0 for a in range(counts.ndim))]
            found[dimension.name] = [
                m.id for m, n in zip(dimension.members, line, strict=True) if n or m.id == "all"
            ]
        return found

    def identified(self, window: Window) -> float | None:
        """Give the share of the window's sales that carry a customer id."""
        if self._marts.manifest["strangers_dropped"]:
            return None
        inside = pl.from_epoch("day", "d").is_between(*window.days)
        total, known = self._sales.filter(inside).select(pl.col("value", "known").sum()).row(0)
        return float(known) / float(total) if total and total > 0 else None

    @cached_property
    def _sales(self) -> pl.DataFrame:
        """Sales by day, and those with a customer id; summed exactly, so in any order."""
        amount = pl.col("value")
        known = amount.filter(pl.col("customer_id").is_not_null())
        lines = self._marts.ledger("order_lines").group_by("day")
        return lines.agg(amount.sum(), known=known.sum()).collect(engine="streaming")

    # --- the whole

    def _whole(self, window: Window, frame: pl.DataFrame, by: By) -> dict[str, Any]:
        worth = value.ValueSpec(by=by, points=cube.points(self._k, cube.FINE)(frame.height))
        found = value.whale(frame, worth, currency=self._marts.currency)
        return {
            "activity": self._whole_activity(window, frame),
            "value": replace(
                found,
                best_share=found.best_share if worth.points > 1 else None,
                best_interval=found.best_interval if worth.points > 1 else None,
                curve=found.curve.with_columns(pl.all().round(6)),
                gini=None,
                fewer_than=self._k,
                short_window=window.short,
                classes=pl.DataFrame(),
                deciles=pl.DataFrame(),
            ),
            "returning": self._returning(window, frame),
            "waterfall": waterfall.measure(frame, currency=self._marts.currency),
        }

    def _whole_activity(self, window: Window, frame: pl.DataFrame) -> activity.ActivityResult:
        spec = activity.ActivitySpec(*window.days)
        before, why = self._year_before(window)
        aligned = spec.aligned(turkey=self._in_turkey)
        return activity.measure(
            frame,
            before,
            spec,
            label=window.label,
            label_fields=window.label_fields,
            identified=self.identified(window),
            real=self._marts.has_index,
            no_comparison=why,
            currency=self._marts.currency,
            month_before=self._earlier(spec.month_before),
            aligned=self._aligned(aligned),
            targets=self._targets(spec, frame),
        )

    @property
    def _in_turkey(self) -> bool:
        shop = self._marts.manifest["shop"]
        return seasons.keeps_bayrams(shop["time_zone"], shop["currency"])

    def _year_before(self, window: Window) -> tuple[pl.DataFrame | None, str]:
        """Give last year's customers, and remember them by fold for the cells' comparisons."""
        days = window.year_before
        if days[0] < self._marts.begins or window.id == "all":
            return None, activity.NO_YEAR_BEFORE
        before = self.customers.of(days)
        if days not in self._before:
            place = self.customers.place(before)
            flat = tally.Place(place.customers, place.places[1:], place.shape[1:])
            self._before[days] = tally.by_fold(before, flat)
        if self._before[days].cube.sensitive(self._k).flat[0]:
            return None, activity.TOO_FEW_BEFORE
        return before, ""

    def _earlier(self, days: Days | None) -> pl.DataFrame | None:
        """Give an earlier window's customers where it lies in the data and may be told."""
        if days is None or days[0] < self._marts.begins:
            return None
        found = self._marts.customer_between(*days).filter(pl.col("purchase_days") > 0).collect()
        amounts = found["value"].cast(pl.Float64).to_numpy()
        told = not suppress.cube((), amounts, ()).sensitive(self._k).flat[0]
        return found if told and found.height else None

    def _aligned(self, days: seasons.Aligned | None) -> tuple[seasons.Aligned, pl.DataFrame] | None:
        found = self._earlier((days.first_day, days.last_day)) if days else None
        return (days, found) if days and found is not None else None

    def _targets(
        self, spec: activity.ActivitySpec, frame: pl.DataFrame
    ) -> tuple[activity.TargetReached, ...]:
        if self._plan.is_empty() or not spec.whole_months:
            return ()
        done = activity.achieved(self._kpis, self._everybody, spec)
        done["customers"] = float(frame.height)
        began = pl.from_epoch("first_day", "d").is_between(spec.first_day, spec.last_day)
        news = self._everybody.filter(began)["status"] == customers.NEW
        # Beside the number of new ones, growth would tell the few who may be old.
        if any(0 < n < self._k for n in (news.sum(), (~news).sum())):
            del done["new_customers"]
        return activity.against_targets(self._plan, done, spec)

    @cached_property
    def _plan(self) -> pl.DataFrame:
        return self._marts.ledger("targets").select("month", "kpi", "value").collect()

    @cached_property
    def _kpis(self) -> pl.DataFrame:
        return self._marts.kpis.collect()

    @cached_property
    def _everybody(self) -> pl.DataFrame:
        return self._marts.customer.select("status", "first_day").collect()

    def _returning(self, window: Window, frame: pl.DataFrame) -> returning.ReturningResult:
        customer = self._marts.customer_at(window.last_day).select(_RETURNING).collect()
        came = returning.measure(
            customer,
            frame,
            returning.ReturningSpec(window.last_day),
            first_day=self._marts.begins + timedelta(days=self._marts.burn_in_days),
        )
        return publishable_returning(came, self._k)

    # --- cells

    def _activity(
        self, window: Window, cell: Cell, whole: activity.ActivityResult
    ) -> activity.ActivityResult:
        if not any(cell):
            return whole
        sums = self._counted[window.days].sums
        found = replace(
            whole,
            customers=int(sums.customers[cell]),
            orders=int(sums.orders[cell]),
            value=tally.as_money(sums.value[cell]),
            customers_before=None,
            change=None,
            value_change=None,
            identified=None,
            month_before=None,
            aligned=None,
            targets=(),
        )
        if cell[0]:
            return replace(found, no_comparison=activity.NOT_COMPARED)
        return found if whole.no_comparison else self._compared(window, cell[1:], found)

    def _compared(
        self, window: Window, place: Cell, found: activity.ActivityResult
    ) -> activity.ActivityResult:
        """Compare a region or channel with itself a year before, where that may be told."""
        now, before = self._counted[window.days].folds, self._before[window.year_before]
        if self._hidden_before(window.year_before)[place]:
            return replace(found, no_comparison=activity.TOO_FEW_BEFORE)
        customers, sales = (
            activity.compared(tally.pairs(now, before, place, real=real), found.customers)
            for real in (False, True)
        )
        then = int(before.cube.counts[place])
        return replace(found, customers_before=then, change=customers, value_change=sales)

    def _hidden_before(self, days: Days) -> Mask:
        """Tell what an earlier window does not show, all segments together."""
        if days in self._hidden:
            return self._hidden[days][0]
        if days not in self._untold_before:
            before = self._before[days].cube
            apart = suppress.told_apart(before.counts, self._k)
            self._untold_before[days] = suppress.hide(before, self._k, apart=apart)
        return self._untold_before[days]

    def _value(
        self, window: Window, cell: Cell, whole: value.ValueResult, losses: Mask
    ) -> value.ValueResult:
        counted = self._counted[window.days]
        untold: dict[str, Any] = {}
        if losses[cell] and counted.worth.by != "value":
            # Whether a cell is hidden for its own sake must not be told; of the whole it shows.
            untold = dict.fromkeys(("loss_makers", "loss", "cause"))
            few = int(counted.worth.losses.counts.flat[0]) < self._k and not any(cell)
            untold["fewer_than"] = self._k if few else 0
        if not any(cell):
            return replace(whole, **untold)
        flat = int(np.ravel_multi_index(cell, losses.shape))
        worth, n = counted.worth, int(counted.sums.customers[cell])
        firsts, brought = worth.steps[flat]
        total, sales = int(worth.total[cell]), int(counted.sums.value[cell])
        shares = [(0.0, 0.0), *zip(firsts / n, brought / total, strict=True)] if total > 0 else []
        best = brought[firsts == -(-n // 5)] if total > 0 and len(firsts) > 1 else []
        cell_result = replace(
            whole,
            spec=replace(whole.spec, points=cube.points(self._k, cube.COARSE)(n)),
            curve=pl.DataFrame(
                [(round(float(x), 6), round(float(y), 6)) for x, y in shares],
                schema=whole.curve.schema,
                orient="row",
            ),
            best_share=float(best[0]) / total if len(best) else None,
            best_interval=None,
            customers=n,
            total=tally.as_money(worth.total[cell]),
            loss_makers=int(worth.losses.counts[cell]),
            loss=tally.as_money(worth.loss[cell]),
            cause=worth.cause(flat),
            cost_coverage=int(counted.sums.value_costed[cell]) / sales if sales > 0 else 0.0,
        )
        return replace(cell_result, **untold)

    # --- segments

    def _rfm(self, window: Window) -> rfm.RfmResult | Suppressed:
        found = self.customers.scored(window.last_day)
        days = (max(self._marts.begins, trailing_year(window.last_day)), window.last_day)
        if window.id == "all":
            everybody = self._marts.customer_at(window.last_day).collect()
            found = rfm.with_lapsed(found, everybody)
            days = window.days
        if found.scores.is_empty():
            return Suppressed(NOBODY)
        dimension = self.customers.dimensions[0]
        if days in self._hidden:
            hidden = cube.along(self._hidden[days], 0)
        else:
            places = dimension.places(found.scores["segment"])
            amounts = found.scores["monetary"].cast(pl.Float64).to_numpy()
            hidden = suppress.hide(suppress.cube([places], amounts, [len(dimension)]), self._k)
        if hidden[0]:
            return Suppressed(TOO_FEW, self._k)
        untold = [m.id for m, hide in zip(dimension.members, hidden, strict=True) if hide]
        shown = pl.when(pl.col("segment").is_in(untold)).then(pl.lit(segments.OTHER))
        merged = found.scores.with_columns(segment=shown.otherwise("segment"))
        return replace(found, segments=rfm.summarise(merged), scores=pl.DataFrame())


_RETURNING = ("customer_id", "fold", "status", "purchase_days", "first_day", "last_day")


def _named(name: str, window: Window) -> dict[str, Any]:
    """Give what differs between results of the same days: how their window is called."""
    if name != "activity":
        return {}
    return {"label": window.label, "label_fields": window.label_fields}


def publishable_returning(found: returning.ReturningResult, k: int) -> returning.ReturningResult:
    """Leave out rates that tell of fewer than ``k`` customers on either side."""
    told = tellable(found.came_back, k)
    hidden = found.came_back is not None and not told
    return replace(
        found,
        once_only=found.once_only if tellable(found.once_only, k) else None,
        came_back=found.came_back if told else None,
        new_customers=found.new_customers if told else None,
        why_not=returning.NOT_SHOWN if hidden else found.why_not,
    )


def tellable(estimate: Estimate | None, k: int) -> bool:
    """Tell whether a share has nobody or at least ``k`` customers on either side."""
    if estimate is None or estimate.n < k:
        return False
    hits = round(estimate.value * estimate.n)
    return all(side == 0 or side >= k for side in (hits, estimate.n - hits))
