"""Looking before the end: what it costs, and the two ways to do it honestly.

The mixture test may be looked at as often as one likes; the group-sequential tables are for a
number of looks fixed before. Kernels work on the scale of z = difference / standard error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from statistics import NormalDist
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from crmlib.estimate import Interval

Floats: TypeAlias = NDArray[np.float64]
Shape: TypeAlias = Literal["obf", "pocock"]
_NORMAL = NormalDist()
_NODES = 160  # of Gauss-Legendre; the kernel is smooth and one look wide
_SEARCH = 60  # halvings: far below what doubles can tell
_REACH = 9.0  # standard errors beyond which nothing is left


# --- Mixture sequential probability ratio test ----------------------------------------------------


def mixture_p(difference: float, variance: float, scale: float) -> float:
    """Give the always-valid p of one look.

    Robbins (1970), Annals of Mathematical Statistics 41; Johari, Koomen, Pekelis, Walsh (2022),
    Operations Research 70: the likelihood ratio of a difference ~ N(0, scale^2) against none. It is
    a martingale in the information 1 / variance, so under no effect it ever reaches 1 / p with
    probability p at most, however many looks there are, whether information comes with
    customers or (read backwards) goes as amounts add up.

    Parameters
    ----------
    difference, variance
        At this look; the variance of the difference.
    scale
        The size of effect that is thought of, in the outcome's unit; the test is sharpest there.
    """
    if variance <= 0:
        return 1.0
    tau2 = scale * scale
    log_ratio = 0.5 * math.log(variance / (variance + tau2)) + difference**2 * tau2 / (
        2 * variance * (variance + tau2)
    )
    return min(1.0, math.exp(-log_ratio)) if log_ratio > -700 else 1.0


def mixture_interval(
    difference: float, variance: float, scale: float, level: float = 0.95
) -> Interval:
    """Give the interval that holds the effect at all looks at once: those not refused above."""
    tau2 = scale * scale
    half = math.sqrt(
        variance * (variance + tau2) / tau2
        * (2 * math.log(1 / (1 - level)) + math.log((variance + tau2) / variance))
    )  # fmt: skip
    return Interval(difference - half, difference + half, level)


# --- Group sequential -----------------------------------------------------------------------------


def crossing(boundaries: Sequence[float], information: Sequence[float] | None = None) -> float:
    """Give the chance that |z| ever reaches its boundary though there is no effect.

    The density of the sum at each look, given that no boundary was reached, is integrated look
    by look (Armitage, McPherson, Rowe 1969, JRSS A 132; Jennison, Turnbull 2000, chapter 19).

    Parameters
    ----------
    boundaries
        Of |z| at each look.
    information
        Share of the information at each look, rising; equal steps if not given.

    >>> round(crossing([1.959964] * 5), 4)
    0.1417
    """
    looks = len(boundaries)
    told = information or [(k + 1) / looks for k in range(looks)]
    if len(told) != looks or any(b <= a for a, b in zip([0.0, *told], told, strict=False)):
        raise ValueError("information must rise from above 0, one value a look")
    # S_k = z_k sqrt(t_k) is a sum of independent normal steps.
    limits = [b * math.sqrt(t) for b, t in zip(boundaries, told, strict=True)]
    steps = np.sqrt(np.diff([0.0, *told]))
    reached = 2 * _NORMAL.cdf(-boundaries[0])
    nodes, weights = _grid(min(limits[0], _REACH * steps[0]))
    density = _phi(nodes / steps[0]) / steps[0]
    for limit, step, total in zip(limits[1:], steps[1:], told[1:], strict=True):
        out = _upper((limit - nodes) / step) + _upper((limit + nodes) / step)
        reached += float(np.sum(weights * density * out))
        inner, inner_weights = _grid(min(limit, _REACH * math.sqrt(total)))
        kernel = _phi((inner[:, None] - nodes) / step) / step
        density = kernel @ (weights * density)
        nodes, weights = inner, inner_weights
    return reached


@cache
def _legendre() -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return nodes, weights


def _grid(limit: float) -> tuple[Floats, Floats]:
    nodes, weights = _legendre()
    return nodes * limit, weights * limit


def _phi(z: Floats) -> Floats:
    found: Floats = np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    return found


def _upper(z: Floats) -> Floats:
    from scipy.special import ndtr

    found: Floats = ndtr(-z)
    return found


def peeking(looks: int, level: float = 0.95) -> float:
    """Give how often a test that is looked at ``looks`` times finds an effect that is not there."""
    z = _NORMAL.inv_cdf(0.5 + level / 2)
    return crossing([z] * looks)


@cache
def boundaries(
    shape: Shape,
    looks: int,
    alpha: float = 0.05,
    information: tuple[float, ...] | None = None,
) -> tuple[float, ...]:
    """Give the boundaries of |z| at each look that keep all looks together at ``alpha``.

    Parameters
    ----------
    shape
        ``"obf"`` (O'Brien, Fleming 1979: high at first, near the usual one at the end) or
        ``"pocock"`` (Pocock 1977: the same at each look).
    looks, alpha
        Number of looks; two-sided error of all of them.
    information
        Share of the information at each look; equal steps if not given.

    >>> [round(b, 3) for b in boundaries("obf", 5)]
    [4.562, 3.226, 2.634, 2.281, 2.04]
    """
    if looks < 1:
        raise ValueError(f"looks must be at least 1, got {looks}")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, got {alpha}")
    constant = _bisect(
        lambda c: crossing(_shaped(shape, c, looks, information), information) - alpha
    )
    return tuple(_shaped(shape, constant, looks, information))


def repeated_p(
    z: float,
    look: int,
    shape: Shape,
    looks: int,
    information: tuple[float, ...] | None = None,
) -> float:
    """Give the p of one look: the error of all looks at which its boundary is just reached.

    Jennison, Turnbull (1989), JRSS B 51: repeated intervals. ``look`` counts from 1.
    """
    unit = _shaped(shape, 1.0, looks, information)[look - 1]
    return min(
        1.0, crossing(_shaped(shape, max(abs(z), 1e-6) / unit, looks, information), information)
    )


def _shaped(
    shape: Shape, constant: float, looks: int, information: tuple[float, ...] | None
) -> list[float]:
    told = information or tuple((k + 1) / looks for k in range(looks))
    if shape == "obf":
        return [constant * math.sqrt(told[-1] / t) for t in told]
    if shape == "pocock":
        return [constant] * looks
    raise ValueError(f"shape must be 'obf' or 'pocock', got {shape!r}")


def _bisect(falling: Callable[[float], float]) -> float:
    low, high = 0.5, 10.0
    for _ in range(_SEARCH):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return (low + high) / 2
