"""Measures: an outcome beside what was known before, and how both become whole numbers."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10

import narwhals as nw
import polars as pl

from crmlib.marts.money import nearest
from crmlib.marts.responses import COUNTS, MONEYS, OUTCOMES, PRE

# Amounts beyond this share of those who spent anything are cut to it in the winsorised sums.
WINSOR = 0.99
# Whole numbers up to this: their squares, of 10 billion customers, still fit.
_DIGITS = 13


@dataclass(frozen=True, slots=True)
class Measure:
    """An outcome beside what was known before, and how both are counted.

    Attributes
    ----------
    outcome, pre
        Names; ``pre`` is empty where nothing was known.
    scale_y, scale_x
        Whole numbers in one unit.
    centre_y, centre_x, cap_y, cap_x
        In whole numbers: about the mean, and the most that counts in winsorised sums.
    """

    outcome: str
    pre: str
    scale_y: float
    scale_x: float
    centre_y: int
    centre_x: int
    cap_y: int
    cap_x: int


def own_measures(responses: pl.DataFrame) -> list[Measure]:
    """Give the measures of a campaign from its responses."""
    scale = dict.fromkeys(COUNTS, 1.0) | dict.fromkeys(MONEYS, 10_000.0)
    return [
        _measure(responses[o], responses[f"pre_{PRE[o]}"], o, PRE[o], scale[o], scale[PRE[o]])
        for o in OUTCOMES
    ]


def read_measures(experiment: pl.DataFrame) -> list[Measure]:
    """Give the measures of an experiment that was read with its outcomes: each beside each pre."""
    outcomes = [c for c in experiment.columns if c.startswith("outcome_")]
    before = [c for c in experiment.columns if c.startswith("pre_")]
    nothing = pl.Series([0.0] * experiment.height, dtype=pl.Float64)
    known = {c.removeprefix("pre_"): experiment[c] for c in before} or {"": nothing}
    return [
        _measure(experiment[o], x, o.removeprefix("outcome_"), p, _scale(experiment[o]), _scale(x))
        for o in outcomes
        for p, x in known.items()
    ]


def _scale(values: pl.Series) -> float:
    """Tell how many whole numbers a unit is, so that the largest value has 13 digits."""
    most = values.abs().max()
    return 10.0 ** (_DIGITS - 1 - floor(log10(most))) if most else 1.0  # type: ignore[arg-type]


def _measure(
    y: pl.Series, x: pl.Series, outcome: str, pre: str, scale_y: float, scale_x: float
) -> Measure:
    whole_y, whole_x = _whole(y, scale_y), _whole(x, scale_x)
    return Measure(
        outcome, pre, scale_y, scale_x,
        _mean(whole_y), _mean(whole_x), _cap(whole_y), _cap(whole_x),
    )  # fmt: skip


def _whole(values: pl.Series, scale: float) -> pl.Series:
    frame = nw.from_native(pl.LazyFrame({"v": values}))
    found: pl.DataFrame = frame.select(v=nearest(nw.col("v") * scale)).to_native().collect()
    return found["v"].drop_nulls()


def _mean(values: pl.Series) -> int:
    return int(values.cast(pl.Int128).sum()) // len(values) if len(values) else 0


def _cap(values: pl.Series) -> int:
    """Give the largest of all but the last hundredth of the amounts that are not zero."""
    sizes = values.filter(values != 0).abs().sort()
    return int(sizes[ceil(WINSOR * len(sizes)) - 1]) if len(sizes) else 0
