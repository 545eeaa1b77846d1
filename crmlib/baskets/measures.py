"""Measures of a rule, from whole numbers: baskets with both sides, with each side, and in all.

Products of counts are exact whole numbers; each measure is rounded once or twice, at its division.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from crmlib.baskets.exact import Ints

Floats: TypeAlias = NDArray[np.float64]

# Brin, Motwani, Ullman, Tsur (1997): lift, conviction. Piatetsky-Shapiro (1991): leverage.
NAMES = (
    "support",
    "confidence",
    "lift",
    "leverage",
    "conviction",
    "jaccard",
    "kulczynski",
    "zhang",
)


def measures(both: Ints, left: Ints, right: Ints, n: int) -> dict[str, Floats]:
    """Give all measures of rules.

    Parameters
    ----------
    both, left, right
        In how many baskets both sides are, and each side.
    n
        How many baskets there are.

    Returns
    -------
    By name: ``support`` both / n; ``confidence`` both / left; ``lift`` confidence over the
    right side's share; ``leverage`` support above that of chance; ``conviction`` how much
    rarer a failure is than by chance (infinite for a rule that never fails); ``jaccard`` both
    over either; ``kulczynski`` mean confidence of the two directions; ``zhang`` from -1 (never
    together) to 1 (never apart), 0 where one side is in every basket.
    """
    left_right, both_n = left * right, both * n
    above = both_n - left_right
    missing = left - both
    with np.errstate(divide="ignore", invalid="ignore"):
        conviction = left * (n - right) / (n * missing)
        widest = np.maximum(both * (n - left), left * (right - both))
        return {
            "support": both / n,
            "confidence": both / left,
            "lift": both_n / left_right,
            "leverage": above / n / n,
            "conviction": np.where(missing == 0, np.inf, conviction),
            "jaccard": both / (left + right - both),
            "kulczynski": (both / left + both / right) / 2,
            "zhang": np.where(widest == 0, 0.0, above / widest),
        }
