"""What a window's customers add up to in every cell of the cube, in one pass.

Cells are flat indices of an array with an axis a dimension; index 0 of an axis is 'all'. Money
is added up as whole numbers of its smallest unit, so that parts and whole agree to the last one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
import polars as pl

from crmlib.publish import suppress
from crmlib.publish.suppress import Cube
from crmlib.schema import FOLDS

Whole = npt.NDArray[np.int64]
MONEY, UNIT = pl.Decimal(38, 4), 10_000
_TAKEN = ("returns", "below_cost", "freight", "service", "contacts")


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where customers stand in the cube.

    Attributes
    ----------
    customers
        How many there are.
    places
        For every axis, each customer's place on it, from 1 on.
    shape
        The axes' lengths, 'all' included.
    """

    customers: int
    places: tuple[Whole, ...]
    shape: tuple[int, ...]

    @property
    def cells(self) -> Whole:
        """Give each customer's cell, all axes told apart."""
        return self._flat(self.places)

    def all_cells(self) -> list[Whole]:
        """Give each customer's cells: one for every choice of axes that are told apart."""
        blank = np.zeros(self.customers, dtype=np.int64)
        return [self._flat(c) for c in product(*((blank, places) for places in self.places))]

    def _flat(self, places: tuple[Whole, ...]) -> Whole:
        if not places:
            return np.zeros(self.customers, dtype=np.int64)
        return np.ravel_multi_index(places, self.shape).astype(np.int64)

    def of(self, some: npt.NDArray[np.bool_]) -> Place:
        """Keep some of the customers."""
        return Place(int(some.sum()), tuple(p[some] for p in self.places), self.shape)


def money(frame: pl.DataFrame, column: str) -> Whole:
    """Give an amount of every customer in its smallest unit."""
    return frame[column].fill_null(0).cast(MONEY).to_physical().cast(pl.Int64).to_numpy()


def summed(place: Place, amounts: Whole) -> Whole:
    """Add an amount up in every cell, 'all' included."""
    total = np.zeros(int(np.prod(place.shape)), dtype=np.int64)
    np.add.at(total, place.cells, amounts)
    return suppress.with_margins(total.reshape(place.shape), np.sum)


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Counts and sums of every cell: ``customers``, ``orders``, ``value``, ``value_costed``."""

    customers: Whole
    orders: Whole
    value: Whole
    value_costed: Whole


def sums(frame: pl.DataFrame, place: Place) -> Sums:
    """Count a window's customers and add up what they did."""
    return Sums(
        customers=summed(place, np.ones(frame.height, dtype=np.int64)),
        orders=summed(place, frame["orders"].to_numpy().astype(np.int64)),
        value=summed(place, money(frame, "value")),
        value_costed=summed(place, money(frame, "value_costed")),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Folds:
    """Customers and real sales of every cell by fold, which comparisons need.

    Attributes
    ----------
    cube
        Counts and amounts, for what must not be shown.
    customers, value_real
        One more axis: the fold.
    """

    cube: Cube
    customers: Whole
    value_real: Whole


def by_fold(frame: pl.DataFrame, place: Place) -> Folds:
    """Add customers and real sales up by fold."""
    fold = frame["fold"].to_numpy().astype(np.int64) + 1
    wider = Place(place.customers, (*place.places, fold), (*place.shape, FOLDS + 1))
    one = np.ones(frame.height, dtype=np.int64)
    return Folds(
        cube=suppress.cube(place.places, frame["value"].cast(pl.Float64).to_numpy(), place.shape),
        customers=summed(wider, one)[..., 1:],
        value_real=summed(wider, money(frame, "value_real"))[..., 1:],
    )


@dataclass(frozen=True, slots=True, eq=False)
class Worth:
    """How profit (margin, value) is spread over the customers of every cell.

    Attributes
    ----------
    by
        Which of them.
    total
        What all customers of a cell bring.
    losses, loss
        How many cost money, and what they cost (negative).
    taken
        What each cause took from the loss-makers.
    steps
        By cell: how many of the best customers, and what they bring together.
    """

    by: str
    total: Whole
    losses: Cube
    loss: Whole
    taken: dict[str, Whole]
    steps: dict[int, tuple[Whole, Whole]]

    def cause(self, cell: int) -> str | None:
        """Name what cost most among the loss-makers."""
        if not self.losses.counts.flat[cell]:
            return None
        took = {cause: int(amounts.flat[cell]) for cause, amounts in self.taken.items()}
        return max(took, key=took.__getitem__)


def worth(frame: pl.DataFrame, place: Place, by: str, points: Callable[[int], int]) -> Worth:
    """Sort every cell's customers by what they bring and add them up.

    Parameters
    ----------
    frame
        Customers of the window.
    place
        Where they stand.
    by
        ``"profit"``, ``"margin"`` or ``"value"``; nobody loses money by value.
    points
        How many steps the curve of so many customers has.
    """
    amounts = money(frame, by)
    best_first = np.argsort(-amounts, kind="stable")
    steps: dict[int, tuple[Whole, Whole]] = {}
    for cells in place.all_cells() if place.customers else ():
        mine = cells[best_first]
        sorting = np.argsort(mine, kind="stable")
        found, starts = np.unique(mine[sorting], return_index=True)
        pieces = np.split(amounts[best_first][sorting], starts[1:])
        for cell, piece in zip(found, pieces, strict=True):
            n, wanted = len(piece), points(len(piece))
            firsts = np.unique(-(-n * np.arange(1, wanted + 1) // wanted))
            steps[int(cell)] = firsts, np.cumsum(piece)[firsts - 1]
    losing = (amounts < 0) if by != "value" else np.zeros(len(amounts), dtype=bool)
    losers = place.of(losing)
    lost = frame.filter(pl.Series(losing))
    return Worth(
        by=by,
        total=summed(place, amounts),
        losses=suppress.cube(losers.places, amounts[losing].astype(float), place.shape),
        loss=summed(losers, amounts[losing]),
        taken={cause: summed(losers, took) for cause, took in _took(lost, by).items()},
        steps=steps,
    )


def _took(losers: pl.DataFrame, by: str) -> dict[str, Whole]:
    """Give what each cause took from each loss-maker; of the goods alone there are two causes."""
    if by == "value":
        return {}
    took = {
        "returns": -money(losers, "margin_returns"),
        "below_cost": -money(losers, "margin_below_cost"),
    }
    if by == "profit":
        took |= {cause: money(losers, cause) for cause in _TAKEN[2:]}
    return took


def pairs(
    now: Folds, before: Folds, place: tuple[int, ...], *, real: bool
) -> list[tuple[float, float]]:
    """Give what every fold of a cell did in two windows: customers, or ``real`` sales."""
    somebody = (now.customers[place] + before.customers[place]) > 0
    a, b = (
        each.value_real[place][somebody] / UNIT if real else each.customers[place][somebody]
        for each in (now, before)
    )
    return list(zip(a.tolist(), b.tolist(), strict=True))


def as_money(amount: np.int64) -> float:
    """Give an amount in the shop's currency."""
    return int(amount) / UNIT
