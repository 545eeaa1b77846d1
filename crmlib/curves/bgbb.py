"""BG/BB: buy or not at each of n occasions, and leave between them.

Fader, Hardie and Shang (2010), Customer-base analysis in a discrete-time noncontractual setting,
Marketing Science 29(6), 1086-1108. A notebook witness: shops have no fixed occasions.

Buying at an occasion: chance p, beta with alpha and beta; leaving before one: chance theta, beta
with gamma and delta.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from crmlib import i18n
from crmlib.curves import optimum
from crmlib.curves.compress import Array, checked, compress
from crmlib.curves.optimum import Caution
from crmlib.curves.parameters import Parameters
from crmlib.errors import TooFewCustomersError

_COLUMNS = ("frequency", "recency", "n_periods")


@dataclass(frozen=True, slots=True)
class BgBb(Parameters):
    """The model with its parameters; x, t_x and n are counts of occasions, shape (rows,)."""

    alpha: float
    beta: float
    gamma: float
    delta: float

    def likelihood(
        self, x: Array, t_x: Array, n: Array, share: Array | None = None
    ) -> tuple[Array, Array]:
        """Give each row's log-likelihood (equation 5), and the gradient of their mean in theta.

        Terms are i = 0 .. n - t_x: the last is being alive at n, the others are having left
        after t_x + i. Matrices are (rows, terms).
        """
        from scipy.special import betaln, digamma, logsumexp

        a, b, g, d = self.alpha, self.beta, self.gamma, self.delta
        x, t_x, n = (np.asarray(c, dtype=float)[:, None] for c in (x, t_x, n))
        i = np.arange(float((n - t_x).max()) + 1)
        seen = t_x + i
        alive, beyond = seen == n, seen > n
        misses = np.where(beyond, 0.0, seen - x)
        went = np.where(alive, 0.0, 1.0)
        survived = np.where(beyond, 0.0, seen)
        log = betaln(a + x, b + misses) - betaln(a, b)
        log = log + betaln(g + went, d + survived) - betaln(g, d)
        log = np.where(beyond, -np.inf, log)
        each = logsumexp(log, axis=1)

        if share is None:
            share = np.full(len(each), 1 / len(each))
        mass = np.exp(log - each[:, None]) * share[:, None]
        bought, stayed = digamma(a + x + b + misses), digamma(g + went + d + survived)
        slopes = [
            a * (digamma(a + x) - bought - digamma(a) + digamma(a + b)),
            b * (digamma(b + misses) - bought - digamma(b) + digamma(a + b)),
            g * (digamma(g + went) - stayed - digamma(g) + digamma(g + d)),
            d * (digamma(d + survived) - stayed - digamma(d) + digamma(g + d)),
        ]
        return each, np.array([float((mass * s).sum()) for s in slopes])

    def p_alive(self, *, x: Array, t_x: Array, n: Array, ahead: int = 1) -> Array:
        """Give P(alive at occasion n + ahead | x, t_x, n), equation 11 for ``ahead=1``."""
        return np.asarray(np.exp(self._alive(x, n, ahead) - self.likelihood(x, t_x, n)[0]))

    def expected_purchases(self, periods: int, *, x: Array, t_x: Array, n: Array) -> Array:
        """Give E[X(n, n + periods) | x, t_x, n], equation 13, summed over the occasions."""
        mean = (self.alpha + x) / (self.alpha + self.beta + n)
        whole = self.likelihood(x, t_x, n)[0]
        alive = sum(np.exp(self._alive(x, n, j) - whole) for j in range(1, periods + 1))
        return np.asarray(mean * alive)

    def _alive(self, x: Array, n: Array, ahead: int) -> Array:
        """Give the log-probability of the history and of being alive at n + ahead."""
        from scipy.special import betaln

        bought = betaln(self.alpha + x, self.beta + n - x) - betaln(self.alpha, self.beta)
        stayed = betaln(self.gamma, self.delta + n + ahead) - betaln(self.gamma, self.delta)
        return np.asarray(bought + stayed)

    def probability(self, x: int, n: int) -> float:
        """Give P(X(n) = x) of a new customer, equation 7."""
        from scipy.special import betaln, gammaln

        i = np.arange(float(x), n + 1)  # occasions lived through; the last term is all n
        went = (i < n).astype(float)
        ways = gammaln(i + 1) - gammaln(x + 1.0) - gammaln(i - x + 1)
        log = ways + betaln(self.alpha + x, self.beta + i - x) - betaln(self.alpha, self.beta)
        log = log + betaln(self.gamma + went, self.delta + i) - betaln(self.gamma, self.delta)
        return float(np.exp(log).sum())


@dataclass(frozen=True, slots=True, eq=False)
class BgBbFit:
    """A fitted model; the fields as of :class:`crmlib.curves.btyd.BtydFit`."""

    params: BgBb
    standard_errors: dict[str, float]
    loglik: float
    customers: int
    converged: bool
    warnings: tuple[Caution, ...] = field(default=())


def fit(summary: pl.DataFrame | pl.LazyFrame) -> BgBbFit:
    """Fit the model by maximum likelihood.

    Parameters
    ----------
    summary
        ``frequency`` (occasions with a purchase), ``recency`` (the last of them, 0 if none),
        ``n_periods`` (occasions there were), one row a customer, or with a ``count``.
    """
    frame = checked(summary, _COLUMNS)
    if frame.is_empty() or not (frame["frequency"] > 0).any():
        raise TooFewCustomersError(i18n.mark("nobody bought at any occasion: nothing to fit"))
    unique = compress(frame, _COLUMNS)
    x, t_x, n, weight = (unique[c].to_numpy() for c in (*_COLUMNS, "weight"))
    customers = float(weight.sum())
    share = weight / customers

    def objective(theta: Array) -> tuple[float, Array]:
        each, gradient = BgBb.of(theta).likelihood(x, t_x, n, share)
        return float(share @ each), gradient

    starts = ((1.0, 1.0, 0.5, 2.0), (0.5, 2.0, 0.5, 5.0), (2.0, 1.0, 1.0, 10.0))
    top = optimum.climb(
        objective,
        [np.log(np.array(s)) for s in starts],
        names=BgBb.names(),
        scale=np.ones(4),
        customers=customers,
    )
    errors = np.exp(top.theta) * np.sqrt(np.diag(top.covariance))
    return BgBbFit(
        params=BgBb.of(top.theta),
        standard_errors=dict(zip(BgBb.names(), map(float, errors), strict=True)),
        loglik=top.value * customers,
        customers=int(customers),
        converged=top.converged,
        warnings=top.warnings,
    )
