"""The normal quantile of a level."""

from __future__ import annotations

from statistics import NormalDist


def z(level: float) -> float:
    """Give how many standard errors a two-sided interval of this level reaches: 1.96 for 0.95."""
    return NormalDist().inv_cdf(0.5 + level / 2)
