"""Survival from counts: how long until it happens, when for many it has not happened yet.

Kaplan and Meier (1958), JASA 53(282); Nelson-Aalen: Aalen (1978), Annals of Statistics 6(4). A
count is (days, event, n): n waits of so many days that ended (event 1) or go on (0, censored: at
risk up to and including that day). A million customers are a few thousand counts.

Bands: from the counts (Greenwood) where every wait is another customer's; from folds (delete-a-fold
jackknife, Kott 2001) where one customer may have several waits, which are not independent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crmlib import i18n
from crmlib.curves.compress import Array
from crmlib.curves.normal import z
from crmlib.errors import ContractError, TooFewCustomersError
from crmlib.estimate import Estimate, Grade, Interval

Days: TypeAlias = npt.NDArray[np.int64]
Bands: TypeAlias = Literal["counts", "folds"]

_COLUMNS = ("days", "event", "n")


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Waits by day and fold.

    Attributes
    ----------
    days
        Distinct lengths, rising, shape (m,).
    ended, censored
        Waits that ended at that length, or go on beyond it, shape (folds, m).
    """

    days: Days
    ended: Array
    censored: Array

    @classmethod
    def of(cls, frame: pl.DataFrame | pl.LazyFrame) -> Counts:
        """Sum a frame of ``days``, ``event``, ``n`` (and ``fold``); see the module."""
        whole = frame.lazy().collect()
        missing = [c for c in _COLUMNS if c not in whole.columns]
        if missing:
            raise ContractError(
                i18n.mark("waits: missing {missing}; there are {there}"),
                missing=", ".join(missing),
                there=", ".join(whole.columns),
            )
        if whole["n"].sum() <= 0:
            raise TooFewCustomersError(i18n.mark("there is nobody whose waiting could be counted"))
        wrong = whole.filter((pl.col("days") < 0) | ~pl.col("event").is_in([0, 1])).height
        if wrong or any(whole[c].null_count() for c in _COLUMNS):
            raise ContractError(
                i18n.mark("waits: days must be 0 or more, and event 0 or 1; {rows} rows differ"),
                rows=wrong + sum(whole[c].null_count() for c in _COLUMNS),
            )
        fold = whole["fold"].to_numpy() if "fold" in whole.columns else np.zeros(len(whole))
        days, at = np.unique(whole["days"].to_numpy(), return_inverse=True)
        folds, own = np.unique(fold, return_inverse=True)
        shape = (len(folds), len(days))
        sums = np.zeros((2, *shape))
        np.add.at(sums, (whole["event"].to_numpy(), own, at), whole["n"].to_numpy())
        return cls(days.astype(np.int64), sums[1], sums[0])

    @property
    def n(self) -> int:
        """How many waits there are."""
        return int(self.ended.sum() + self.censored.sum())

    def without_fold(self) -> tuple[Array, Array]:
        """Give ended and censored with each fold left out in turn, shape (folds, m)."""
        return (
            self.ended.sum(axis=0) - self.ended,
            self.censored.sum(axis=0) - self.censored,
        )


def at_risk(ended: Array, censored: Array) -> Array:
    """Count the waits that last at least so long, along the last axis."""
    longest_first = (ended + censored)[..., ::-1]
    return np.asarray(np.cumsum(longest_first, axis=-1)[..., ::-1], dtype=float)


def kaplan_meier(ended: Array, censored: Array) -> Array:
    """Give S(t) = product of 1 - ended / at risk up to t, along the last axis."""
    risk = at_risk(ended, censored)
    return np.asarray(np.cumprod(1 - ended / np.maximum(risk, 1), axis=-1), dtype=float)


def nelson_aalen(ended: Array, censored: Array) -> Array:
    """Give H(t) = sum of ended / at risk up to t, along the last axis."""
    hazards = ended / np.maximum(at_risk(ended, censored), 1)
    return np.asarray(np.cumsum(hazards, axis=-1), dtype=float)


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A survival curve.

    Attributes
    ----------
    days
        Lengths at which something was seen, shape (m,).
    at_risk, ended, censored
        Counts at each of them.
    survival, low, high
        Kaplan-Meier with its pointwise interval, made on log(-log S) so that it stays within 0
        and 1; nan where the spread is not known (S = 1, or fewer than two folds).
    hazard, hazard_low, hazard_high
        Nelson-Aalen, interval on its logarithm.
    error
        Standard error of the survival.
    folds_out
        Survival with each fold left out, shape (folds, m); ``None`` for bands from counts.
    n, bands, level
        Number of waits, what the bands come from, and their level.
    """

    days: Days
    at_risk: Array
    ended: Array
    censored: Array
    survival: Array
    low: Array
    high: Array
    hazard: Array
    hazard_low: Array
    hazard_high: Array
    error: Array
    folds_out: Array | None
    n: int
    bands: Bands
    level: float

    @property
    def table(self) -> pl.DataFrame:
        """Give the curve with a row for each length."""
        names = ("days", "at_risk", "ended", "censored", "survival", "low", "high")
        hazards = ("hazard", "hazard_low", "hazard_high")
        return pl.DataFrame({n: getattr(self, n) for n in names + hazards})

    @property
    def last_day(self) -> int:
        """The longest wait that was seen."""
        return int(self.days[-1])

    def at(self, day: float) -> Estimate:
        """Give S(day) with its interval."""
        place = int(np.searchsorted(self.days, day, side="right")) - 1
        if place < 0:
            return Estimate(1.0, None, self.n, _METHOD[self.bands], Grade.D)
        low, high = float(self.low[place]), float(self.high[place])
        interval = None if math.isnan(low) else Interval(low, high, self.level)
        value = float(self.survival[place])
        return Estimate(value, interval, self.n, _METHOD[self.bands], Grade.D)

    def quantile(self, share: float = 0.5) -> Estimate | None:
        """Give the day by which ``share`` of the waits have ended; ``None`` if not reached.

        The first day with S <= 1 - share. Its interval holds the days whose band contains
        1 - share (Brookmeyer and Crowley 1982, Biometrics 38(1)); an end may be infinite.
        """
        if not 0 < share < 1:
            raise ValueError(f"share must lie between 0 and 1, got {share}")
        goal = 1 - share
        day = _first(self.days, self.survival <= goal + _ROUNDING)
        if math.isinf(day):
            return None
        method = f"quantile, {_METHOD[self.bands]}"
        low, high = _first(self.days, self.low <= goal), _first(self.days, self.high < goal)
        interval = Interval(low, high, self.level) if low <= high else None
        return Estimate(day, None if math.isinf(low) else interval, self.n, method, Grade.D)

    def mean_until(self, day: float) -> Estimate:
        """Give the restricted mean: days waited on average, waits cut at ``day`` (RMST).

        Royston and Parmar (2013), BMC Medical Research Methodology 13:152.
        """
        if not day > 0:
            raise ValueError(f"day must be positive, got {day}")
        value = float(_area(self.days, self.survival, day))
        if self.folds_out is None:
            variance = self._area_variance(day)
        else:
            variance = float(_jackknife(_area(self.days, self.folds_out, day)))
        method = f"restricted mean, {_METHOD[self.bands]}"
        if math.isnan(variance):
            return Estimate(value, None, self.n, method, Grade.D)
        half = z(self.level) * math.sqrt(variance)
        return Estimate(
            value, Interval(value - half, value + half, self.level), self.n, method, Grade.D
        )

    def _area_variance(self, day: float) -> float:
        """Greenwood: the sum of (area beyond t)^2 ended / (at risk (at risk - ended))."""
        inside = self.days <= day
        whole = float(_area(self.days, self.survival, day))
        steps = np.minimum(self.days, day).astype(float)
        before = np.cumsum(np.diff(steps, prepend=0.0) * np.r_[1.0, self.survival[:-1]])
        beyond = np.where(inside, whole - before, 0.0)
        return float((beyond**2 * _greenwood_terms(self.ended, self.at_risk)).sum())


_METHOD = {
    "counts": "Kaplan-Meier, Greenwood",
    "folds": "Kaplan-Meier, delete-a-fold jackknife",
}
_ROUNDING = 1e-12  # S is a product of quotients: a half may come out as 0.5 + 1e-16


def curve(
    counts: Counts | pl.DataFrame | pl.LazyFrame, *, level: float = 0.95, bands: Bands = "counts"
) -> Curve:
    """Estimate a survival curve.

    Parameters
    ----------
    counts
        Waits: ``days``, ``event``, ``n`` and, for bands from folds, ``fold``.
    level
        Confidence level of the pointwise bands.
    bands
        ``"counts"`` where each wait is another customer's, ``"folds"`` where one may have many.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    if bands not in _METHOD:
        raise ValueError(f"bands must be 'counts' or 'folds', got {bands!r}")
    waits = counts if isinstance(counts, Counts) else Counts.of(counts)
    ended, censored = waits.ended.sum(axis=0), waits.censored.sum(axis=0)
    risk = at_risk(ended, censored)
    survival, hazard = kaplan_meier(ended, censored), nelson_aalen(ended, censored)
    folds_out = None
    if bands == "counts":
        terms = np.cumsum(_greenwood_terms(ended, risk))
        error = survival * np.sqrt(terms)
        hazard_error = np.sqrt(np.cumsum(ended / np.maximum(risk, 1) ** 2))
    else:
        without = waits.without_fold()
        folds_out = kaplan_meier(*without)
        error = np.sqrt(_jackknife(folds_out))
        hazard_error = np.sqrt(_jackknife(nelson_aalen(*without)))
    distance = z(level)
    with np.errstate(divide="ignore", invalid="ignore"):
        # log(-log S) has the standard error of S, divided by -S log S.
        stretch = np.exp(distance * error / -(survival * np.log(survival)))
        low, high = survival**stretch, survival ** (1 / stretch)
        ratio = np.exp(distance * hazard_error / hazard)
    unknown = (survival >= 1) | ~np.isfinite(error)
    low, high = (np.where(unknown, np.nan, b) for b in (low, high))
    over = survival <= 0  # all ended: what is left is known from below, and as it was from above
    low = np.where(over, 0.0, low)
    if over.any() and not over.all():
        high = np.where(over, high[~over][-1], high)
    return Curve(
        days=waits.days,
        at_risk=risk,
        ended=ended,
        censored=censored,
        survival=survival,
        low=low,
        high=high,
        hazard=hazard,
        hazard_low=np.where(hazard > 0, hazard / ratio, np.nan),
        hazard_high=np.where(hazard > 0, hazard * ratio, np.nan),
        error=error,
        folds_out=folds_out,
        n=waits.n,
        bands=bands,
        level=level,
    )


def _greenwood_terms(ended: Array, risk: Array) -> Array:
    """Give ended / (at risk (at risk - ended)), 0 where the last wait ends: S is 0 from there."""
    left = risk - ended
    return np.divide(ended, risk * left, out=np.zeros_like(ended), where=left > 0)


def _jackknife(without: Array) -> Array:
    """Delete-a-fold variance along the first axis, nan for fewer than two folds."""
    folds = without.shape[0]
    if folds < 2:
        return np.full(without.shape[1:], np.nan)
    centre = without.mean(axis=0)
    return np.asarray((folds - 1) / folds * ((without - centre) ** 2).sum(axis=0))


def _area(days: Days, survival: Array, until: float) -> Array:
    """Integrate the step function S from 0 to ``until``, along the last axis."""
    edges = np.r_[0.0, np.minimum(days, until), max(until, 0.0)]
    ones = np.ones((*survival.shape[:-1], 1))
    return np.asarray((np.concatenate([ones, survival], axis=-1) * np.diff(edges)).sum(axis=-1))


def _first(days: Days, there: npt.NDArray[np.bool_]) -> float:
    return float(days[np.argmax(there)]) if there.any() else math.inf


def incidence(waits: pl.DataFrame | pl.LazyFrame, *, level: float = 0.95) -> pl.DataFrame:
    """Give the share that ended in each of several ways, by days (competing end states).

    Aalen and Johansen (1978), Scandinavian Journal of Statistics 5(3): the sum over days of
    S just before it, times the share of those at risk that end so on it. One minus Kaplan-Meier
    of a single way, the others censored, would count ends that the other ways make impossible.

    Parameters
    ----------
    waits
        ``days``, ``event`` (0: goes on; 1, 2, ...: the way it ended), ``n`` and ``fold``.
    level
        Confidence level; intervals come from folds, on log(-log), and are nan without folds.

    Returns
    -------
    ``event``, ``days``, ``share``, ``low``, ``high``.
    """
    frame = waits.lazy().collect()
    ways = sorted(int(e) for e in frame["event"].unique() if e != 0)
    # Every row stays in each part, so days and folds are the same and the arrays fit.
    any_way = Counts.of(frame.with_columns(event=(pl.col("event") != 0).cast(pl.Int64)))
    tables = []
    for way in ways:
        own = Counts.of(frame.with_columns(event=(pl.col("event") == way).cast(pl.Int64)))
        share = _incidence(any_way, own, whole=True)
        error = np.sqrt(_jackknife(_incidence(any_way, own, whole=False)))
        inside = (share > 0) & (share < 1) & np.isfinite(error)
        with np.errstate(divide="ignore", invalid="ignore"):
            stretch = np.exp(z(level) * error / -(share * np.log(share)))
            low = np.where(inside, share**stretch, np.nan)
            high = np.where(inside, share ** (1 / stretch), np.nan)
        cells = [np.full(len(share), way), any_way.days, share, low, high]
        tables.append(pl.DataFrame(dict(zip(_INCIDENCE, cells, strict=True)), schema=_INCIDENCE))
    return pl.concat([pl.DataFrame(schema=_INCIDENCE), *tables])


_INCIDENCE = pl.Schema(
    {
        "event": pl.Int64,
        "days": pl.Int64,
        "share": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
    }
)


def _incidence(any_way: Counts, own: Counts, *, whole: bool) -> Array:
    if whole:
        ended, going = any_way.ended.sum(axis=0), any_way.censored.sum(axis=0)
        ended_so = own.ended.sum(axis=0)
    else:
        (ended, going), (ended_so, _) = any_way.without_fold(), own.without_fold()
    survival = kaplan_meier(ended, going)
    before = np.concatenate([np.ones((*survival.shape[:-1], 1)), survival[..., :-1]], axis=-1)
    hazard = ended_so / np.maximum(at_risk(ended, going), 1)
    return np.asarray(np.cumsum(before * hazard, axis=-1), dtype=float)


def difference(one: Estimate, other: Estimate) -> Estimate:
    """Give ``one`` minus ``other`` of two independent groups, e.g. of medians.

    The interval is made from the two intervals (Zou and Donner 2008, Statistics in Medicine
    27(10), MOVER): unlike a difference of normal approximations it keeps their skewness, and it
    needs no density at the median.
    """
    value = one.value - other.value
    a, b = one.interval, other.interval
    interval = None
    if a is not None and b is not None:
        down = math.hypot(one.value - a.low, b.high - other.value)
        up = math.hypot(a.high - one.value, other.value - b.low)
        interval = Interval(value - down, value + up, a.level)
    grade = max(one.grade, other.grade)
    return Estimate(value, interval, one.n + other.n, f"difference, {one.method}", grade)


@dataclass(frozen=True, slots=True)
class LogRank:
    """A test of equal curves.

    Attributes
    ----------
    statistic, degrees
        Chi-square and its degrees of freedom.
    p_value
        Chance of at least this statistic if the curves are equal.
    observed, expected
        Waits that ended in each group, and how many would if the curves were equal.
    """

    statistic: float
    degrees: int
    p_value: float
    observed: dict[str, float]
    expected: dict[str, float]


def log_rank(groups: Mapping[str, Counts]) -> LogRank:
    """Test whether groups wait equally long (Mantel 1966; Peto and Peto 1972, JRSS A 135(2)).

    For one wait a customer. In large groups any difference is 'significant': look at differences
    of medians and restricted means instead.
    """
    from scipy.special import chdtrc

    if len(groups) < 2:
        raise ValueError(f"a comparison needs at least two groups, got {len(groups)}")
    days = np.unique(np.concatenate([g.days for g in groups.values()]))
    ended, risk = np.zeros((2, len(groups), len(days)))
    for j, group in enumerate(groups.values()):
        place = np.searchsorted(days, group.days)
        whole = np.zeros((2, len(days)))
        whole[0, place], whole[1, place] = group.ended.sum(axis=0), group.censored.sum(axis=0)
        ended[j], risk[j] = whole[0], at_risk(*whole)
    all_ended, all_risk = ended.sum(axis=0), risk.sum(axis=0)
    seen = all_ended > 0
    share = risk[:, seen] / all_risk[seen]
    d, n = all_ended[seen], all_risk[seen]
    expected = share @ d
    # Hypergeometric covariance of the groups' events at each day.
    factor = np.divide(d * (n - d), n - 1, out=np.zeros_like(d), where=n > 1)
    covariance = np.diag(share @ factor) - (share * factor) @ share.T
    gap = ended.sum(axis=1) - expected
    statistic = float(gap[1:] @ np.linalg.pinv(covariance[1:, 1:]) @ gap[1:])
    degrees = len(groups) - 1
    return LogRank(
        statistic=statistic,
        degrees=degrees,
        p_value=float(chdtrc(degrees, statistic)),
        observed=dict(zip(groups, map(float, ended.sum(axis=1)), strict=True)),
        expected=dict(zip(groups, map(float, expected), strict=True)),
    )
