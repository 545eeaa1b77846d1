"""The top of a log-likelihood: several starts, BFGS, then Newton until the gradient is nothing.

Parameters are positive and are climbed in their logarithms. What comes out says how sharp the
top is, and whether it is one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from crmlib import i18n
from crmlib.curves.compress import Array

# log-parameters -> (mean log-likelihood a customer, its gradient)
Objective: TypeAlias = Callable[[Array], tuple[float, Array]]

FLAT_GRADIENT = 1e-9
_WELL_BELOW = 1e-2  # rounding must not decide
_STEP = 1e-4  # of log-parameters, for the central difference of the gradient
_NEWTON_STEPS = 40
_BFGS_STEPS = 200
_CLIMBED = 2  # how many of the starts are climbed: the best ones
_EDGE = math.log(1e4)  # a parameter 10,000 times its natural size, or a 10,000th of it
_BOUND = math.log(1e6)
_VAGUE = 2.0  # standard error of a logarithm: 95 % of a factor 50 either way
_SAME_TOP = 1e-7  # in mean log-likelihood
_SAME_PLACE = 0.3  # in log-parameters
_COARSE = 1e-3  # gradient at which a second start is seen to go to the same place


@dataclass(frozen=True, slots=True)
class Caution:
    """What a reader of a fit must know; ``fields`` fill the sentence's braces."""

    code: str
    message: str
    parameters: tuple[str, ...] = ()

    def text(self, lang: str) -> str:
        """Say it in a language."""
        return i18n.text(self.message, lang, parameters=", ".join(self.parameters))

    def __str__(self) -> str:
        """Say it in English."""
        return self.text(i18n.DEFAULT_LANGUAGE)


BOUNDARY = i18n.mark(
    "The fit runs to the edge ({parameters}): customers differ less than the model supposes, or "
    "do not leave. Do not read its parameters."
)
NOT_A_TOP = i18n.mark("The search did not end on a maximum ({parameters}).")
VAGUE = i18n.mark("The data hardly determine {parameters}.")
SEVERAL = i18n.mark("The likelihood has several maxima; the highest was taken ({parameters}).")


@dataclass(frozen=True, slots=True, eq=False)
class Optimum:
    """Where the likelihood is highest.

    Attributes
    ----------
    theta
        Logarithms of the parameters, shape (k,).
    value
        Mean log-likelihood a customer.
    gradient
        Largest absolute entry of the gradient in ``theta``.
    hessian
        Of the mean log-likelihood in ``theta``, shape (k, k).
    covariance
        Of ``theta``: inverse of the observed information; nan where the top is none.
    condition
        Of the Hessian; infinite where it is not negative definite.
    converged
        A maximum inside the parameter space with a gradient below 1e-9.
    warnings
        What to know before the parameters are read.
    """

    theta: Array
    value: float
    gradient: float
    hessian: Array
    covariance: Array
    condition: float
    converged: bool
    warnings: tuple[Caution, ...]


def climb(
    objective: Objective,
    starts: Sequence[Array],
    *,
    names: Sequence[str],
    scale: Array,
    customers: float,
    rough: Objective | None = None,
) -> Optimum:
    """Find the highest point.

    Parameters
    ----------
    objective
        Mean log-likelihood and its gradient at the logarithms of the parameters.
    starts
        Logarithms of parameters; all are tried, the two best are climbed.
    names
        Of the parameters, in order.
    scale
        Natural sizes of the parameters (1 for a shape, the mean age for a time).
    customers
        How many customers the mean is over.
    rough
        The likelihood of some of the rows, to come near with.
    """
    centre = np.log(scale)
    low, high = centre - _BOUND, centre + _BOUND
    inside = [np.clip(s, low, high) for s in starts]
    near = rough or objective
    first, *rest = sorted(inside, key=lambda s: -_value(near, s))[:_CLIMBED]
    top, others = _ascend(near, first, low, high), []
    for start in rest:
        other = _ascend(near, start, low, high, close=_COARSE)
        if np.abs(other - top).max() < _SAME_PLACE:
            continue
        other = _ascend(near, other, low, high)
        if _value(near, other) > _value(near, top) + _SAME_TOP:
            top, other = other, top
        others.append(other)
    if near is not objective:
        top = _ascend(objective, top, low, high)
    theta, value, gradient, hessian = _newton(objective, top, low, high)
    # Another place is a maximum of its own only where Newton ends on it too.
    ends = [_newton(objective, other, low, high)[:3] for other in others]
    several = any(
        height < value - _SAME_TOP and np.abs(slope).max() < FLAT_GRADIENT
        for _, height, slope in ends
    )
    return _judge(theta, value, gradient, hessian, names, centre, customers, several=several)


def _value(objective: Objective, theta: Array) -> float:
    value = objective(theta)[0]
    return value if math.isfinite(value) else -math.inf


def _ascend(
    objective: Objective, theta: Array, low: Array, high: Array, *, close: float = 1e-6
) -> Array:
    """Climb by BFGS with backtracking until the gradient is as ``close`` to 0.

    Written out because the vectors have four entries: scipy's L-BFGS calls threaded LAPACK at
    each step, which costs 20 evaluations of the likelihood when the cores are busy.
    """
    value, gradient = objective(theta)
    fresh = inverse = np.eye(len(theta))
    for _ in range(_BFGS_STEPS):
        if np.abs(gradient).max() < close:
            break
        step = inverse @ gradient
        if step @ gradient <= 0:
            step, inverse = gradient, fresh
        step = step * min(1.0, 1.0 / np.abs(step).max())  # no further than a factor e
        there, new, slope = _backtrack(objective, theta, value, gradient, step, low, high)
        moved, change = there - theta, gradient - slope
        bend = float(moved @ change)
        if not new > value:
            if inverse is fresh:
                break
            inverse = fresh  # the curvature was misread: begin again from here
            continue
        if bend > 1e-14:
            if inverse is fresh:
                inverse = fresh * (bend / float(change @ change))
            across = np.eye(len(theta)) - np.outer(moved, change) / bend
            inverse = across @ inverse @ across.T + np.outer(moved, moved) / bend
        theta, value, gradient = there, new, slope
    return theta


def _backtrack(
    objective: Objective,
    theta: Array,
    value: float,
    gradient: Array,
    step: Array,
    low: Array,
    high: Array,
) -> tuple[Array, float, Array]:
    """Halve a step until it climbs enough (Armijo); stay where none does."""
    for _ in range(30):
        there = np.clip(theta + step, low, high)
        new, slope = objective(there)
        if math.isfinite(new) and new >= value + 1e-4 * float(gradient @ (there - theta)):
            return there, new, slope
        step = step / 2
    return theta, value, gradient


def hessian_of(objective: Objective, theta: Array) -> Array:
    """Differentiate the gradient by central differences; shape (k, k)."""
    columns = []
    for j in range(len(theta)):
        step = np.zeros_like(theta)
        step[j] = _STEP
        columns.append((objective(theta + step)[1] - objective(theta - step)[1]) / (2 * _STEP))
    whole = np.array(columns)
    return (whole + whole.T) / 2


def _newton(
    objective: Objective, theta: Array, low: Array, high: Array
) -> tuple[Array, float, Array, Array]:
    """Take Newton steps, halved until the gradient or the value gets better."""
    value, gradient = objective(theta)
    hessian, place = hessian_of(objective, theta), theta
    for _ in range(_NEWTON_STEPS):
        steepest = np.abs(gradient).max()
        if steepest < FLAT_GRADIENT * _WELL_BELOW:
            break
        curve, axes = np.linalg.eigh(hessian)
        # Uphill also where the surface bends upwards or not at all.
        step = axes @ ((axes.T @ gradient) / np.maximum(np.abs(curve), 1e-10))
        step *= min(1.0, 2.0 / np.abs(step).max())
        better = next(_better(objective, theta, value, gradient, step, low, high), None)
        if better is None:
            break
        theta, value, gradient = better
        if np.abs(gradient).max() > steepest / 10:  # near the top one Hessian does for all steps
            hessian, place = hessian_of(objective, theta), theta
    if np.abs(theta - place).max() > _STEP:
        hessian = hessian_of(objective, theta)
    return theta, value, gradient, hessian


def _better(
    objective: Objective,
    theta: Array,
    value: float,
    gradient: Array,
    step: Array,
    low: Array,
    high: Array,
) -> Iterator[tuple[Array, float, Array]]:
    """Give shortened steps that climb, or that lower the gradient at the same height."""
    rounding = 1e-11 * abs(value)  # sums of large terms that cancel
    for _ in range(12):
        there = np.clip(theta + step, low, high)
        new, slope = objective(there)
        flatter = np.abs(slope).max() < np.abs(gradient).max()
        if new > value + rounding or (new >= value - rounding and flatter):
            yield there, new, slope
        step = step / 2


def _judge(
    theta: Array,
    value: float,
    gradient: Array,
    hessian: Array,
    names: Sequence[str],
    centre: Array,
    customers: float,
    *,
    several: bool,
) -> Optimum:
    cautions: list[Caution] = []
    curve = np.linalg.eigvalsh(-hessian)
    top = bool(curve.min() > 0)
    covariance = np.full_like(hessian, np.nan)
    if top:
        covariance = np.asarray(np.linalg.inv(-hessian) / customers, dtype=float)
    steepest = float(np.abs(gradient).max())

    edge = tuple(n for n, t in zip(names, np.abs(theta - centre), strict=True) if t > _EDGE)
    if edge:
        cautions.append(Caution("boundary", BOUNDARY, edge))
    elif not top or steepest >= FLAT_GRADIENT:
        cautions.append(Caution("not_a_maximum", NOT_A_TOP, tuple(names)))
    if top:
        errors = np.sqrt(np.diag(covariance))
        vague = tuple(n for n, e in zip(names, errors, strict=True) if e > _VAGUE)
        if vague and not edge:
            cautions.append(Caution("flat", VAGUE, vague))
    if several:
        cautions.append(Caution("several_maxima", SEVERAL, tuple(names)))
    return Optimum(
        theta=theta,
        value=value,
        gradient=steepest,
        hessian=hessian,
        covariance=covariance,
        condition=float(curve.max() / curve.min()) if top else math.inf,
        converged=top and not edge and steepest < FLAT_GRADIENT,
        warnings=tuple(cautions),
    )


def profile(
    objective: Objective, optimum: Optimum, j: int, *, customers: float, level: float
) -> tuple[float, float]:
    """Give the profile-likelihood interval of parameter ``j`` (not of its logarithm).

    Its ends are where twice the fall of the log-likelihood, the other parameters climbed anew,
    is the chi-square quantile with one degree of freedom (Venzon and Moolgavkar 1988, Applied
    Statistics 37(1), section 2). An end that is farther than a factor of 10,000 away is given as
    0 or infinity.
    """
    from scipy.optimize import brentq
    from scipy.special import chdtri

    allowed = float(chdtri(1, 1 - level)) / (2 * customers)
    free = [i for i in range(len(optimum.theta)) if i != j]

    def fall(at: float) -> float:
        return optimum.value - _inner(objective, optimum.theta, j, at, free) - allowed

    middle = float(optimum.theta[j])
    spread = math.sqrt(optimum.covariance[j, j])
    ends = []
    for sign in (-1, 1):
        inner, width = middle, spread if math.isfinite(spread) else 0.5
        outer = middle + sign * width
        while fall(outer) < 0 and abs(outer - middle) < _EDGE:
            inner, outer = outer, middle + sign * abs(outer - middle) * 2
        if fall(outer) < 0:
            ends.append(0.0 if sign < 0 else math.inf)
        else:
            ends.append(math.exp(float(brentq(fall, inner, outer, xtol=1e-9))))
    return ends[0], ends[1]


def _inner(objective: Objective, theta: Array, j: int, at: float, free: list[int]) -> float:
    """Climb all parameters but one."""

    def others(rest: Array) -> tuple[float, Array]:
        whole = theta.copy()
        whole[j], whole[free] = at, rest
        value, gradient = objective(whole)
        return value, gradient[free]

    start = theta[free]
    found = _ascend(others, start, start - _BOUND, start + _BOUND, close=1e-8)
    return others(found)[0]
