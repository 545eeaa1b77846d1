"""The cube of customers: what each window adds up to in every cell, and which cells are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Literal

import numpy as np
import polars as pl

from crmlib.marts import Marts
from crmlib.marts.calendar import trailing_year
from crmlib.profile import rfm, segments, value
from crmlib.publish import dimensions, suppress, tally
from crmlib.publish.dimensions import Dimension
from crmlib.publish.suppress import Mask

Days = tuple[date, date]
Cell = tuple[int, ...]
By = Literal["profit", "value"]
# Steps of a curve for each fifth of the customers: of the whole, and of a cell.
FINE, COARSE = 20, 4


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """A window's customers, added up in every cell (segment x region x channel).

    Attributes
    ----------
    sums, worth
        What they did and what they bring.
    folds
        For comparisons: region x channel alone, since a segment a year ago is not the same
        kind of people.
    cube
        Counts and amounts, for what must not be shown.
    """

    sums: tally.Sums
    worth: tally.Worth
    folds: tally.Folds
    cube: suppress.Cube


class Customers:
    """Gives the customers of a window with their segment, region and channel."""

    def __init__(self, marts: Marts, k: int) -> None:
        self._marts = marts
        self.spec = rfm.RfmSpec(money="real" if marts.has_index else "nominal", months=12)
        everybody = marts.customer.filter(pl.col("purchase_days") > 0).select("customer_id")
        regions = everybody.join(self._regions, on="customer_id", how="left").collect()
        channels = marts.channels_between(marts.begins, marts.as_of).collect()
        found = [
            dimensions.of_segments(),
            dimensions.of_regions(regions["region"], k),
            dimensions.of_channels(channels["channel"], k),
        ]
        self.dimensions: list[Dimension] = [d for d in found if d is not None]
        self._scores: dict[date, rfm.RfmResult] = {}

    @cached_property
    def _regions(self) -> pl.LazyFrame:
        return self._marts.people.select("customer_id", "region").collect().lazy()

    def scored(self, day: date) -> rfm.RfmResult:
        """Score who bought in the twelve months that end on a day."""
        if day not in self._scores:
            year = self._marts.customer_between(trailing_year(day), day).collect()
            self._scores[day] = rfm.score(year, self.spec, currency=self._marts.currency)
        return self._scores[day]

    def of(self, days: Days) -> pl.DataFrame:
        """Give who bought between two days, both inside.

        ``segment`` is that of the last day; who bought in none of its twelve months is lapsed.
        """
        bought = self._marts.customer_between(*days).filter(pl.col("purchase_days") > 0)
        named = self.scored(days[1]).scores.lazy().select("customer_id", "segment")
        channels = self._marts.channels_between(*days)
        found = bought
        for more in (named, self._regions, channels):
            found = found.join(more, on="customer_id", how="left", maintain_order="left")
        return found.with_columns(pl.col("segment").fill_null(segments.LAPSED)).collect()

    def place(self, frame: pl.DataFrame) -> tally.Place:
        """Tell where customers stand."""
        return tally.Place(
            frame.height,
            tuple(d.places(frame[d.name]) for d in self.dimensions),
            tuple(len(d) for d in self.dimensions),
        )


def count(customers: Customers, frame: pl.DataFrame, by: By, k: int) -> Counted:
    """Add a window's customers up."""
    place = customers.place(frame)
    flat = tally.Place(place.customers, place.places[1:], place.shape[1:])
    amounts = frame["value"].cast(pl.Float64).to_numpy()
    return Counted(
        sums=tally.sums(frame, place),
        worth=tally.worth(frame, place, by, points(k, COARSE)),
        folds=tally.by_fold(frame, flat),
        cube=suppress.cube(place.places, amounts, place.shape),
    )


def points(k: int, finest: int) -> Callable[[int], int]:
    """Tell how many steps the curve of ``n`` customers has: none of fewer than ``k``.

    Steps of a fifth fall on the best 20 %, so that headline and curve are one number.
    """
    return lambda n: 5 * max(1, min(finest, n // (5 * k))) if n >= 5 * k else 1


def by_what(frame: pl.DataFrame) -> By:
    """Tell what a window's customers are ranked by: profit where costs are known, else value."""
    spec = value.ValueSpec()
    return "profit" if value.cost_coverage(frame) >= spec.min_cost_coverage else "value"


def masks(
    counted: dict[Days, Counted], axes: Sequence[Dimension], k: int, *, begins: date
) -> dict[Days, Mask]:
    """Choose the cells of every window that are not shown.

    Windows that end on the same day and reach back a year, or to where the data begin, hold the
    same customers of every segment and region: what one of them hides there, the others hide.
    """
    part: dict[str, Any] = {
        "segment": slice(1, -1),
        "region": slice(None),
        "channel": 0,
    }  # the lapsed are last
    shared: Any = tuple(part[axis.name] for axis in axes)
    apart = {days: suppress.told_apart(c.cube.counts, k) for days, c in counted.items()}
    hidden = {days: suppress.hide(c.cube, k, apart=apart[days]) for days, c in counted.items()}
    groups: dict[date, list[Days]] = {}
    for first, last in counted:
        if first <= max(begins, trailing_year(last)):
            groups.setdefault(last, []).append((first, last))
    for same in groups.values():
        while True:
            planes = [hidden[days][shared] for days in same]
            together = np.logical_or.reduce(planes)
            if all((plane == together).all() for plane in planes):
                break
            for days in same:
                also = hidden[days].copy()
                also[shared] = together
                hidden[days] = suppress.hide(counted[days].cube, k, also=also, apart=apart[days])
    return hidden


def losses_hidden(counted: Counted, hidden: Mask, k: int) -> Mask:
    """Choose the cells whose number of loss-makers is not shown."""
    everybody = int(counted.sums.customers.flat[0])
    most = np.where(hidden, everybody, counted.sums.customers)
    apart = suppress.told_apart(counted.worth.losses.counts, k)
    return suppress.hide(counted.worth.losses, k, also=hidden, apart=apart, most=most)


def along(mask: Mask, axis: int) -> Mask:
    """Give the line of one axis where all others are 'all'."""
    line: Any = tuple(slice(None) if each == axis else 0 for each in range(mask.ndim))
    found: Mask = mask[line]
    return found
