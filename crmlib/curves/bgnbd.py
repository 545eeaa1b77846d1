"""BG/NBD: buy at a rate of one's own, leave with some chance after each repeat purchase.

Fader, Hardie and Lee (2005), "Counting your customers" the easy way: an alternative to the
Pareto/NBD model, Marketing Science 24(2), 275-284.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import polars as pl

from crmlib.curves import btyd
from crmlib.curves.betageo import BetaGeo
from crmlib.curves.btyd import BtydFit, BtydSpec


@dataclass(frozen=True, slots=True)
class BgNbd(BetaGeo):
    """BG/NBD with its parameters.

    Examples
    --------
    The conditional expectation that the paper's authors print:

    >>> import numpy as np
    >>> cdnow = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)
    >>> one = {"x": np.array([2.0]), "t_x": np.array([30.43]), "T": np.array([38.86])}
    >>> cdnow.expected_purchases(39.0, **one).round(3)
    array([1.226])
    """

    at_first: ClassVar[int] = 0


def fit(summary: pl.DataFrame | pl.LazyFrame, spec: BtydSpec | None = None) -> BtydFit[BgNbd]:
    """Fit BG/NBD to ``frequency``, ``recency``, ``T`` (and ``count``); see :func:`btyd.fit`."""
    return btyd.fit(BgNbd, summary, spec or BtydSpec())
