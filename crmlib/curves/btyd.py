"""Buy till you die: what BG/NBD, MBG/NBD and Pareto/NBD have in common.

A customer buys at a rate of her own while she lives, and leaves unseen. Customers differ in both.
A model is a class of parameters that knows its likelihood and its predictions for one customer's
(x, t_x, T); fitting, intervals and tables are the same for all and stand here.

Assumptions: no trend and no season in buying (so calibration spans whole years or its values are
withheld), nobody comes back from the dead, rate and leaving are independent among customers.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from crmlib import i18n
from crmlib.curves import optimum
from crmlib.curves.compress import DAYS, HISTORY, Array, Column, Rows, Unit, checked, rows
from crmlib.curves.normal import z as z_of
from crmlib.curves.optimum import Caution, Objective
from crmlib.curves.parameters import Parameters
from crmlib.errors import TooFewCustomersError
from crmlib.estimate import Interval

_NODES = 16  # of a Gauss-Legendre panel
_PANEL = 1.5  # its width in the logarithm of time
_ROUGH = 20_000  # rows that the climb begins with; the last steps are on all
_FORGOTTEN = 45.0  # exp(-45): what is discounted so much counts no more


class Btyd(Parameters):
    """A model with its parameters. Shapes: x, t_x, T and all results are (n,)."""

    __slots__ = ()

    @abstractmethod
    def log_likelihood(self, *, x: Array, t_x: Array, T: Array) -> Array:
        """Give each customer's log-likelihood."""

    @abstractmethod
    def mean_log_likelihood(self, rows: Rows) -> tuple[float, Array]:
        """Give the mean over customers, and its gradient in theta; made for many rows."""

    @abstractmethod
    def p_alive(self, *, x: Array, t_x: Array, T: Array) -> Array:
        """Give the probability that the customer has not left by T."""

    @abstractmethod
    def expected(self, horizon: npt.ArrayLike) -> Array:
        """Give E[X(t)], the purchases of a new customer after the first one."""

    @abstractmethod
    def expected_alive(self, horizon: float, *, x: Array, T: Array) -> Array:
        """Give the purchases in (T, T + horizon] of a customer who is alive at T."""

    @abstractmethod
    def probability_alive(self, k: int, horizon: float, *, x: Array, T: Array) -> Array:
        """Give P(k purchases in (T, T + horizon]) of a customer who is alive at T."""

    @abstractmethod
    def draw(self, T: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Draw the histories (x, t_x) of new customers of age T."""

    @abstractmethod
    def draw_alive(self, horizon: float, *, x: Array, T: Array, rng: np.random.Generator) -> Array:
        """Draw the purchases in (T, T + horizon] of customers who are alive at T."""

    @classmethod
    @abstractmethod
    def scale(cls, age: float) -> Array:
        """Give the natural sizes of the parameters: 1, or the mean age for a time."""

    @classmethod
    @abstractmethod
    def starts(cls) -> Sequence[Sequence[float]]:
        """Give points to start from, in natural sizes."""

    def expected_purchases(self, horizon: float, *, x: Array, t_x: Array, T: Array) -> Array:
        """Give E[Y(t) | x, t_x, T], purchases in (T, T + horizon]."""
        return self.p_alive(x=x, t_x=t_x, T=T) * _on_pairs(self.expected_alive, horizon, x, T)

    def probability(self, k: int, horizon: float, *, x: Array, t_x: Array, T: Array) -> Array:
        """Give P(Y(t) = k | x, t_x, T): the predictive distribution of one customer."""
        alive = self.p_alive(x=x, t_x=t_x, T=T)
        return alive * self.probability_alive(k, horizon, x=x, T=T) + (k == 0) * (1 - alive)

    def draw_future(
        self, horizon: float, *, x: Array, t_x: Array, T: Array, rng: np.random.Generator
    ) -> Array:
        """Draw purchases in (T, T + horizon], for the distribution of a segment's total."""
        alive = rng.random(len(x)) < self.p_alive(x=x, t_x=t_x, T=T)
        return np.where(alive, self.draw_alive(horizon, x=x, T=T, rng=rng), 0.0)

    def discounted_purchases(
        self, rate: float, *, x: Array, t_x: Array, T: Array, horizon: float = math.inf
    ) -> Array:
        """Give DERT, discounted expected (residual) transactions.

        The integral of exp(-rate t) dE[Y(t)] over the horizon (Fader, Hardie and Lee 2005, JMR
        42(4), equation 2), by parts: exp(-rate H) E[Y(H)] + rate * integral of exp(-rate t)
        E[Y(t)] dt. Gauss-Legendre in log(1 + t / scale), in which E[Y] is smooth for every model.

        Parameters
        ----------
        rate
            Continuous rate of discount per unit of time, at least 0; above 0 for an endless
            horizon.
        horizon
            In the unit of the parameters.
        """
        if rate < 0 or (rate == 0 and math.isinf(horizon)):
            raise ValueError(f"rate must be positive for an endless horizon, got {rate}")
        alive = self.p_alive(x=x, t_x=t_x, T=T)
        end = horizon if rate == 0 else min(horizon, _FORGOTTEN / rate)

        def of_pair(until: float, *, x: Array, T: Array) -> Array:
            total = math.exp(-rate * until) * self.expected_alive(until, x=x, T=T)
            for t, weight in log_nodes(until, self.alpha_()):
                share = rate * math.exp(-rate * t) * weight
                total = total + share * self.expected_alive(t, x=x, T=T)
            return total

        return alive * _on_pairs(of_pair, end, x, T)

    def alpha_(self) -> float:
        """Give the parameter in which buying is timed."""
        return self["alpha"]


def log_nodes(end: float, scale: float) -> list[tuple[float, float]]:
    """Give times in (0, end) and their weights, evenly placed in log(1 + t / scale)."""
    width = math.log1p(end / scale)
    panels = max(1, math.ceil(width / _PANEL))
    place, weight = np.polynomial.legendre.leggauss(_NODES)
    edges = np.linspace(0.0, width, panels + 1)
    half = width / panels / 2
    nodes = ((edges[:-1] + half)[:, None] + half * place).ravel()
    jacobian = scale * np.exp(nodes) * np.tile(half * weight, panels)
    return list(zip(scale * np.expm1(nodes), jacobian, strict=True))


def _on_pairs(value: Callable[..., Array], horizon: float, x: Array, T: Array) -> Array:
    """Compute what depends on (x, T) alone once a pair: far fewer than (x, t_x, T)."""
    one, other = Column.of(x), Column.of(T)
    key = one.at * len(other.values) + other.at
    _, first, at = np.unique(key, return_index=True, return_inverse=True)
    return value(horizon, x=x[first], T=T[first])[at]


@dataclass(frozen=True, slots=True)
class BtydSpec:
    """What was asked.

    Attributes
    ----------
    unit
        The unit of the summary's times, and of everything that comes out.
    level
        Confidence level of intervals.
    min_repeaters
        Fewer customers with a repeat purchase are refused.
    """

    unit: Unit = "weeks"
    level: float = 0.95
    min_repeaters: int = 10

    def __post_init__(self) -> None:
        if self.unit not in DAYS:
            raise ValueError(f"unit must be one of {', '.join(DAYS)}, got {self.unit!r}")
        if not 0 < self.level < 1:
            raise ValueError(f"level must lie between 0 and 1, got {self.level}")
        if self.min_repeaters < 1:
            raise ValueError(f"min_repeaters must be at least 1, got {self.min_repeaters}")


M = TypeVar("M", bound=Btyd)


@dataclass(frozen=True, slots=True, eq=False)
class BtydFit(Generic[M]):
    """A fitted model.

    Attributes
    ----------
    params
        The model with its maximum-likelihood parameters.
    standard_errors
        By parameter, from the observed information; nan where there is no maximum.
    covariance
        Of the parameters' logarithms, shape (k, k).
    loglik
        Log-likelihood of all customers.
    customers, repeaters, unique_rows
        How many were fitted, how many of them bought again, and how many rows they make.
    gradient
        Largest entry of the gradient of the mean log-likelihood.
    condition
        Of the Hessian in the logarithms.
    converged
        A maximum inside the parameter space. Do not sell the parameters of a fit that is not.
    warnings
        What to know before the parameters are read.
    spec
        What was asked.
    """

    params: M
    standard_errors: dict[str, float]
    covariance: Array
    loglik: float
    customers: int
    repeaters: int
    unique_rows: int
    gradient: float
    condition: float
    converged: bool
    warnings: tuple[Caution, ...]
    spec: BtydSpec
    _rows: Rows = field(repr=False)

    @property
    def table(self) -> pl.DataFrame:
        """Give ``parameter``, ``estimate``, ``standard_error``, ``low``, ``high``.

        The interval is that of the logarithm, so it stays above 0.
        """
        z, errors = z_of(self.spec.level), np.sqrt(np.diag(self.covariance))
        values = np.exp(self.params.theta)
        return pl.DataFrame(
            {
                "parameter": list(self.params.names()),
                "estimate": values,
                "standard_error": values * errors,
                "low": values * np.exp(-z * errors),
                "high": values * np.exp(z * errors),
            }
        )

    def profile(self, parameter: str) -> Interval:
        """Give a parameter's profile-likelihood interval; slower, and right where skewed."""
        names = self.params.names()
        if parameter not in names:
            raise ValueError(f"parameter must be one of {', '.join(names)}, got {parameter!r}")
        objective = _objective(type(self.params), self._rows)
        top = _top(self)
        low, high = optimum.profile(
            objective,
            top,
            names.index(parameter),
            customers=self._rows.customers,
            level=self.spec.level,
        )
        return Interval(low, high, self.spec.level)

    def predict(
        self,
        summary: pl.DataFrame | pl.LazyFrame,
        *,
        horizon: float,
        unit: Unit | None = None,
        intervals: bool = False,
    ) -> pl.DataFrame:
        """Predict each customer.

        Parameters
        ----------
        summary
            As for the fit; the rows come back in their order.
        horizon
            How far to look beyond T, in the unit of the fit.
        unit
            Say the unit of the horizon to have it checked against the fit's.
        intervals
            Whether to add the uncertainty of the parameters (delta method): it is that of the
            expected value of such customers, not the scatter of one customer's purchases.

        Returns
        -------
        The summary with ``p_alive``, ``expected`` (purchases in the horizon), and on demand
        ``p_alive_low``, ``p_alive_high``, ``expected_low``, ``expected_high``.
        """
        if unit is not None and unit != self.spec.unit:
            raise ValueError(f"the fit is in {self.spec.unit}, the horizon in {unit}")
        if not (math.isfinite(horizon) and horizon > 0):
            raise ValueError(f"horizon must be positive, got {horizon}")
        whole = summary.lazy().collect()
        history = self.check(whole).select(HISTORY)
        unique = history.unique()
        one = histories(unique)

        def values(params: M) -> tuple[Array, Array]:
            alive = params.p_alive(**one)
            expected = _on_pairs(params.expected_alive, horizon, one["x"], one["T"])
            return alive, alive * expected

        alive, expected = values(self.params)
        columns = {"p_alive": alive, "expected": expected}
        if intervals:
            columns |= self._intervals(values, alive, expected)
        return beside(whole, history, unique, columns)

    def check(self, summary: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
        """Check a summary as for the fit: columns, rules and unit."""
        return checked(summary, HISTORY, unit=self.spec.unit)

    def headline(self, lang: str) -> str:
        """Say how many of the customers are still active, or that the model does not fit."""
        if not self.converged:
            return i18n.text(
                "The purchase model does not fit these customers; its numbers are withheld.", lang
            )
        alive = self.params.p_alive(
            x=self._rows.x.cells, t_x=self._rows.t_x.cells, T=self._rows.T.cells
        )
        return i18n.text(
            "Of {n} customers an expected {alive} are still active.",
            lang,
            n=i18n.number(self.customers, lang),
            alive=i18n.number(round(float(self._rows.weight @ alive)), lang),
        )

    def _intervals(
        self, values: Callable[[M], tuple[Array, Array]], alive: Array, expected: Array
    ) -> dict[str, Array]:
        """Delta method on the logit of P(alive) and the logarithm of the expected purchases."""
        tiny = np.finfo(float).tiny

        def free(params: M) -> Array:
            p, e = values(params)
            # Alive for certain (BG/NBD without a repeat purchase) has no logit and needs none.
            doubt = np.maximum(1 - p, tiny)
            return np.stack([np.log(p + tiny) - np.log(doubt), np.log(e + tiny)])

        step, theta, slopes = 1e-5, self.params.theta, []
        for j in range(len(theta)):
            shift = np.zeros_like(theta)
            shift[j] = step
            up, down = (free(self.params.of(theta + s)) for s in (shift, -shift))
            slopes.append((up - down) / (2 * step))
        slope = np.stack(slopes, axis=-1)  # (2, n, k)
        error = np.sqrt(np.einsum("qni,ij,qnj->qn", slope, self.covariance, slope))
        z = z_of(self.spec.level)
        odds = np.divide(alive, 1 - alive, out=np.full_like(alive, np.inf), where=alive < 1)
        low, high = odds * np.exp(-z * error[0]), odds * np.exp(z * error[0])
        sure = alive >= 1  # nothing can have ended: no repeat purchase in BG/NBD
        return {
            "p_alive_low": np.where(sure, 1.0, 1 / (1 + 1 / np.maximum(low, tiny))),
            "p_alive_high": np.where(sure, 1.0, 1 / (1 + 1 / np.maximum(high, tiny))),
            "expected_low": expected * np.exp(-z * error[1]),
            "expected_high": expected * np.exp(z * error[1]),
        }


def beside(
    whole: pl.DataFrame, history: pl.DataFrame, unique: pl.DataFrame, columns: dict[str, Array]
) -> pl.DataFrame:
    """Put what was computed for unique histories beside each row of the summary."""
    found = unique.with_columns(**{n: pl.Series(v) for n, v in columns.items()})
    # Only values that equal themselves are here: the summary was checked.
    each = history.join(found, on=HISTORY, how="left", maintain_order="left")
    return whole.with_columns(each.select(*columns))


def histories(unique: pl.DataFrame) -> dict[str, Array]:
    """Give a checked summary's columns under the papers' letters."""
    return {
        letter: unique[name].to_numpy()
        for letter, name in (("x", "frequency"), ("t_x", "recency"), ("T", "T"))
    }


def fit(model: type[M], summary: pl.DataFrame | pl.LazyFrame, spec: BtydSpec) -> BtydFit[M]:
    """Fit a model by maximum likelihood.

    Parameters
    ----------
    model
        The class of the parameters.
    summary
        ``frequency`` (repeat purchase days), ``recency`` (first to last), ``T`` (first to
        as-of), one row a customer; or unique rows with their ``count``.
    spec
        The unit of time, and the level of intervals.

    Raises
    ------
    ContractError
        If the summary lacks columns or its rows contradict themselves.
    TooFewCustomersError
        If too few customers bought again.
    """
    frame = checked(summary, HISTORY, unit=spec.unit)
    data = rows(frame) if not frame.is_empty() else None
    repeaters = 0 if data is None else int(data.weight[data.x.cells > 0].sum())
    if data is None or repeaters < spec.min_repeaters:
        raise TooFewCustomersError(
            i18n.mark(
                "{repeaters} of {customers} customers bought again; a model of purchases needs "
                "at least {needed}"
            ),
            repeaters=repeaters,
            customers=0 if data is None else int(data.customers),
            needed=spec.min_repeaters,
        )
    scale = model.scale(data.mean(data.T.cells))
    objective = _objective(model, data)
    top = optimum.climb(
        objective,
        [np.log(np.array(s) * scale) for s in model.starts()],
        names=model.names(),
        scale=scale,
        customers=data.customers,
        rough=_objective(model, data.thinned(_ROUGH)),
    )
    params = model.of(top.theta)
    errors = np.exp(top.theta) * np.sqrt(np.diag(top.covariance))
    return BtydFit(
        params=params,
        standard_errors=dict(zip(model.names(), map(float, errors), strict=True)),
        covariance=top.covariance,
        loglik=top.value * data.customers,
        customers=int(data.customers),
        repeaters=repeaters,
        unique_rows=len(data.weight),
        gradient=top.gradient,
        condition=top.condition,
        converged=top.converged,
        warnings=top.warnings,
        spec=spec,
        _rows=data,
    )


def _objective(model: type[M], data: Rows) -> Objective:
    def objective(theta: Array) -> tuple[float, Array]:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return model.of(theta).mean_log_likelihood(data)

    return objective


def _top(fit: BtydFit[M]) -> optimum.Optimum:
    return optimum.Optimum(
        theta=fit.params.theta,
        value=fit.loglik / fit.customers,
        gradient=fit.gradient,
        hessian=np.full_like(fit.covariance, np.nan),
        covariance=fit.covariance,
        condition=fit.condition,
        converged=fit.converged,
        warnings=fit.warnings,
    )
