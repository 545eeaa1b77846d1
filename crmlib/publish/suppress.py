"""Which cells of a cube are not shown, so that no small group of customers can be read off it.

A cube is an array with one axis a dimension; index 0 of every axis is 'all', the sum over the
axis. A line is all cells along one axis with the other places fixed, each of which may be 'all':
its first cell is the total of the others.

A cell is sensitive if it counts from 1 to k - 1 customers, or if one customer has over half of
the amount in it. Sensitive cells are hidden, and others with them, so that

- on every line whose total is shown, the hidden cells are none, or at least two that count k
  customers or more together, and not mostly one customer's;
- all shown counts of the cube taken together leave it open whether a hidden cell counts k
  customers or more. A linear program over the hidden counts holds this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Amounts = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

MIN_CUSTOMERS = 10
DOMINANT = 0.5
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Cube:
    """Counts and amounts of a cube, 'all' included.

    Attributes
    ----------
    counts
        How many customers each cell has.
    amounts
        Sum of the customers' absolute amounts.
    largest
        The largest customer's absolute amount.
    """

    counts: Counts
    amounts: Amounts
    largest: Amounts

    def sensitive(self, k: int) -> Mask:
        """Tell which cells must not be shown for their own sake."""
        small = (self.counts > 0) & (self.counts < k)
        return small | (self.largest > DOMINANT * self.amounts)


def cube(places: Sequence[npt.NDArray[np.int64]], amounts: Amounts, shape: Sequence[int]) -> Cube:
    """Count customers into a cube.

    Parameters
    ----------
    places
        For each dimension, every customer's place on its axis, from 1 on.
    amounts
        Every customer's amount; its sign does not matter.
    shape
        How many places each axis has, 'all' included.
    """
    size = np.abs(amounts)
    cells = int(np.prod(shape))
    blank = np.zeros(len(amounts), dtype=np.int64)
    flat = np.ravel_multi_index(tuple(places), tuple(shape)) if places else blank
    largest = np.zeros(cells)
    np.maximum.at(largest, flat, size)
    return Cube(
        with_margins(np.bincount(flat, minlength=cells).astype(np.int64).reshape(shape), np.sum),
        with_margins(np.bincount(flat, weights=size, minlength=cells).reshape(shape), np.sum),
        with_margins(largest.reshape(shape), np.max),
    )


def with_margins(values: npt.NDArray[Any], gather: Callable[..., Any]) -> npt.NDArray[Any]:
    """Fill the 'all' of every axis: ``gather`` sums, or takes the largest, along an axis."""
    for axis in range(values.ndim):
        along = np.moveaxis(values, axis, 0)  # a view: what is set here is set there
        along[0] = gather(along[1:], axis=0)
    return values


def hide(
    found: Cube,
    k: int = MIN_CUSTOMERS,
    *,
    also: Mask | None = None,
    apart: Mask | None = None,
    most: Counts | None = None,
    sums: Sequence[Counts] = (),
) -> Mask:
    """Choose the cells that are not shown.

    Parameters
    ----------
    found
        The cube.
    k
        Counts from 1 to ``k`` - 1 are not shown, nor what they follow from.
    also
        Cells that are hidden already for another reason.
    apart
        Cells of combinations that are told apart at all (:func:`told_apart`); the others are
        hidden, and nothing is asked of each of them alone. By default all.
    most
        What each cell counts at most, as far as a reader knows; by default nothing is known.
    sums
        Flat indices of cells whose sum is shown beside the cube.

    Returns
    -------
    True where a cell is hidden. Cells without customers may be shown as empty. Where the whole
    is sensitive, everything is hidden.
    """
    sensitive = found.sensitive(k)
    if sensitive.flat[0]:
        return np.ones_like(sensitive)
    hidden = (sensitive if also is None else sensitive | also).copy()
    asked = sensitive
    if apart is not None:
        hidden |= ~apart
        asked = sensitive & apart
    while True:
        _close(found, hidden, k, sums)
        if not asked.any():
            return hidden
        # Hiding more only leaves more open, so cells found safe stay so.
        told = _Known(found.counts, hidden, most, sums).told_to_be_few(asked, k)
        if not told:
            return hidden
        asked = np.zeros_like(hidden)
        asked.flat[list(told)] = True
        if not all(told.values()):  # nothing is left that could be hidden beside the whole
            return np.ones_like(hidden)
        chosen: set[int] = set()
        for levers in told.values():
            if not chosen & set(levers):
                chosen.add(levers[0])
        hidden.flat[list(chosen)] = True


def told_apart(counts: Counts, k: int) -> Mask:
    """Tell which cells belong to combinations of dimensions that are worth telling apart.

    A combination whose cells count fewer than ``k`` customers on average would be hidden for
    the most part, and its rest would read as noise.
    """
    several = np.indices(counts.shape).astype(bool)  # by axis, whether a cell is not its 'all'
    apart = np.ones(counts.shape, dtype=bool)
    for size in range(2, counts.ndim + 1):
        for axes in combinations(range(counts.ndim), size):
            mine = np.all([several[a] == (a in axes) for a in range(counts.ndim)], axis=0)
            filled = int((counts[mine] > 0).sum())
            apart[mine] = counts.flat[0] >= k * filled
    return apart


def lines(shape: Sequence[int]) -> list[Counts]:
    """List the lines of a cube: for each axis, columns of flat indices, the total on top."""
    places = np.arange(int(np.prod(shape))).reshape(shape)
    return [np.moveaxis(places, axis, 0).reshape(shape[axis], -1) for axis in range(len(shape))]


def _close(found: Cube, hidden: Mask, k: int, sums: Sequence[Counts] = ()) -> None:
    """Hide more until no line, and no further sum, gives a hidden cell away."""
    counts, amounts, largest = (a.ravel() for a in (found.counts, found.amounts, found.largest))
    flat = hidden.reshape(-1)
    before = -1
    while before != (before := int(flat.sum())):
        for along in lines(hidden.shape):
            members = along[1:]
            mine = flat[members]
            n = (counts[members] * mine).sum(axis=0)
            amount = (amounts[members] * mine).sum(axis=0)
            top = (largest[members] * mine).max(axis=0)
            given_away = (n > 0) & ((mine.sum(axis=0) < 2) | (n < k) | (top > DOMINANT * amount))
            summed_up = (counts[along[0]] > 0) & ~mine.any(axis=0)
            for line in np.flatnonzero(np.where(flat[along[0]], summed_up, given_away)):
                total = int(along[0, line])
                if not _hide_members(found, members[:, line], flat, k, told=not flat[total]):
                    # A member that is alone on its line is its total under another name.
                    flat[total] = True
        for members in sums:
            if counts[members[flat[members]]].sum() > 0:
                _hide_members(found, members, flat, k, told=True)


def _hide_members(found: Cube, members: Counts, hidden: Mask, k: int, *, told: bool) -> bool:
    """Hide the smallest of some cells until their sum, if it is told, gives none of them away.

    Gives whether at least two are hidden where the sum is told.
    """
    counts, amounts, largest = (
        a.ravel()[members] for a in (found.counts, found.amounts, found.largest)
    )
    mine = hidden[members]
    shown = np.flatnonzero(~mine & (counts > 0))
    queue = list(shown[np.argsort(counts[shown], kind="stable")])

    def safe() -> bool:
        if not told:
            return bool(mine.any())
        enough = mine.sum() >= 2 and counts[mine].sum() >= k
        return bool(enough and largest[mine].max() <= DOMINANT * amounts[mine].sum())

    while queue and not safe():
        mine[queue.pop(0)] = True
    hidden[members] = mine
    return not told or int(mine.sum()) >= 2


def told_to_be_few(
    counts: Counts,
    hidden: Mask,
    asked: Mask,
    k: int,
    *,
    most: Counts | None = None,
    sums: Sequence[Counts] = (),
) -> Mask:
    """Tell of which of the ``asked`` cells the shown counts say that they are small.

    A reader knows the shown counts, that every line adds up and that no count is negative. A
    cell is safe if, for all that, it could as well count ``k``, and more than it does.
    """
    told = np.zeros_like(hidden)
    if not asked.any():
        return told
    told.flat[list(_Known(counts, hidden, most, sums).told_to_be_few(asked, k))] = True
    return told


class _Known:
    """What a reader knows of the hidden counts: equations, limits, and that none is negative."""

    def __init__(
        self, counts: Counts, hidden: Mask, most: Counts | None, sums: Sequence[Counts]
    ) -> None:
        from scipy.sparse import csr_array

        self.hidden, self.counts = hidden.ravel(), counts.ravel()
        self.cells = np.flatnonzero(self.hidden)
        rows, columns, signs, told, done = [], [], [], [], 0
        adding_up = [(along, -1.0) for along in lines(hidden.shape)]
        for along, first in adding_up + [(members[:, None], 1.0) for members in sums]:
            touched = along[:, self.hidden[along].any(axis=0)]
            sign = np.ones(touched.shape)
            sign[0] = first
            rows.append(np.broadcast_to(np.arange(touched.shape[1]) + done, touched.shape).ravel())
            columns.append(touched.ravel())
            signs.append(sign.ravel())
            told.append((sign * self.counts[touched]).sum(axis=0))  # 0 along a line
            done += touched.shape[1]
        entries = tuple(np.concatenate(each) for each in (rows, columns))
        shape = (done, hidden.size)
        self.lines = csr_array((np.concatenate(signs), entries), shape=shape)
        self.equations = self.lines[:, self.cells]
        self.right = np.concatenate(told) - self.lines @ (self.counts * ~self.hidden)
        unlimited = np.full(len(self.cells), np.inf)
        self.limits = unlimited if most is None else most.ravel()[self.cells].astype(float)

    def told_to_be_few(self, asked: Mask, k: int) -> dict[int, list[int]]:
        """List ``asked`` cells that cannot count ``k``, or more than they do.

        Each comes with the shown cells whose hiding leaves it more open, the smallest first.
        """
        goals = np.maximum(k, self.counts[self.cells] + 1).astype(float)
        goals = np.minimum(goals, self.limits)
        told: dict[int, list[int]] = {}
        left = [int(i) for i in np.flatnonzero(asked.ravel()[self.cells])]
        while left:
            reached, _ = self._most(left, goals)
            short = [i for i in left if reached[i] < goals[i] - _TOLERANCE]
            if len(short) == len(left):  # not all at once; that says nothing of each alone
                alone = short.pop()
                reached, prices = self._most([alone], goals)
                if reached[alone] < goals[alone] - _TOLERANCE:
                    told[int(self.cells[alone])] = self._levers(prices)
                short = [i for i in short if reached[i] < goals[i] - _TOLERANCE]
            left = short
        return told

    def _levers(self, prices: Amounts) -> list[int]:
        """List shown cells that the limit on a hidden count comes from, the smallest first."""
        weight = np.abs(self.lines.T @ prices)
        weight[0] = 0  # the whole is always shown
        shown = ~self.hidden & (self.counts > 0)
        near = np.flatnonzero((weight > _TOLERANCE) & shown)
        if not len(near):
            near = np.flatnonzero(shown & (np.arange(len(shown)) > 0))
        return near[np.argsort(self.counts[near], kind="stable")].tolist()

    def _most(self, wanted: list[int], goals: Amounts) -> tuple[Amounts, Amounts]:
        """Bring the ``wanted`` counts together as near to their goals as can be.

        Gives all counts, and what each equation costs the wanted ones.
        """
        from scipy.optimize import linprog

        worth, most = np.zeros(len(self.cells)), self.limits.copy()
        worth[wanted], most[wanted] = -1, goals[wanted]
        found = linprog(
            worth,
            A_eq=self.equations,
            b_eq=self.right,
            bounds=np.column_stack([np.zeros(len(most)), most]),
            method="highs",
        )
        if found.x is None:
            raise ArithmeticError(f"no counts add up to those shown: {found.message}")
        return found.x, found.eqlin.marginals
