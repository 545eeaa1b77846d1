"""Grouped regressions: the same estimates as from rows, from a few cells.

The cost does not depend on the number of customers.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
import polars as pl

from crmlib.campaigns.cells import moments
from crmlib.campaigns.effects import one_pre


@dataclass(frozen=True, slots=True)
class Term:
    """A coefficient with its standard error."""

    estimate: float
    error: float


def logistic(cells: pl.DataFrame, control: str) -> dict[str, Term]:
    """Fit log-odds of a rate on arm and segment (statsmodels, binomial GLM of counts).

    Parameters
    ----------
    cells
        Of one outcome that is 0 or 1.
    control
        Arm at which the others are compared.

    Returns
    -------
    By treated arm the log-odds ratio, adjusted for segment.
    """
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM

    own = one_pre(cells, "").with_columns(total=pl.col("y") + pl.col("n") * pl.col("centre_y"))
    by = own.group_by("arm", "segment").agg(pl.col("n", "total").sum()).sort("arm", "segment")
    arms = [a for a in by["arm"].unique().sort() if a != control]
    segments = by["segment"].unique().sort().to_list()[1:]
    design = np.column_stack(
        [np.ones(by.height)]
        + [(by["arm"] == a).cast(pl.Float64).to_numpy() for a in arms]
        + [(by["segment"] == s).cast(pl.Float64).to_numpy() for s in segments]
    )
    hits = by["total"].round().to_numpy()
    counts = np.column_stack([hits, by["n"].to_numpy() - hits])
    with warnings.catch_warnings():
        # As many cells as coefficients fit exactly: no separation, and no residual to divide by.
        warnings.simplefilter("ignore")
        fitted = GLM(counts, design, Binomial()).fit(tol=1e-12)
    places = range(1, len(arms) + 1)
    return {
        a: Term(float(fitted.params[i]), float(fitted.bse[i]))
        for i, a in zip(places, arms, strict=True)
    }


def linear(cells: pl.DataFrame, control: str) -> dict[str, Term]:
    """Fit the outcome on arm and what was known before, by ordinary least squares.

    Parameters
    ----------
    cells
        Of one outcome and one pre value.
    control
        Arm at which the others are compared.

    Returns
    -------
    By treated arm, and ``"pre"``, the coefficient and its usual (homoscedastic) standard error.
    The arms' coefficients are those of CUPED with a common slope (Frisch, Waugh, Lovell).
    """
    names = cells["arm"].unique().sort().to_list()
    arms = {a: moments(cells.filter(arm=a)) for a in names}
    within_xx = sum((m.n - 1) * m.pre_variance for m in arms.values())
    within_xy = sum((m.n - 1) * m.covariance for m in arms.values())
    within_yy = sum((m.n - 1) * m.variance for m in arms.values())
    slope = within_xy / within_xx if within_xx > 0 else 0.0
    free = sum(m.n for m in arms.values()) - len(arms) - (within_xx > 0)
    noise = (within_yy - slope * within_xy) / free
    zero, found = arms[control], {}
    for name, one in arms.items():
        if name == control:
            continue
        apart = one.pre_mean - zero.pre_mean
        shifted = apart**2 / within_xx if within_xx > 0 else 0.0
        error = math.sqrt(noise * (1 / one.n + 1 / zero.n + shifted))
        found[name] = Term(one.mean - zero.mean - slope * apart, error)
    if within_xx > 0:
        found["pre"] = Term(slope, math.sqrt(noise / within_xx))
    return found
