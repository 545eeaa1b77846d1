"""sBG: how long customers under contract stay, each with a chance of leaving of her own.

Fader and Hardie (2007), How to project customer retention, Journal of Interactive Marketing
21(1), 76-90. A notebook witness: the product's shops have no contracts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crmlib.curves import optimum
from crmlib.curves.compress import Array
from crmlib.curves.optimum import Caution
from crmlib.curves.parameters import Parameters


@dataclass(frozen=True, slots=True)
class ShiftedBetaGeometric(Parameters):
    """The model with its parameters ``alpha`` and ``beta`` of the beta distribution."""

    alpha: float
    beta: float

    def survival(self, t: npt.ArrayLike) -> Array:
        """Give S(t) = B(alpha, beta + t) / B(alpha, beta), the share still there after t periods.

        Equation 6 of the paper.
        """
        from scipy.special import betaln

        log = betaln(self.alpha, self.beta + np.asarray(t, dtype=float))
        return np.asarray(np.exp(log - betaln(self.alpha, self.beta)))

    def retention(self, t: npt.ArrayLike) -> Array:
        """Give r(t) = (beta + t - 1) / (alpha + beta + t - 1), of those there at t - 1.

        Equation 8: it rises with t, since those who leave easily leave first.
        """
        t = np.asarray(t, dtype=float)
        return np.asarray((self.beta + t - 1) / (self.alpha + self.beta + t - 1))

    def likelihood(self, lost: Array, left: float) -> tuple[float, Array]:
        """Give the mean log-likelihood a customer (equation B3) and its gradient in theta.

        Parameters
        ----------
        lost
            Customers who left in period 1, 2, ...
        left
            Customers who were still there after the last of these periods.
        """
        from scipy.special import digamma, gammaln

        alpha, beta = self.alpha, self.beta
        t = np.arange(1.0, len(lost) + 1)
        n, last = lost.sum() + left, len(lost)
        together = gammaln(alpha + beta) - gammaln(beta)
        goes = np.log(alpha) + gammaln(beta + t - 1) - gammaln(alpha + beta + t) + together
        stays = gammaln(beta + last) - gammaln(alpha + beta + last) + together
        both, own = digamma(alpha + beta), digamma(alpha + beta) - digamma(beta)
        by_alpha = lost @ (1 / alpha - digamma(alpha + beta + t) + both)
        by_alpha += left * (both - digamma(alpha + beta + last))
        by_beta = lost @ (digamma(beta + t - 1) - digamma(alpha + beta + t) + own)
        by_beta += left * (digamma(beta + last) - digamma(alpha + beta + last) + own)
        gradient = np.array([alpha * by_alpha, beta * by_beta]) / n
        return float(lost @ goes + left * stays) / n, gradient


@dataclass(frozen=True, slots=True, eq=False)
class SbgFit:
    """A fitted model; the fields as of :class:`crmlib.curves.btyd.BtydFit`."""

    params: ShiftedBetaGeometric
    standard_errors: dict[str, float]
    loglik: float
    customers: float
    converged: bool
    warnings: tuple[Caution, ...]


def fit(survival: Sequence[float] | Array, *, n: float) -> SbgFit:
    """Fit the model by maximum likelihood.

    Parameters
    ----------
    survival
        Shares still there after 0, 1, 2, ... periods; the first is 1 and none is above the one
        before.
    n
        How many customers began.
    """
    shares = np.asarray(survival, dtype=float)
    if len(shares) < 3 or shares[0] != 1 or (np.diff(shares) > 0).any() or shares[-1] < 0:
        raise ValueError("survival must begin at 1 and fall over at least two periods")
    if not n > 0:
        raise ValueError(f"n must be positive, got {n}")
    lost, left = -np.diff(shares) * n, float(shares[-1] * n)
    top = optimum.climb(
        lambda theta: ShiftedBetaGeometric.of(theta).likelihood(lost, left),
        [np.log(np.array(s)) for s in ((1.0, 1.0), (0.5, 3.0), (3.0, 10.0))],
        names=ShiftedBetaGeometric.names(),
        scale=np.ones(2),
        customers=n,
    )
    errors = np.exp(top.theta) * np.sqrt(np.diag(top.covariance))
    return SbgFit(
        params=ShiftedBetaGeometric.of(top.theta),
        standard_errors=dict(zip(ShiftedBetaGeometric.names(), map(float, errors), strict=True)),
        loglik=top.value * n,
        customers=n,
        converged=top.converged,
        warnings=top.warnings,
    )
