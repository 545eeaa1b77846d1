"""Pareto/NBD: buy at a rate of one's own, leave at any moment, seen or not.

Schmittlein, Morrison and Colombo (1987), Counting your customers: who are they and what will they
do next?, Management Science 33(1), 1-24; formulas as in Fader and Hardie (2005), "A note on
deriving the Pareto/NBD model and related expressions".

Rate: gamma with shape r and rate alpha; leaving: exponential, its rate gamma with s and beta.

The likelihood is usually written with two hypergeometric functions that cancel. They stand for

    integral from t_x to T of (alpha+y)^-(r+x) (beta+y)^-(s+1) dy

(the moment y of leaving), and Gauss-Legendre in log(y) computes that to rounding: nothing cancels
or overflows, and the gradient falls out of the same nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl

from crmlib.curves import btyd
from crmlib.curves.btyd import Btyd, BtydFit, BtydSpec
from crmlib.curves.compress import Array, Rows, dot

_BLOCK = 2048  # rows whose nodes stay in the processor's cache
_SPENT = 40.0  # exp(-40): where the integrand has fallen so far, the integral ends
# How many nodes give 12 digits, by the fall of the integrand's logarithm plus three times the
# range of log(y): from the error term for exponentials, and the distance pi of the singularity.
_NODES = ((3.0, 8), (8.0, 12), (15.0, 16), (40.0, 28), (np.inf, 64))


@dataclass(frozen=True, slots=True)
class _Left:
    """The integral over the moment y of leaving, and means under its integrand; each (n,)."""

    log: Array
    log_alpha: Array  # of log(alpha + y)
    log_beta: Array
    per_alpha: Array  # of 1 / (alpha + y)
    per_beta: Array


@dataclass(frozen=True, slots=True)
class ParetoNbd(Btyd):
    """Pareto/NBD with its parameters ``r``, ``alpha``, ``s``, ``beta`` (two of them times)."""

    r: float
    alpha: float
    s: float
    beta: float

    @classmethod
    def scale(cls, age: float) -> Array:
        """Give 1 for the shapes and the mean age for ``alpha`` and ``beta``."""
        time = age if age > 0 else 1.0
        return np.array([1.0, time, 1.0, time])

    @classmethod
    def starts(cls) -> Sequence[Sequence[float]]:
        """Give few and many buyers, leaving early and late."""
        return [
            (0.5, 0.3, 0.6, 0.4),
            (1.0, 0.5, 1.0, 0.5),
            (0.5, 0.3, 0.3, 1.5),
            (2.0, 0.5, 1.0, 3.0),
            (1.0, 0.2, 2.0, 1.0),
        ]

    def log_likelihood(self, *, x: Array, t_x: Array, T: Array) -> Array:
        """Give each customer's log-likelihood."""
        from scipy.special import gammaln

        constant = gammaln(self.r + x) - gammaln(self.r)
        constant += self.r * np.log(self.alpha) + self.s * np.log(self.beta)
        alive = self._alive(x, T)
        left = np.log(self.s) + self._left(x, t_x, T).log
        return np.asarray(constant + np.logaddexp(alive, left))

    def _alive(self, x: Array, T: Array) -> Array:
        return -(self.r + x) * np.log(self.alpha + T) - self.s * np.log(self.beta + T)

    def mean_log_likelihood(self, rows: Rows) -> tuple[float, Array]:
        """Give the mean over customers, and its gradient in theta."""
        from scipy.special import digamma, expit, gammaln

        r, alpha, s, beta = self.r, self.alpha, self.s, self.beta
        xs, x, weight, n = rows.x.values, rows.x.cells, rows.weight, rows.customers
        ages, at = rows.T.values, rows.T.at
        log_alpha, log_beta = np.log(alpha + ages)[at], np.log(beta + ages)[at]
        log_alive = -(r + x) * log_alpha - s * log_beta
        left = self._left(x, rows.t_x.cells, rows.T.cells)
        gap = np.log(s) + left.log - log_alive
        weight_x = rows.weight_x
        mean = (
            r * np.log(alpha)
            + s * np.log(beta)
            + (
                dot(weight_x, gammaln(r + xs) - gammaln(r))
                + dot(weight, log_alive + np.logaddexp(0.0, gap))
            )
            / n
        )

        gone = expit(gap)

        def over(alive: Array, leaving: Array) -> Array:
            return alive + gone * (leaving - alive)

        per_alpha, per_beta = (1 / (alpha + ages))[at], (1 / (beta + ages))[at]
        gradient = np.array(
            [
                r * (n * np.log(alpha) + dot(weight_x, digamma(r + xs) - digamma(r)))
                - r * dot(weight, over(log_alpha, left.log_alpha)),
                n * r - alpha * dot(weight * (r + x), over(per_alpha, left.per_alpha)),
                s * (n * np.log(beta) - dot(weight, over(log_beta, left.log_beta)))
                + dot(weight, gone),
                n * s - beta * dot(weight, over(s * per_beta, (s + 1) * left.per_beta)),
            ]
        )
        return float(mean), gradient / n

    def _left(self, x: Array, t_x: Array, T: Array) -> _Left:
        """Integrate over the moment of leaving, rows of one difficulty together."""
        alpha, beta = self.alpha, self.beta
        small = min(alpha, beta)
        # The integrand falls at least as each of its two powers alone.
        with np.errstate(over="ignore"):
            cut = np.minimum(
                (alpha + t_x) * np.expm1(_SPENT / (self.r + x)),
                (beta + t_x) * np.expm1(_SPENT / (self.s + 1)),
            )
        length = np.minimum(T - t_x, cut)
        span = np.log1p(length / (small + t_x))
        fall = (self.r + x) * np.log1p(length / (alpha + t_x))
        fall += (self.s + 1) * np.log1p(length / (beta + t_x))
        found = np.empty((5, len(x)))
        found[0] = -np.inf  # no silence: nobody can have left in it
        found[1:] = 0.0
        rest = length > 0
        for limit, nodes in _NODES:
            now = rest & (fall + 3 * span <= limit)
            places = np.flatnonzero(now)
            for i in range(0, len(places), _BLOCK):
                some = places[i : i + _BLOCK]
                found[:, some] = self._quadrature(x[some], t_x[some], span[some], nodes)
            rest &= ~now
        return _Left(*found)

    def _quadrature(self, x: Array, t_x: Array, span: Array, nodes: int) -> Array:
        """Give the five entries of :class:`_Left`; node matrices are (nodes, n)."""
        alpha, beta = self.alpha, self.beta
        small, large = min(alpha, beta), max(alpha, beta)
        place, weight = _legendre(nodes)
        log_small = np.log(small + t_x) + span * place  # the variable: log(small + y)
        near = np.exp(log_small)
        far = near + (large - small)
        log_large = np.log(far)
        first_alpha = alpha <= beta
        log_alpha, log_beta = (log_small, log_large) if first_alpha else (log_large, log_small)
        power = log_small - (self.r + x) * log_alpha - (self.s + 1) * log_beta
        top = power.max(axis=0)
        mass = weight * np.exp(power - top)
        total = mass.sum(axis=0)
        share = mass / total
        per_alpha, per_beta = (near, far) if first_alpha else (far, near)
        return np.stack(
            [
                np.log(total * span) + top,
                (share * log_alpha).sum(axis=0),
                (share * log_beta).sum(axis=0),
                (share / per_alpha).sum(axis=0),
                (share / per_beta).sum(axis=0),
            ]
        )

    def p_alive(self, *, x: Array, t_x: Array, T: Array) -> Array:
        """Give the alive part of the likelihood over the whole (equation 11 of the 1987 paper)."""
        from scipy.special import expit

        gap = np.log(self.s) + self._left(x, t_x, T).log - self._alive(x, T)
        return np.asarray(expit(-gap))

    def expected(self, horizon: npt.ArrayLike) -> Array:
        """Give E[X(t)] = r beta / (alpha (s-1)) (1 - (beta / (beta+t))^(s-1))."""
        return self._purchases(horizon, np.float64(0.0), np.float64(0.0))

    def expected_alive(self, horizon: float, *, x: Array, T: Array) -> Array:
        """Give the purchases in (T, T + horizon] of a customer who is alive at T."""
        return self._purchases(horizon, x, T)

    def _purchases(self, horizon: npt.ArrayLike, x: npt.ArrayLike, T: npt.ArrayLike) -> Array:
        from scipy.special import exprel

        x, T = np.asarray(x), np.asarray(T)
        life = np.log1p(np.asarray(horizon) / (self.beta + T))
        # exprel(u) = (exp(u) - 1) / u: s = 1 needs no case of its own.
        years = (self.beta + T) * life * exprel(-(self.s - 1) * life)
        return np.asarray((self.r + x) / (self.alpha + T) * years)

    def probability_alive(self, k: int, horizon: float, *, x: Array, T: Array) -> Array:
        """Give P(k purchases in (T, T + horizon]): a negative binomial, mixed over leaving."""
        from scipy.special import gammaln

        r, age, beta = self.r + x, self.alpha + T, self.beta + T

        def count(t: float) -> Array:
            z = t / (age + t)
            log = gammaln(r + k) - gammaln(r) - gammaln(k + 1.0)
            return np.asarray(np.exp(log + r * np.log1p(-z) + k * np.log(z)))

        total = count(horizon) * (beta / (beta + horizon)) ** self.s
        scale = min(self.alpha, self.beta)
        for t, weight in btyd.log_nodes(horizon, scale):
            total += weight * self.s * beta**self.s / (beta + t) ** (self.s + 1) * count(t)
        return total

    def draw(self, T: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Draw the histories (x, t_x) of new customers of age T."""
        T = np.asarray(T, dtype=float)
        rate = rng.gamma(self.r, 1 / self.alpha, len(T))
        until = np.minimum(T, self._life(self.beta + np.zeros(len(T)), rng))
        x = rng.poisson(rate * until).astype(float)
        # The last of x uniform moments.
        t_x = until * rng.random(len(T)) ** (1 / np.maximum(x, 1))
        return x, np.where(x > 0, t_x, 0.0)

    def draw_alive(self, horizon: float, *, x: Array, T: Array, rng: np.random.Generator) -> Array:
        """Draw the purchases in (T, T + horizon] of customers who are alive at T."""
        rate = rng.gamma(self.r + x, 1 / (self.alpha + T))
        return rng.poisson(rate * np.minimum(horizon, self._life(self.beta + T, rng))).astype(float)

    def _life(self, beta: Array, rng: np.random.Generator) -> Array:
        with np.errstate(divide="ignore", over="ignore"):
            return rng.standard_exponential(len(beta)) / rng.gamma(self.s, 1 / beta)


@cache
def _legendre(nodes: int) -> tuple[Array, Array]:
    """Give nodes and weights on (0, 1), as columns."""
    place, weight = np.polynomial.legendre.leggauss(nodes)
    return (place[:, None] + 1) / 2, weight[:, None] / 2


def fit(summary: pl.DataFrame | pl.LazyFrame, spec: BtydSpec | None = None) -> BtydFit[ParetoNbd]:
    """Fit Pareto/NBD to ``frequency``, ``recency``, ``T`` (``count``); see :func:`btyd.fit`."""
    return btyd.fit(ParetoNbd, summary, spec or BtydSpec())
