"""The kernel of BG/NBD and MBG/NBD: gamma rates of buying, beta chances of leaving.

Rate: gamma with shape r and rate alpha. After each purchase (MBG/NBD: also after the first ever)
the customer leaves with probability p, beta with a and b. With k = x chances to leave survived
(MBG/NBD: x + 1), the likelihood of (x, t_x, T) is, for both models,

    G(r+x) alpha^r / G(r) * G(a+b) G(b+k) / (G(b) G(a+b+k))
        * [ (alpha+T)^-(r+x) + (k > 0) a / (b+k-1) * (alpha+t_x)^-(r+x) ],

G the gamma function: Fader, Hardie and Lee (2005), Marketing Science 24(2), equation 6;
Batislam, Denizel and Filiztekin (2007), IJRM 24(3), equation 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from crmlib.curves.btyd import Btyd
from crmlib.curves.compress import Array, Rows, dot

_NEAR_POLE = 2e-3
_AROUND = 5e-3


@dataclass(frozen=True, slots=True)
class BetaGeo(Btyd):
    """Parameters: ``r``, ``alpha`` (a time), ``a``, ``b``."""

    r: float
    alpha: float
    a: float
    b: float

    at_first: ClassVar[int]  # chances to leave at the first purchase ever

    @classmethod
    def scale(cls, age: float) -> Array:
        """Give 1 for the shapes and the mean age for ``alpha``."""
        return np.array([1.0, age if age > 0 else 1.0, 1.0, 1.0])

    @classmethod
    def starts(cls) -> Sequence[Sequence[float]]:
        """Give few and many, early and late buyers, leaving often and seldom."""
        return [
            (0.3, 0.15, 0.8, 2.5),
            (1.0, 0.5, 0.8, 2.5),
            (0.3, 0.15, 0.5, 10.0),
            (1.5, 0.2, 0.5, 5.0),
            (0.5, 1.0, 1.0, 1.0),
            (5.0, 1.0, 0.3, 8.0),
        ]

    def log_likelihood(self, *, x: Array, t_x: Array, T: Array) -> Array:
        """Give each customer's log-likelihood: the formula above, as it stands."""
        from scipy.special import betaln, gammaln

        k = x + self.at_first
        shape = gammaln(self.r + x) - gammaln(self.r) + self.r * np.log(self.alpha)
        stays = betaln(self.a, self.b + k) - betaln(self.a, self.b)
        alive = -(self.r + x) * np.log(self.alpha + T)
        return np.asarray(shape + stays + alive + np.logaddexp(0.0, self._odds(x, t_x, T)))

    def _odds(self, x: Array, t_x: Array, T: Array) -> Array:
        """Give the log odds of having left after the last purchase; -inf before any chance to."""
        k = x + self.at_first
        survived = np.where(k > 0, self.b + k - 1, 1.0)
        silence = np.log(self.alpha + T) - np.log(self.alpha + t_x)
        return np.where(k > 0, np.log(self.a / survived) + (self.r + x) * silence, -np.inf)

    def mean_log_likelihood(self, rows: Rows) -> tuple[float, Array]:
        """Give the mean over customers, and its gradient in theta.

        What depends on one column is summed by its unique values first: gammas on unique x,
        logarithms on unique T and t_x. Only the odds of having left need every row.
        """
        from scipy.special import digamma, gammaln

        r, alpha, a, b = self.r, self.alpha, self.a, self.b
        xs, power = rows.x.values, r + rows.x.cells
        k = xs + self.at_first
        may_have_left = k > 0
        survived = np.where(may_have_left, b + k - 1, 1.0)
        log_T, log_t = np.log(alpha + rows.T.values), np.log(alpha + rows.t_x.values)

        lead = log_T[rows.T.at] - log_t[rows.t_x.at]
        gap = np.where(may_have_left, np.log(a / survived), -np.inf)[rows.x.at] + power * lead
        # log(1 + e^gap) and 1 / (1 + e^-gap) with one exponential, of what is not above 0.
        small = np.exp(-np.abs(gap))
        log_odds = np.maximum(gap, 0.0) + np.log1p(small)
        left = rows.weight * np.where(gap > 0, 1.0, small) / (1.0 + small)

        weight_x, power_T = rows.weight_x, r * rows.weight_age + rows.x_by_age
        left_x = rows.x.sums(left)
        per_T = rows.T.sums(left * power) - power_T
        per_t = rows.t_x.sums(left * power)
        n = rows.customers
        gammas = gammaln(r + xs) - gammaln(r) + gammaln(b + k) - gammaln(b)
        gammas += gammaln(a + b) - gammaln(a + b + k)
        mean = (
            r * np.log(alpha)
            + (dot(weight_x, gammas) - dot(power_T, log_T) + dot(rows.weight, log_odds)) / n
        )
        both = digamma(a + b) - digamma(a + b + k)
        gradient = np.array(
            [
                r * (n * np.log(alpha) + dot(weight_x, digamma(r + xs) - digamma(r)))
                + r * (dot(left, lead) - dot(rows.weight_age, log_T)),
                n * r
                + dot(per_T, alpha / (alpha + rows.T.values))
                - dot(per_t, alpha / (alpha + rows.t_x.values)),
                a * dot(weight_x, both) + left_x.sum(),
                b * dot(weight_x, both + digamma(b + k) - digamma(b))
                - b * dot(left_x, may_have_left / survived),
            ]
        )
        return float(mean), gradient / n

    def p_alive(self, *, x: Array, t_x: Array, T: Array) -> Array:
        """Give 1 / (1 + odds of having left after the last purchase).

        Fader, Hardie and Lee (2008), "Computing P(alive) using the BG/NBD model". A customer
        without a repeat purchase is alive for certain in BG/NBD: nobody leaves at the first.
        """
        from scipy.special import expit

        return np.asarray(expit(-self._odds(x, t_x, T)))

    def expected(self, horizon: npt.ArrayLike) -> Array:
        """Give E[X(t)] of a new customer: equation 9 of the paper, or its MBG/NBD twin.

        A customer who may leave at the first purchase survives it with probability b / (a + b).
        """
        t = np.asarray(horizon, dtype=float)
        nobody = np.zeros_like(t)
        alive = self.expected_alive(t, x=nobody, T=nobody)
        return alive * (self.b / (self.a + self.b) if self.at_first else 1.0)

    def expected_alive(self, horizon: npt.ArrayLike, *, x: Array, T: Array) -> Array:
        """Give the purchases in (T, T + horizon] of a customer who is alive at T.

        Equation 10 without P(alive). Euler's transformation of 2F1 takes the power (r + x) out
        of it: nothing overflows at x = 1000. At a = 1 and at a + b + k = 1 the formula is 0 / 0
        although the value is smooth in a: there it is interpolated from both sides.
        """
        t = np.asarray(horizon, dtype=float)
        k = x + self.at_first
        pole = np.abs(self.a + self.b + k - 1)
        if abs(self.a - 1) > _NEAR_POLE and not np.any(pole < _NEAR_POLE):
            return self._purchases(t, self.a, x, T)
        one, two, three = (
            (self._purchases(t, self.a + h, x, T) + self._purchases(t, self.a - h, x, T)) / 2
            for h in (_AROUND, 2 * _AROUND, 3 * _AROUND)
        )
        return (15 * one - 6 * two + three) / 10  # error of the sixth order in the distance

    def _purchases(self, t: Array, a: float, x: Array, T: Array) -> Array:
        from scipy.special import hyp2f1

        c = a + self.b + x + self.at_first - 1
        z = t / (self.alpha + T + t)
        lives_on = (1 - z) ** (a - 1) * hyp2f1(c - self.r - x, a - 1, c, z)
        return np.asarray(c / (a - 1) * (1 - lives_on))

    def probability_alive(self, k: int, horizon: float, *, x: Array, T: Array) -> Array:
        """Give P(k purchases in (T, T + horizon]) of a customer who is alive at T.

        Equation 8 of the paper with r + x, alpha + T, b + x in place of r, alpha, b; its sum of
        negative binomial terms is an incomplete beta function.
        """
        from scipy.special import betainc, betaln, gammaln

        r, b, age = self.r + x, self.b + x + self.at_first, self.alpha + T
        z = horizon / (age + horizon)
        log_count = (
            gammaln(r + k) - gammaln(r) - gammaln(k + 1.0) + r * np.log1p(-z) + k * np.log(z)
        )
        stays = np.exp(betaln(self.a, b + k) - betaln(self.a, b) + log_count)
        if k == 0:
            return np.asarray(stays)
        leaves = np.exp(betaln(self.a + 1, b + k - 1) - betaln(self.a, b)) * betainc(k, r, z)
        return np.asarray(stays + leaves)

    def draw(self, T: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Draw the histories (x, t_x) of new customers of age T."""
        T = np.asarray(T, dtype=float)
        n = len(T)
        rate = rng.gamma(self.r, 1 / self.alpha, n)
        leaves = rng.beta(self.a, self.b, n)
        x, t_x = np.zeros(n), np.zeros(n)
        there = rng.random(n) >= leaves if self.at_first else np.ones(n, dtype=bool)
        going = np.flatnonzero(there)
        while len(going):
            # A rate so small that its waiting time overflows buys nothing more.
            with np.errstate(divide="ignore", over="ignore"):
                came = t_x[going] + rng.standard_exponential(len(going)) / rate[going]
            going, came = going[came <= T[going]], came[came <= T[going]]
            x[going] += 1
            t_x[going] = came
            going = going[rng.random(len(going)) >= leaves[going]]
        return x, t_x

    def draw_alive(self, horizon: float, *, x: Array, T: Array, rng: np.random.Generator) -> Array:
        """Draw the purchases in (T, T + horizon]: a Poisson count, cut at the leaving one."""
        rate = rng.gamma(self.r + x, 1 / (self.alpha + T))
        leaves = rng.beta(self.a, self.b + x + self.at_first)
        last = np.floor(np.log(rng.random(len(x))) / np.log1p(-np.minimum(leaves, 1 - 1e-16))) + 1
        return np.minimum(rng.poisson(rate * horizon).astype(float), last)
