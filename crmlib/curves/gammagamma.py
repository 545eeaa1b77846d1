"""Gamma-Gamma: what a customer's purchase is worth on average, from few that were seen.

Fader and Hardie (2013), "The Gamma-Gamma model of monetary value" (brucehardie.com/notes/025).
A purchase is gamma with shape p and a rate of the customer's own, itself gamma with q and gamma.
It assumes that value and frequency are independent: the correlation is reported with the fit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import polars as pl

from crmlib import i18n
from crmlib.curves import optimum
from crmlib.curves.compress import Array, Column, checked, compress
from crmlib.curves.optimum import Caution
from crmlib.curves.parameters import Parameters
from crmlib.errors import TooFewCustomersError

_COLUMNS = ("frequency", "monetary")
NO_MEAN = i18n.mark("q is not above 1: spending has no mean, so nothing can be predicted.")
DEPENDENT = i18n.mark(
    "Value and frequency are correlated: the model assumes that they are not, and will err for "
    "frequent buyers."
)
_CORRELATED = 0.3  # Fader, Hardie and Lee (2005, JMR) accept 0.06 on CDNOW


@dataclass(frozen=True, slots=True)
class GammaGamma(Parameters):
    """Gamma-Gamma with its parameters ``p``, ``q`` and ``gamma`` (an amount of money)."""

    p: float
    q: float
    gamma: float

    @property
    def mean(self) -> float:
        """Give the population's mean, p gamma / (q - 1); infinite where q is not above 1."""
        return self.p * self.gamma / (self.q - 1) if self.q > 1 else math.inf

    def expected_spend(self, *, x: Array, m: Array) -> Array:
        """Give E[M | x, m] = p (gamma + m x) / (p x + q - 1), equation 5 of the note.

        A weighted mean of the customer's own mean m of x purchases and the population's.
        """
        if self.q <= 1:
            return np.full(len(x), np.nan)
        return self.p * (self.gamma + m * x) / (self.p * x + self.q - 1)

    def likelihood(self, x: Column, m: Array, weight: Array) -> tuple[Array, Array]:
        """Give each row's log-likelihood (equation 1a), and the gradient of their mean in theta."""
        from scipy.special import digamma, gammaln

        p, q, gamma = self.p, self.q, self.gamma
        xs, cells = x.values, x.cells
        spent = cells * m
        log_all, log_spent = np.log(gamma + spent), np.log(spent)
        constant = gammaln(p * xs + q) - gammaln(p * xs) - gammaln(q) + q * np.log(gamma)
        each = constant[x.at] + p * cells * log_spent - np.log(m) - (p * cells + q) * log_all
        share = weight / weight.sum()
        by_x = np.bincount(x.at, share, len(xs))
        gradient = np.array(
            [
                p
                * (
                    (by_x * xs) @ (digamma(p * xs + q) - digamma(p * xs))
                    + (share * cells) @ (log_spent - log_all)
                ),
                q * (by_x @ digamma(p * xs + q) - digamma(q) + np.log(gamma) - share @ log_all),
                q - gamma * (share @ ((p * cells + q) / (gamma + spent))),
            ]
        )
        return each, gradient


@dataclass(frozen=True, slots=True)
class GammaGammaSpec:
    """What was asked.

    Attributes
    ----------
    money
        Whether ``monetary`` is in prices of one month (``"real"``) or of the day.
    level
        Confidence level of intervals.
    min_customers
        Fewer customers with a positive mean of repeat purchases are refused.
    """

    money: Literal["real", "nominal"] = "real"
    level: float = 0.95
    min_customers: int = 10

    def __post_init__(self) -> None:
        if self.money not in ("real", "nominal"):
            raise ValueError(f"money must be 'real' or 'nominal', got {self.money!r}")
        if not 0 < self.level < 1:
            raise ValueError(f"level must lie between 0 and 1, got {self.level}")
        if self.min_customers < 2:
            raise ValueError(f"min_customers must be at least 2, got {self.min_customers}")


@dataclass(frozen=True, slots=True, eq=False)
class GammaGammaFit:
    """A fitted model of spending.

    Attributes
    ----------
    params, standard_errors, covariance, loglik, gradient, condition, converged, warnings, spec
        As of :class:`crmlib.curves.btyd.BtydFit`.
    customers
        How many were fitted: with a repeat purchase and a positive mean.
    without_repeat, without_value
        Customers left out: no repeat purchase; a mean of 0 or less.
    visits_not_positive
        Repeat visits with a value of 0 or less among all customers, if the summary counts them.
    correlation
        Of frequency and mean value among the fitted: the model assumes 0.
    """

    params: GammaGamma
    standard_errors: dict[str, float]
    covariance: Array
    loglik: float
    customers: int
    without_repeat: int
    without_value: int
    visits_not_positive: int | None
    correlation: float
    gradient: float
    condition: float
    converged: bool
    warnings: tuple[Caution, ...]
    spec: GammaGammaSpec = field(default_factory=GammaGammaSpec)

    def predict(self, summary: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
        """Add ``expected_spend``, the mean value of a customer's future purchases.

        A customer without a repeat purchase, or with a mean of 0 or less, gets the population's.
        """
        whole = summary.lazy().collect()
        frame, known = _spent(whole)
        x, m = (np.where(known, frame[c].to_numpy(), 0.0) for c in _COLUMNS)
        return whole.with_columns(expected_spend=pl.Series(self.params.expected_spend(x=x, m=m)))


def _spent(summary: pl.DataFrame | pl.LazyFrame) -> tuple[pl.DataFrame, Array]:
    """Check the summary; a customer without a repeat purchase needs no mean."""
    whole = summary.lazy().collect()
    if set(_COLUMNS) <= set(whole.columns):
        amount = pl.col("monetary").cast(pl.Float64)
        once = pl.col("frequency") == 0
        whole = whole.with_columns(monetary=pl.when(once).then(0.0).otherwise(amount))
    frame = checked(whole, _COLUMNS)
    if "not_positive" in whole.columns:
        frame = frame.with_columns(whole["not_positive"])
    known = (frame["frequency"] > 0) & (frame["monetary"] > 0)
    return frame, known.to_numpy()


def fit(summary: pl.DataFrame | pl.LazyFrame, spec: GammaGammaSpec | None = None) -> GammaGammaFit:
    """Fit the model by maximum likelihood.

    Parameters
    ----------
    summary
        ``frequency`` (repeat purchase days) and ``monetary`` (their mean value, the first
        purchase left out), one row a customer, or with a ``count``; ``not_positive`` visits are
        reported where the column is there.
    spec
        Which money, and what is asked.

    Raises
    ------
    ContractError
        If the summary lacks columns or its rows contradict themselves.
    TooFewCustomersError
        If too few customers have repeat purchases of a positive mean.
    """
    spec = spec or GammaGammaSpec()
    frame, known = _spent(summary)
    customers = (
        frame["count"] if "count" in frame.columns else pl.repeat(1.0, len(frame), eager=True)
    )
    once = float(customers.filter(frame["frequency"] == 0).sum())
    used = compress(frame.filter(pl.Series(known)), _COLUMNS)
    n = float(used["weight"].sum())
    if n < spec.min_customers:
        raise TooFewCustomersError(
            i18n.mark(
                "{customers} customers have repeat purchases of a positive value; a model of "
                "spending needs at least {needed}"
            ),
            customers=int(n),
            needed=spec.min_customers,
        )
    x, m, weight = Column.of(used["frequency"].to_numpy()), used["monetary"], used["weight"]
    amounts, weights = m.to_numpy(), weight.to_numpy()

    def objective(theta: Array) -> tuple[float, Array]:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            each, gradient = GammaGamma.of(theta).likelihood(x, amounts, weights)
        return float(weights @ each) / n, gradient

    scale = np.array([1.0, 1.0, float(weights @ amounts) / n])
    top = optimum.climb(
        objective,
        [np.log(np.array(start) * scale) for start in _STARTS],
        names=GammaGamma.names(),
        scale=scale,
        customers=n,
    )
    params = GammaGamma.of(top.theta)
    correlation = _correlation(x.cells, amounts, weights)
    warnings = top.warnings
    if params.q <= 1:
        warnings += (Caution("no_mean", NO_MEAN),)
    if abs(correlation) > _CORRELATED:
        warnings += (Caution("correlated", DEPENDENT),)
    errors = np.exp(top.theta) * np.sqrt(np.diag(top.covariance))
    not_positive = frame["not_positive"].sum() if "not_positive" in frame.columns else None
    return GammaGammaFit(
        params=params,
        standard_errors=dict(zip(GammaGamma.names(), map(float, errors), strict=True)),
        covariance=top.covariance,
        loglik=top.value * n,
        customers=int(n),
        without_repeat=int(once),
        without_value=int(float(customers.sum()) - once - n),
        visits_not_positive=None if not_positive is None else int(not_positive),
        correlation=correlation,
        gradient=top.gradient,
        condition=top.condition,
        converged=top.converged,
        warnings=warnings,
        spec=spec,
    )


_STARTS: Sequence[Sequence[float]] = (
    (5.0, 4.0, 0.5),
    (1.0, 3.0, 2.0),
    (2.0, 2.0, 0.5),
    (20.0, 5.0, 0.2),
)


def _correlation(x: Array, m: Array, weight: Array) -> float:
    """Give Pearson's correlation over customers; nan where one of them does not vary."""
    share = weight / weight.sum()
    dx, dm = x - share @ x, m - share @ m
    spread = math.sqrt(float(share @ dx**2) * float(share @ dm**2))
    return float(share @ (dx * dm)) / spread if spread > 0 else math.nan
