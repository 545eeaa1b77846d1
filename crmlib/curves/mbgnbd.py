"""MBG/NBD: as BG/NBD, but a customer may leave right after the first purchase too.

Batislam, Denizel and Filiztekin (2007), Empirical validation and comparison of models for
customer base analysis, International Journal of Research in Marketing 24(3), 201-209.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import polars as pl

from crmlib.curves import btyd
from crmlib.curves.betageo import BetaGeo
from crmlib.curves.btyd import BtydFit, BtydSpec


@dataclass(frozen=True, slots=True)
class MbgNbd(BetaGeo):
    """MBG/NBD with its parameters."""

    at_first: ClassVar[int] = 1


def fit(summary: pl.DataFrame | pl.LazyFrame, spec: BtydSpec | None = None) -> BtydFit[MbgNbd]:
    """Fit MBG/NBD to ``frequency``, ``recency``, ``T`` (and ``count``); see :func:`btyd.fit`."""
    return btyd.fit(MbgNbd, summary, spec or BtydSpec())
