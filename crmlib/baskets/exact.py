"""Thresholds without rounding: a share is an exact fraction, and counts are compared as integers.

In floats ``0.07 * 100`` is a little over 7, and ``(8 / n) / (10 / n)`` may fall below ``0.8``: at
support .001 of the Groceries data four rules in a hundred are lost that way.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from fractions import Fraction
from math import ceil
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Share: TypeAlias = Decimal | Fraction | str | float
Ints: TypeAlias = NDArray[np.int64]

_SAFE = 2**62


def share(value: Share, name: str) -> Fraction:
    """Read a share as the decimal that was written: ``0.07`` is seven hundredths.

    Raises
    ------
    ValueError
        If it is no number, or does not lie above 0 and at most at 1.
    """
    try:
        # A float is taken for the shortest decimal that gives it, which is what was typed.
        exact = value if isinstance(value, Fraction) else Fraction(Decimal(str(value)))
    except (InvalidOperation, ValueError, OverflowError):
        raise ValueError(f"{name} must be a number, got {value!r}") from None
    if not 0 < exact <= 1:
        raise ValueError(f"{name} must lie above 0 and at most at 1, got {value}")
    return exact


def min_count(support: Fraction, baskets: int) -> int:
    """Give the smallest count that reaches a support: rounded up, and at least 1."""
    return max(1, ceil(support * baskets))


def reaches(count: Ints, base: Ints, least: Fraction) -> NDArray[np.bool_]:
    """Tell where ``count / base`` is at least ``least``: ``count x den >= num x base``."""
    top, bottom = least.numerator, least.denominator
    largest = int(base.max(initial=1))
    whole: Any = np.int64 if largest * max(top, bottom) < _SAFE else object
    found: NDArray[np.bool_] = count.astype(whole) * bottom >= base.astype(whole) * top
    return found.astype(bool)
