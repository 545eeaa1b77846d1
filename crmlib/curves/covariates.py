"""BG/NBD with static covariates: a channel or a region shifts the rate and the leaving.

Fader and Hardie (2007), "Incorporating time-invariant covariates into the Pareto/NBD and BG/NBD
models" (brucehardie.com/notes/019), section 3: for a customer with covariates z,

    alpha = alpha_0 exp(-z'purchases),  a = a_0 exp(z'leaving_a),  b = b_0 exp(z'leaving_b).

Customers of one pattern z are a BG/NBD of their own, so each pattern is one call of its kernel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from crmlib import i18n
from crmlib.curves import optimum
from crmlib.curves.bgnbd import BgNbd
from crmlib.curves.btyd import BtydSpec, beside, histories
from crmlib.curves.compress import HISTORY, Array, Rows, checked, rows
from crmlib.curves.normal import z as z_of
from crmlib.curves.optimum import Caution
from crmlib.errors import ContractError, TooFewCustomersError

MOST_PATTERNS = 500
_BASE = len(BgNbd.names())


@dataclass(frozen=True, slots=True)
class _Design:
    """Which entries of the full vector stand for what; ``theta`` = base, then coefficients."""

    purchases: tuple[str, ...]
    leaving: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.purchases + self.leaving))

    @property
    def names(self) -> tuple[str, ...]:
        both = (f"leaving_{letter}:{c}" for letter in "ab" for c in self.leaving)
        return (*BgNbd.names(), *(f"purchases:{c}" for c in self.purchases), *both)

    def shifts(self, pattern: dict[str, float]) -> Array:
        """Give the matrix that takes the full vector to a pattern's four log-parameters."""
        matrix = np.zeros((_BASE, len(self.names)))
        matrix[:, :_BASE] = np.eye(_BASE)
        at = _BASE
        for row, sign, names in (
            (1, -1, self.purchases),
            (2, 1, self.leaving),
            (3, 1, self.leaving),
        ):
            for name in names:
                matrix[row, at] = sign * pattern[name]
                at += 1
        return matrix


@dataclass(frozen=True, slots=True, eq=False)
class CovariateFit:
    """A fitted BG/NBD with covariates.

    Attributes
    ----------
    params
        The model of a customer whose covariates are all 0.
    coefficients
        ``term`` (``purchases``, ``leaving_a`` or ``leaving_b``), ``covariate``, ``estimate``,
        ``standard_error``, ``low``, ``high``. exp(purchases) multiplies the rate of buying.
    loglik, customers, converged, warnings, spec
        As of :class:`crmlib.curves.btyd.BtydFit`.
    """

    params: BgNbd
    coefficients: pl.DataFrame
    loglik: float
    customers: int
    converged: bool
    warnings: tuple[Caution, ...]
    spec: BtydSpec
    _theta: Array = field(repr=False)
    _design: _Design = field(repr=False)

    def params_of(self, **pattern: float) -> BgNbd:
        """Give the model of customers with these covariates."""
        return BgNbd.of(self._design.shifts(pattern) @ self._theta)

    def predict(self, summary: pl.DataFrame | pl.LazyFrame, *, horizon: float) -> pl.DataFrame:
        """Add ``p_alive`` and ``expected`` purchases in the horizon, in the unit of the fit."""
        if not (math.isfinite(horizon) and horizon > 0):
            raise ValueError(f"horizon must be positive, got {horizon}")
        whole = summary.lazy().collect().with_row_index("_row")
        parts = []
        for pattern, part in _patterns(whole, self._design, self.spec.unit):
            model = self.params_of(**pattern)
            history = part.select(HISTORY)
            unique = history.unique()
            one = histories(unique)
            found = {
                "p_alive": model.p_alive(**one),
                "expected": model.expected_purchases(horizon, **one),
            }
            parts.append(beside(part.select("_row"), history, unique, found))
        return whole.join(pl.concat(parts), on="_row", maintain_order="left").drop("_row")


def _patterns(
    whole: pl.DataFrame, design: _Design, unit: str
) -> list[tuple[dict[str, float], pl.DataFrame]]:
    """Split a checked summary by pattern of covariates."""
    missing = [c for c in design.columns if c not in whole.columns]
    if missing:
        raise ContractError(
            i18n.mark("summary: missing {missing}; it has {there}"),
            missing=", ".join(missing),
            there=", ".join(whole.columns),
        )
    covariates = whole.select(design.columns)
    for name in design.columns:
        if not covariates.schema[name].is_numeric() and covariates.schema[name] != pl.Boolean:
            raise ContractError(i18n.mark("summary: {column} must be a number"), column=name)
    covariates = covariates.cast(pl.Float64)
    for name in design.columns:
        empty = int((~covariates[name].is_finite().fill_null(value=False)).sum())
        if empty:
            raise ContractError(
                i18n.mark("summary: {rows} rows have no {column} or one that is not finite"),
                rows=empty,
                column=name,
            )
    frame = checked(whole, HISTORY, unit=unit)
    kept = [c for c in (*HISTORY, "count") if c in frame.columns]
    keys = {f"_z_{c}": covariates[c] for c in design.columns}
    joined = frame.select(kept).with_columns(**keys)
    if "_row" in whole.columns:
        joined = joined.with_columns(whole["_row"])
    found = joined.select(*keys).n_unique()
    if found > MOST_PATTERNS:
        raise ContractError(
            i18n.mark("summary: {found} patterns of covariates, at most {most}: group them"),
            found=found,
            most=MOST_PATTERNS,
        )
    split = joined.partition_by(list(keys), as_dict=True)
    return [
        (dict(zip(design.columns, map(float, key), strict=True)), split[key])
        for key in sorted(split)
    ]


def fit(
    summary: pl.DataFrame | pl.LazyFrame,
    *,
    purchases: Sequence[str] = (),
    leaving: Sequence[str] = (),
    spec: BtydSpec | None = None,
) -> CovariateFit:
    """Fit BG/NBD with static covariates by maximum likelihood.

    Parameters
    ----------
    summary
        ``frequency``, ``recency``, ``T`` (and ``count``), and the covariates as numbers: 0 and 1
        for a group, few distinct values otherwise.
    purchases, leaving
        Covariates of the rate of buying, and of the chance of leaving.
    spec
        As for :func:`crmlib.curves.bgnbd.fit`.

    Raises
    ------
    ValueError
        If no covariate is named, or one does not vary.
    """
    spec = spec or BtydSpec()
    design = _Design(tuple(purchases), tuple(leaving))
    if not design.columns:
        raise ValueError("name at least one covariate in purchases or leaving")
    patterns = _patterns(summary.lazy().collect(), design, spec.unit)
    for name in design.columns:
        if len({pattern[name] for pattern, _ in patterns}) < 2:
            raise ValueError(f"{name} does not vary: its coefficient cannot be known")
    parts: list[tuple[Array, Rows]] = [(design.shifts(p), rows(part)) for p, part in patterns]
    n = sum(data.customers for _, data in parts)
    repeaters = sum(float(data.weight[data.x.cells > 0].sum()) for _, data in parts)
    if repeaters < spec.min_repeaters:
        raise TooFewCustomersError(
            i18n.mark(
                "{repeaters} of {customers} customers bought again; a model of purchases needs "
                "at least {needed}"
            ),
            repeaters=int(repeaters),
            customers=int(n),
            needed=spec.min_repeaters,
        )

    def objective(theta: Array) -> tuple[float, Array]:
        value, gradient = 0.0, np.zeros_like(theta)
        for matrix, data in parts:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                mean, slope = BgNbd.of(matrix @ theta).mean_log_likelihood(data)
            share = data.customers / n
            value, gradient = value + share * mean, gradient + share * (slope @ matrix)
        return value, gradient

    age = sum(data.customers * data.mean(data.T.cells) for _, data in parts) / n
    extra = np.zeros(len(design.names) - _BASE)
    scale = np.r_[BgNbd.scale(age), np.exp(extra)]
    top = optimum.climb(
        objective,
        [np.r_[np.log(np.array(s) * scale[:_BASE]), extra] for s in BgNbd.starts()],
        names=design.names,
        scale=scale,
        customers=n,
    )
    return CovariateFit(
        params=BgNbd.of(top.theta[:_BASE]),
        coefficients=_coefficients(top, design, spec.level),
        loglik=top.value * n,
        customers=int(n),
        converged=top.converged,
        warnings=top.warnings,
        spec=spec,
        _theta=top.theta,
        _design=design,
    )


def _coefficients(top: optimum.Optimum, design: _Design, level: float) -> pl.DataFrame:
    named = [name.split(":", 1) for name in design.names[_BASE:]]
    estimate = top.theta[_BASE:]
    error = np.sqrt(np.diag(top.covariance))[_BASE:]
    return pl.DataFrame(
        {
            "term": [term for term, _ in named],
            "covariate": [covariate for _, covariate in named],
            "estimate": estimate,
            "standard_error": error,
            "low": estimate - z_of(level) * error,
            "high": estimate + z_of(level) * error,
        }
    )
