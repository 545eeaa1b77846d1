"""Nothing small can be read off a cube, whatever is subtracted from whatever.

The witnesses are two attackers. One takes every line of a cube and subtracts what is shown from
its total. The other knows that all lines add up and that no count is negative, and asks a linear
program how small and how large each hidden count can be.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog

from crmlib.publish import suppress

K = 10
SHAPES = [(5,), (4, 3), (3, 4, 3), (6, 4, 3), (2, 2, 2)]  # members of each axis, without 'all'


def random_cube(
    seed: int, members: tuple[int, ...], customers: int
) -> tuple[suppress.Cube, dict[tuple[int, ...], list[float]]]:
    """Draw customers with uneven places and heavy-tailed amounts; gives each cell's amounts."""
    rng = np.random.default_rng(seed)
    places = [
        1 + rng.choice(m, customers, p=rng.dirichlet(np.full(m, 0.7))).astype(np.int64)
        for m in members
    ]
    amounts = rng.pareto(1.6, customers) * rng.choice([1, 1, 1, -1], customers)
    cells: dict[tuple[int, ...], list[float]] = {}
    for who in range(customers):
        mine = [(0, int(p[who])) for p in places]
        for cell in product(*mine):
            cells.setdefault(cell, []).append(abs(float(amounts[who])))
    return suppress.cube(places, amounts, [m + 1 for m in members]), cells


CASES = [
    pytest.param(seed, members, customers, id=f"{members} {customers} {seed}")
    for members in SHAPES
    for customers in (40, 150, 600)
    for seed in range(3)
]


def lines_of(shape: tuple[int, ...]) -> list[list[tuple[int, ...]]]:
    """List the lines, each with its total first."""
    found = []
    for axis, size in enumerate(shape):
        for rest in product(*(range(s) for a, s in enumerate(shape) if a != axis)):
            found.append([(*rest[:axis], place, *rest[axis:]) for place in range(size)])
    return found


@pytest.mark.parametrize(("seed", "members", "customers"), CASES)
def test_a_cube_counts_every_cell(seed: int, members: tuple[int, ...], customers: int) -> None:
    cube, cells = random_cube(seed, members, customers)
    for cell in np.ndindex(cube.counts.shape):
        mine = cells.get(cell, [])
        assert cube.counts[cell] == len(mine)
        assert cube.amounts[cell] == pytest.approx(sum(mine))
        assert cube.largest[cell] == max(mine, default=0)


@pytest.mark.parametrize(("seed", "members", "customers"), CASES)
def test_no_subtraction_along_a_line_gives_a_small_number(
    seed: int, members: tuple[int, ...], customers: int
) -> None:
    cube, cells = random_cube(seed, members, customers)
    hidden = suppress.hide(cube, K)
    for cell, mine in cells.items():
        if not hidden[cell]:
            assert len(mine) >= K
            assert max(mine) <= sum(mine) / 2
    for total, *rest in lines_of(cube.counts.shape):
        untold = [cell for cell in rest if hidden[cell]]
        if hidden[total]:  # else it would be the sum of its members
            assert untold or not cells.get(total)
            continue
        left = cube.counts[total] - sum(cube.counts[c] for c in rest if not hidden[c])
        assert left == 0 or left >= K
        assert len(untold) != 1
        amounts = [a for c in untold for a in cells.get(c, [])]
        assert not amounts or max(amounts) <= sum(amounts) / 2


class Attacker:
    """Knows the shown counts, the lines, and that no count is negative."""

    def __init__(self, counts: np.ndarray, hidden: np.ndarray) -> None:
        self.cells = [tuple(c) for c in np.argwhere(hidden)]
        number = {cell: i for i, cell in enumerate(self.cells)}
        known = [(line[1:], line[0]) for line in lines_of(counts.shape)]
        rows, right = [], []
        for members, total in known:
            row, value = np.zeros(len(self.cells)), 0.0
            for cell, sign in [(total, -1.0), *((c, 1.0) for c in members)]:
                if cell in number:
                    row[number[cell]] += sign
                else:
                    value -= sign * counts[cell]
            if row.any():
                rows.append(row)
                right.append(value)
        self.equations, self.right = np.array(rows), np.array(right)

    def range_of(self, cell: tuple[int, ...]) -> tuple[float, float]:
        """Say how small and how large a hidden count can be."""
        aim = np.zeros(len(self.cells))
        aim[self.cells.index(cell)] = 1
        given = {"A_eq": self.equations, "b_eq": self.right, "bounds": (0, None)}
        low, high = (linprog(sign * aim, **given, method="highs") for sign in (1, -1))
        return low.fun, np.inf if high.status == 3 else -high.fun


@pytest.mark.parametrize(("seed", "members", "customers"), CASES)
def test_all_shown_counts_together_leave_a_small_cell_open(
    seed: int, members: tuple[int, ...], customers: int
) -> None:
    """A hidden cell that counts fewer than ten could as well count ten, and is never known."""
    cube, _ = random_cube(seed, members, customers)
    hidden = suppress.hide(cube, K)
    if hidden.all():
        assert cube.sensitive(K).flat[0]
        return
    attacker = Attacker(cube.counts, hidden)
    for cell in attacker.cells:
        if cube.sensitive(K)[cell]:
            low, high = attacker.range_of(cell)
            assert low <= cube.counts[cell] + 1e-6
            assert high >= max(K, cube.counts[cell] + 1) - 1e-6, cell


def test_the_attackers_find_what_lines_alone_give_away() -> None:
    """Lines alone do not do: without the linear program this cube tells a small cell."""
    found = 0
    for seed in range(20):
        cube, _ = random_cube(seed, (4, 4, 3), 500)
        hidden = cube.sensitive(K).copy()
        suppress._close(cube, hidden, K)
        told = suppress.told_to_be_few(cube.counts, hidden, cube.sensitive(K), K)
        attacker = Attacker(cube.counts, hidden)
        for cell in (tuple(c) for c in np.argwhere(told)):
            assert attacker.range_of(cell)[1] < K
            found += 1
    assert found


def test_no_more_is_hidden_than_it_takes() -> None:
    """Hiding everything would pass the tests above."""
    skewed, _ = random_cube(1, (6, 4, 3), 5000)
    hidden = suppress.hide(skewed, K)
    assert hidden.sum() <= 2 * skewed.sensitive(K).sum()
    who = np.arange(6 * 4 * 3 * K)
    even = suppress.cube(
        [1 + who % 6, 1 + who // 6 % 4, 1 + who // 24 % 3], who * 0 + 1.0, [7, 5, 4]
    )
    assert (even.counts >= K).all()
    assert not suppress.hide(even, K).any()


def _line(*counts: int) -> suppress.Cube:
    one = np.repeat(np.arange(1, len(counts) + 1), counts)
    return suppress.cube([one], np.ones(len(one)), [len(counts) + 1])


@pytest.mark.parametrize(
    ("counts", "hidden"),
    [
        ((25, 15), ()),
        ((25, 15, 2), (2, 3)),  # the small one takes the smallest shown one along
        ((20, 4, 6), (2, 3)),  # two small ones of ten together hide each other
        ((20, 20, 4, 5), (1, 3, 4)),
        ((4, 3), (0, 1, 2)),
        ((20, 0), ()),
        ((0, 0), ()),
    ],
)
def test_which_members_of_a_line_are_hidden(
    counts: tuple[int, ...], hidden: tuple[int, ...]
) -> None:
    found = suppress.hide(_line(*counts), K)
    if 0 in hidden:
        assert found.all()
    else:
        assert tuple(np.flatnonzero(found)) == hidden


def test_what_is_hidden_for_another_reason_stays_hidden() -> None:
    cube = _line(30, 30, 30)
    also = np.array([False, True, False, False])
    assert list(np.flatnonzero(suppress.hide(cube, K, also=also))) == [1, 2]


@pytest.mark.parametrize(("largest", "hidden"), [(20.1, True), (19.9, False)])
def test_one_customer_with_over_half_of_the_amount_hides_the_cell(
    largest: float,
    hidden: bool,  # noqa: FBT001
) -> None:
    # The others bring 20 together: 20.1 is over half of all, 19.9 is not.
    amounts = np.array([largest] + [1.0] * 20 + [5.0] * 30 + [5.0] * 50)
    places = np.repeat([1, 2, 3], [21, 30, 50])
    found = suppress.hide(suppress.cube([places], amounts, [4]), K)
    assert list(found) == [False, hidden, hidden, False]


def test_what_hides_a_rich_customer_must_hide_him_well() -> None:
    """A small neighbour is not enough: he would still have over half of both."""
    amounts = np.array([1000.0] + [1.0] * 20 + [5.0] * 30 + [50.0] * 50)
    places = np.repeat([1, 2, 3], [21, 30, 50])
    assert list(suppress.hide(suppress.cube([places], amounts, [4]), K)[1:]) == [True] * 3


def test_a_sum_that_is_told_beside_the_cube_gives_nobody_away() -> None:
    """The first three cells' sum is told: 3 + 12 + 40 less the shown 40 would leave 15 of two."""
    cube = _line(3, 12, 40, 8, 50)
    plain = suppress.hide(cube, K)
    assert list(np.flatnonzero(plain)) == [1, 4]
    told = suppress.hide(cube, K, sums=[np.array([1, 2, 3])])
    assert cube.counts[[c for c in (1, 2, 3) if told[c]]].sum() >= K
    assert cube.counts[[c for c in (4, 5) if told[c]]].sum() >= K


@pytest.mark.parametrize("seed", range(4))
def test_a_second_layer_hides_what_counts_of_it_would_tell(seed: int) -> None:
    """Loss-makers are counted in the same cells: their numbers are hidden where small, too."""
    rng = np.random.default_rng(seed)
    places = [1 + rng.integers(0, m, 900) for m in (5, 4)]
    losing = rng.random(900) < 0.05
    everybody = suppress.cube(places, np.ones(900), [6, 5])
    losers = suppress.cube([p[losing] for p in places], np.ones(losing.sum()), [6, 5])
    first = suppress.hide(everybody, K)
    hidden = suppress.hide(losers, K, also=first, most=np.where(first, 900, everybody.counts))
    assert (hidden | ~first).all()
    assert hidden.any()
    assert not hidden.all()
    for total, *rest in lines_of(hidden.shape):
        if not hidden[total]:
            left = losers.counts[total] - sum(losers.counts[c] for c in rest if not hidden[c])
            assert left == 0 or left >= K


@pytest.mark.parametrize(
    ("customers", "apart"),
    [(2000, [True, True, True]), (90, [True, False, False]), (130, [True, True, False])],
)
def test_what_would_be_small_on_average_is_not_told_apart(
    customers: int, apart: list[bool]
) -> None:
    """4 x 3 cells of two dimensions, 4 x 3 x 2 of three; ten customers each are asked for."""
    who = np.arange(customers)
    places = [1 + who % 4, 1 + who // 4 % 3, 1 + who // 12 % 2]
    found = suppress.told_apart(suppress.cube(places, np.ones(customers), [5, 4, 3]).counts, K)
    assert [bool(found[cell]) for cell in ((1, 0, 0), (1, 1, 0), (1, 1, 1))] == apart
    assert found[0, 0, 0]
