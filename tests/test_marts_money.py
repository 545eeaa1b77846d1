"""Money at constant prices: the same last digit on every engine, and the right one."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import floor

import narwhals as nw
import polars as pl
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from crmlib.ledger import engines
from crmlib.marts import money

UNIT = Decimal("0.0001")
UNITS = st.integers(-(10**18) + 1, 10**18 - 1) | st.integers(-(10**9), 10**9)
RATIOS = st.floats(0.001, 50, allow_nan=False)


def computed(folder, rows, expr):
    """Work an expression out on every engine; they must agree to the last digit."""
    frame = pl.DataFrame(
        {"v": [None if u is None else UNIT * u for u, _ in rows], "r": [r for _, r in rows]},
        schema={"v": pl.Decimal(18, 4), "r": pl.Float64},
    ).with_row_index("n")
    found = []
    for name in engines.ENGINES:
        with engines.opened(name, folder) as engine:
            out = engine.collect(engine.take(frame).select("n", x=expr).sort("n"))
            found.append(out["x"])
    assert found[0].dtype == found[1].dtype
    assert found[0].equals(found[1])
    return found[0].to_list()


@given(st.lists(st.tuples(UNITS, RATIOS), min_size=200, max_size=400))
@example([(0, 1.0), (1, 0.5), (-1, 0.5), (3, 0.5), (-3, 0.5), (199900, 1.0), (10**18 - 1, 1.0)])
@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate])
def test_real_money_is_the_same_on_every_engine(tmp_path_factory, rows):
    rows = [(u, r) for u, r in rows if abs(u * r) < 10**18 - 10**3]
    folder = tmp_path_factory.mktemp("money")
    found = computed(folder, rows, money.times(nw.col("v"), nw.col("r")))
    for value, (units, ratio) in zip(found, rows, strict=True):
        product = float(units) * ratio  # of 64-bit floats, the one inexact step
        size = floor(abs(product) + 0.5)
        assert value == UNIT * (-size if product < 0 else size)
        # The nearest 1/10,000 to the product as it would be without any float.
        off = abs(Fraction(value) * 10_000 - units * Fraction(ratio))
        assert off <= Fraction(1, 2) + abs(units * Fraction(ratio)) * Fraction(3, 2**52)


def test_halves_go_away_from_zero_and_a_refund_cancels_its_sale(tmp_path):
    rows = [(5, 0.5), (-5, 0.5), (15, 0.1), (1, 0.25), (-1, 0.25), (None, 1.0)]
    found = computed(tmp_path, rows, money.times(nw.col("v"), nw.col("r")))
    assert found == [*(UNIT * n for n in (3, -3, 2, 0, 0)), None]


@given(st.lists(UNITS, min_size=1, max_size=300))
@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate])
def test_money_goes_to_units_and_back(tmp_path_factory, units):
    folder = tmp_path_factory.mktemp("money")
    rows = [(u, 1.0) for u in units]
    assert computed(folder, rows, money.units(nw.col("v"))) == units
    there_and_back = money.money(money.units(nw.col("v")))
    assert computed(folder, rows, there_and_back) == [UNIT * u for u in units]
    assert computed(folder, rows, money.amount(nw.col("v"))) == [u / 10_000 for u in units]


def test_a_ratio_of_one_changes_nothing_up_to_what_floats_hold(tmp_path):
    units = [2**52 - 1, -(2**52) + 1, 123456789, 1, 0]
    found = computed(tmp_path, [(u, 1.0) for u in units], money.times(nw.col("v"), nw.col("r")))
    assert found == [UNIT * u for u in units]
