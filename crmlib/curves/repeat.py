"""The repeat curve: how long until customers buy again, and when a return gets unlikely."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from crmlib import i18n
from crmlib.curves import survival as waits
from crmlib.curves.compress import Array
from crmlib.curves.normal import z
from crmlib.curves.survival import Bands, Counts, Curve, LogRank
from crmlib.errors import ContractError, TooFewCustomersError
from crmlib.estimate import Estimate, Grade, Interval
from crmlib.marts.customers import NEW

_COLUMNS = ("status", "ordinal", "days", "event", "gaps")


@dataclass(frozen=True, slots=True)
class RepeatSpec:
    """What was asked.

    Attributes
    ----------
    ordinal
        The purchase that the wait begins with: 1 asks for the time to the second. One wait a
        customer, of customers known to be new. ``None`` takes all waits of all customers: every
        gap counts once, so frequent buyers count often, and the bands come from folds.
    within_days
        'Returning customers' are those who return within so many days.
    unlikely
        A return is unlikely once its chance within the rest of these days is no more than this.
    min_at_risk
        The curve is read no further than so many waits go.
    level
        Confidence level of intervals.
    """

    ordinal: int | None = 1
    within_days: int = 365
    unlikely: float = 0.1
    min_at_risk: int = 10
    level: float = 0.95

    def __post_init__(self) -> None:
        if self.ordinal is not None and self.ordinal < 1:
            raise ValueError(f"ordinal must be at least 1 or None, got {self.ordinal}")
        if self.within_days < 1:
            raise ValueError(f"within_days must be at least 1, got {self.within_days}")
        for name in ("unlikely", "level"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must lie between 0 and 1, got {getattr(self, name)}")
        if self.min_at_risk < 1:
            raise ValueError(f"min_at_risk must be at least 1, got {self.min_at_risk}")

    @property
    def bands(self) -> Bands:
        """From counts where every wait is another customer's."""
        return "folds" if self.ordinal is None else "counts"


@dataclass(frozen=True, slots=True, eq=False)
class RepeatResult:
    """When customers buy again.

    Attributes
    ----------
    curve
        Share still waiting, by days.
    waits, ended
        How many waits there are, and how many ended with a purchase.
    first_seen
        Share of waits left out because the customers' first purchase is not known.
    until
        Up to which day the curve is read: ``within_days``, or less where too few wait so long.
    returned
        Share that buys again by then.
    median
        Days by which half of ALL have bought again; ``None`` where it is not reached.
    half_of_returning
        Days by which half of those who return by ``until`` have returned.
    unlikely_after
        Days after which a return by ``until`` is unlikely; ``None`` if it never gets so.
    spec
        What was asked.
    """

    curve: Curve
    waits: int
    ended: int
    first_seen: float
    until: int
    returned: Estimate
    median: Estimate | None
    half_of_returning: Estimate | None
    unlikely_after: int | None
    spec: RepeatSpec

    @property
    def shown(self) -> pl.DataFrame:
        """Give the curve as far as it is read, from day 0 on."""
        table = self.curve.table.select("days", "survival", "low", "high")
        start = pl.DataFrame(
            {"days": [0], "survival": [1.0], "low": [1.0], "high": [1.0]}, schema=table.schema
        )
        inside = table.filter(pl.col("days") <= self.until, pl.col("days") > 0)
        return pl.concat([start, inside]).with_columns(
            pl.col("low", "high").fill_nan(pl.col("survival"))
        )

    def headline(self, lang: str) -> str:
        """Say when half of those who return have returned, and when a return is unlikely."""
        half = self.half_of_returning
        if half is None:
            return i18n.text("Nobody has bought again yet.", lang)
        days = i18n.number(half.value, lang)
        interval = half.interval
        if interval is None or math.isinf(interval.high):
            said = i18n.text(
                "Half of returning customers return within {days} days.", lang, days=days
            )
        else:
            said = i18n.text(
                "Half of returning customers return within {days} days ({low}–{high}).",
                lang,
                days=days,
                low=i18n.number(interval.low, lang),
                high=i18n.number(interval.high, lang),
            )
        if self.unlikely_after is None:
            return said
        late = i18n.text(
            "After {days} days a return is unlikely.",
            lang,
            days=i18n.number(self.unlikely_after, lang),
        )
        return f"{said} {late}"


def survival(gaps: pl.DataFrame | pl.LazyFrame, spec: RepeatSpec | None = None) -> RepeatResult:
    """Estimate the repeat curve.

    Parameters
    ----------
    gaps
        The gaps mart: ``status``, ``ordinal``, ``days``, ``event``, ``fold``, ``gaps``. Counts of
        single gaps do as well (``gaps`` = 1); without ``fold`` there are no bands from folds.
    spec
        Which gaps, and how far the curve is read.

    Raises
    ------
    TooFewCustomersError
        If there are no such gaps.
    """
    spec = spec or RepeatSpec()
    chosen, left_out = _chosen(gaps, spec)
    if chosen.is_empty():
        raise TooFewCustomersError(i18n.mark("there is nobody whose waiting could be counted"))
    counts = Counts.of(chosen)
    curve = waits.curve(counts, level=spec.level, bands=spec.bands)
    enough = curve.days[curve.at_risk >= spec.min_at_risk]
    until = min(spec.within_days, int(enough[-1])) if len(enough) else 0
    still = curve.at(until)
    return RepeatResult(
        curve=curve,
        waits=curve.n,
        ended=int(curve.ended.sum()),
        first_seen=left_out / (left_out + curve.n),
        until=until,
        returned=_complement(still),
        median=curve.quantile(0.5),
        half_of_returning=_half(curve, counts, until),
        unlikely_after=_unlikely_after(curve, until, spec.unlikely),
        spec=spec,
    )


def _chosen(gaps: pl.DataFrame | pl.LazyFrame, spec: RepeatSpec) -> tuple[pl.DataFrame, int]:
    there = gaps.lazy().collect_schema().names()
    missing = [c for c in _COLUMNS if c not in there]
    if missing:
        raise ContractError(
            i18n.mark("waits: missing {missing}; there are {there}"),
            missing=", ".join(missing),
            there=", ".join(there),
        )
    frame = gaps.lazy().rename({"gaps": "n"}).collect()
    if spec.ordinal is None:
        return frame, 0
    # The n-th purchase of a customer first seen when the data begin is not known to be the n-th.
    frame = frame.filter(pl.col("ordinal") == spec.ordinal)
    known = frame.filter(pl.col("status") == NEW)
    return known, int(frame["n"].sum()) - int(known["n"].sum())


def _complement(still: Estimate) -> Estimate:
    interval = still.interval
    turned = interval and Interval(1 - interval.high, 1 - interval.low, interval.level)
    return Estimate(1 - still.value, turned, still.n, still.method, still.grade)


def _half(curve: Curve, counts: Counts, until: int) -> Estimate | None:
    """Find when half of those who return by ``until`` have; the interval comes from folds.

    The share of returns that have come, F(day) / F(until), is a smooth function of the folds; the
    interval holds the days whose own interval (on the logit) contains a half.
    """
    inside = curve.days <= until
    days = curve.days[inside]
    came = _came(curve.survival[inside])
    if came is None:
        return None
    value = float(days[np.argmax(came >= 0.5 - 1e-12)])
    method = "half of the returns, delete-a-fold jackknife"
    without = _came(waits.kaplan_meier(*counts.without_fold())[:, inside])
    if without is None or len(without) < 2:
        return Estimate(value, None, curve.n, method, Grade.D)
    folds = len(without)
    error = np.sqrt((folds - 1) / folds * ((without - without.mean(axis=0)) ** 2).sum(axis=0))
    middle = (came > 0) & (came < 1)
    low, high = came.copy(), came.copy()
    c = came[middle]
    stretch = np.exp(z(curve.level) * error[middle] / (c * (1 - c)))
    odds = c / (1 - c)
    low[middle], high[middle] = odds / (odds + stretch), odds / (odds + 1 / stretch)
    ends = float(days[np.argmax(high >= 0.5)]), float(days[np.argmax(low >= 0.5)])
    return Estimate(value, Interval(*ends, curve.level), curve.n, method, Grade.D)


def _came(still: Array) -> Array | None:
    """Give F(day) / F(last day) along the last axis; ``None`` where nobody came (in a fold)."""
    returned = 1 - still
    if still.shape[-1] == 0 or (returned[..., -1] <= 0).any():
        return None
    return returned / returned[..., -1:]


def _unlikely_after(curve: Curve, until: int, unlikely: float) -> int | None:
    """Find the first day from which the chance of a return by ``until`` stays that small."""
    inside = curve.days <= until
    still = curve.survival[inside]
    if not len(still) or still[-1] >= 1:
        return None
    if still[-1] <= 0:
        return None  # everybody returns in the end
    chance = 1 - still[-1] / still
    late = chance <= unlikely
    return int(curve.days[inside][np.argmax(late)]) if late.any() else None


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Two groups: how much longer the first waits.

    Attributes
    ----------
    median
        Difference of medians in days, ``None`` where one is not reached.
    mean_until
        Difference of restricted means, in days.
    until
        The day at which both restricted means are cut.
    log_rank
        Test of equal curves; for one wait a customer, else ``None``.
    """

    median: Estimate | None
    mean_until: Estimate
    until: int
    log_rank: LogRank | None


def compare(
    groups: Mapping[str, pl.DataFrame | pl.LazyFrame], spec: RepeatSpec | None = None
) -> Comparison:
    """Compare two groups of customers, given as their gaps by name."""
    spec = spec or RepeatSpec()
    if len(groups) != 2:
        raise ValueError(f"a comparison is of two groups, got {len(groups)}")
    results = {name: survival(frame, spec) for name, frame in groups.items()}
    one, other = results.values()
    until = min(one.until, other.until)
    counts = {name: Counts.of(_chosen(frame, spec)[0]) for name, frame in groups.items()}
    return Comparison(
        median=(
            waits.difference(one.median, other.median) if one.median and other.median else None
        ),
        mean_until=waits.difference(one.curve.mean_until(until), other.curve.mean_until(until)),
        until=until,
        log_rank=waits.log_rank(counts) if spec.ordinal is not None else None,
    )
