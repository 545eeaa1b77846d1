"""Two groups compared: intervals and tests of a difference, of a ratio, of several at once.

Everything takes counts, means and variances, so the cost does not depend on the customers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from crmlib.estimate import Interval

_NORMAL = NormalDist()
_CLEAR_BASE = 3.0  # a relative change needs a base that lies so many standard errors above zero


@dataclass(frozen=True, slots=True)
class Moments:
    """What is known of one arm.

    Attributes
    ----------
    n
        Customers.
    mean, variance
        Of the outcome; the variance is divided by ``n - 1``.
    pre_mean, pre_variance, covariance
        Of what was known before, and with the outcome.
    """

    n: int
    mean: float
    variance: float
    pre_mean: float = 0.0
    pre_variance: float = 0.0
    covariance: float = 0.0

    @property
    def error2(self) -> float:
        """Squared standard error of the mean."""
        return self.variance / self.n


@dataclass(frozen=True, slots=True)
class Contrast:
    """A treated arm less its control.

    Attributes
    ----------
    difference, error
        In the outcome's unit; ``error`` is the standard error of the interval's method, unpooled.
    interval
        Of the difference.
    statistic, p_value
        Of the test that nothing changed: z with the pooled standard error for rates, Welch's t
        for means. NaN where all customers of both arms are alike.
    df
        Degrees of freedom; infinite for rates.
    method
        Name of interval and test.
    """

    difference: float
    error: float
    interval: Interval
    statistic: float
    p_value: float
    df: float
    method: str


def z_of(level: float) -> float:
    """Give the two-sided normal quantile: 1.96 for .95."""
    return _NORMAL.inv_cdf(0.5 + level / 2)


def two_sided(z: float) -> float:
    """Give the two-sided p of a normal statistic, exact far into the tail."""
    return math.erfc(abs(z) / math.sqrt(2))


def wilson(hits: float, n: int, level: float = 0.95) -> Interval:
    """Give Wilson's score interval of a rate (Wilson 1927, JASA 22)."""
    z = z_of(level)
    p = hits / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Interval(max(0.0, centre - half), min(1.0, centre + half), level)


def rates(treated: Moments, control: Moments, level: float = 0.95) -> Contrast:
    """Compare two rates: Newcombe's interval, pooled z test.

    Newcombe (1998), Statistics in Medicine 17, method 10: Wilson's limits of either rate, put
    together by squares. No correction for continuity.
    """
    p1, p0, n1, n0 = treated.mean, control.mean, treated.n, control.n
    found = p1 - p0
    one, zero = wilson(p1 * n1, n1, level), wilson(p0 * n0, n0, level)
    low = found - math.hypot(p1 - one.low, zero.high - p0)
    high = found + math.hypot(one.high - p1, p0 - zero.low)
    pooled = (p1 * n1 + p0 * n0) / (n1 + n0)
    under_null = math.sqrt(max(0.0, pooled * (1 - pooled)) * (1 / n1 + 1 / n0))
    z = found / under_null if under_null > 0 else math.nan
    return Contrast(
        difference=found,
        error=math.sqrt(max(0.0, p1 * (1 - p1)) / n1 + max(0.0, p0 * (1 - p0)) / n0),
        interval=Interval(low, high, level),
        statistic=z,
        p_value=two_sided(z) if under_null > 0 else math.nan,
        df=math.inf,
        method="Newcombe interval, pooled z test",
    )


def means(treated: Moments, control: Moments, level: float = 0.95) -> Contrast:
    """Compare two means by Welch's t (Welch 1947, Biometrika 34)."""
    found = treated.mean - control.mean
    error = math.sqrt(treated.error2 + control.error2)
    if error == 0:
        nothing = Interval(found, found, level)
        return Contrast(found, 0.0, nothing, math.nan, math.nan, math.nan, "Welch's t")
    df = error**4 / (treated.error2**2 / (treated.n - 1) + control.error2**2 / (control.n - 1))
    return by_student(found, error, df, level, method="Welch's t")


def by_student(difference: float, error: float, df: float, level: float, method: str) -> Contrast:
    """Give the interval and test of an estimate with Student's distribution."""
    from scipy.special import stdtr, stdtrit

    half = float(stdtrit(df, 0.5 + level / 2)) * error if math.isfinite(df) else z_of(level) * error
    t = difference / error
    p = 2 * float(stdtr(df, -abs(t))) if math.isfinite(df) else two_sided(t)
    interval = Interval(difference - half, difference + half, level)
    return Contrast(difference, error, interval, t, p, df, method)


def relative(
    treated: Moments, control: Moments, level: float = 0.95
) -> tuple[float | None, Interval | None]:
    """Give the change as a share of the control's mean, by the delta method.

    The variance of m1 / m0 is v1 / m0^2 + m1^2 v0 / m0^4 (v: squared standard errors).

    Returns
    -------
    ``None`` twice where the control's mean is not clearly above zero: a share of nothing.
    """
    base, spread = control.mean, math.sqrt(control.error2)
    if base <= 0 or base < _CLEAR_BASE * spread:
        return None, None
    found = treated.mean / base - 1
    variance = treated.error2 / base**2 + treated.mean**2 * control.error2 / base**4
    half = z_of(level) * math.sqrt(variance)
    return found, Interval(found - half, found + half, level)


@dataclass(frozen=True, slots=True)
class Adjusted:
    """A difference after what was known before is allowed for (CUPED).

    Attributes
    ----------
    contrast
        The adjusted difference.
    theta
        What a unit more before goes with after, within arms.
    saved
        Share of the difference's variance that it saves; below 0 where it costs.
    """

    contrast: Contrast
    theta: float
    saved: float


def theta_of(arms: Sequence[Moments]) -> float:
    """Give the common slope within the arms: that of a regression on arms and the pre value."""
    joint = sum((a.n - 1) * a.covariance for a in arms)
    own = sum((a.n - 1) * a.pre_variance for a in arms)
    return joint / own if own > 0 else 0.0


def cuped(treated: Moments, control: Moments, theta: float, level: float = 0.95) -> Adjusted:
    """Take off what the arms differed by already.

    Deng, Xu, Kohavi, Walker (2013), WSDM: y - theta (x - mean x), compared by Welch's t.
    """
    raw = treated.error2 + control.error2
    one, zero = _without(treated, theta), _without(control, theta)
    found = means(one, zero, level)
    saved = 1 - (one.error2 + zero.error2) / raw if raw > 0 else 0.0
    return Adjusted(found, theta, saved)


def _without(arm: Moments, theta: float) -> Moments:
    variance = arm.variance - 2 * theta * arm.covariance + theta**2 * arm.pre_variance
    return Moments(arm.n, arm.mean - theta * arm.pre_mean, max(0.0, variance))


# --- Equivalence, several tests, counts against shares --------------------------------------------


def equivalence(contrast: Contrast, margin: float) -> float:
    """Give the p that the difference is as large as ``margin`` or larger, either way.

    Two one-sided tests (Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15):
    the larger of the two p; below .05 the arms are alike but for less than the margin.

    Parameters
    ----------
    contrast
        Its unpooled standard error and degrees of freedom are used.
    margin
        In the outcome's unit, above zero.
    """
    from scipy.special import stdtr

    if margin <= 0:
        raise ValueError(f"margin must be above 0, got {margin}")
    if contrast.error == 0:
        return 0.0 if abs(contrast.difference) < margin else 1.0
    far = (abs(contrast.difference) - margin) / contrast.error
    return float(stdtr(contrast.df, far)) if math.isfinite(contrast.df) else _NORMAL.cdf(far)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust for several tests (Holm 1979, Scandinavian Journal of Statistics 6).

    A test that could not be made (NaN) stays NaN, but counts as one that was asked for.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    count = len(p_values)
    order = sorted((p, i) for i, p in enumerate(p_values) if not math.isnan(p))
    found, highest = [math.nan] * count, 0.0
    for rank, (p, i) in enumerate(order):
        highest = max(highest, min(1.0, (count - rank) * p))
        found[i] = highest
    return found


def chi_square(counts: Mapping[str, int], shares: Mapping[str, float]) -> tuple[float, float]:
    """Test counts against declared shares (Pearson 1900).

    Parameters
    ----------
    counts
        Customers by arm; arms of ``shares`` that are missing count 0.
    shares
        Of any sum.

    Returns
    -------
    The statistic and its p.
    """
    from scipy.special import chdtrc

    total, whole = sum(counts.get(a, 0) for a in shares), sum(shares.values())
    if len(shares) < 2 or not total:
        return 0.0, 1.0
    expected = {a: total * s / whole for a, s in shares.items()}
    statistic = sum((counts.get(a, 0) - e) ** 2 / e for a, e in expected.items())
    return statistic, float(chdtrc(len(shares) - 1, statistic))


def independence(table: Sequence[Sequence[int]]) -> tuple[float, float]:
    """Test that rows and columns of a table of counts have nothing to do with each other.

    No correction for continuity; empty rows and columns are left out.
    """
    from scipy.special import chdtrc

    rows = [r for r in table if sum(r)]
    columns = [c for c in zip(*rows, strict=True) if sum(c)]
    if len(rows) < 2 or len(columns) < 2:
        return 0.0, 1.0
    total, sums = sum(map(sum, rows)), [sum(r) for r in rows if sum(r)]
    statistic = sum(
        (found - wanted) ** 2 / wanted
        for column in columns
        for found, wanted in zip(column, (s * sum(column) / total for s in sums), strict=True)
    )
    return statistic, float(chdtrc((len(rows) - 1) * (len(columns) - 1), statistic))


def heterogeneity(differences: Sequence[float], errors: Sequence[float]) -> float:
    """Give the p that all groups share one difference (Cochran 1954, Biometrics 10: Q)."""
    from scipy.special import chdtrc

    known = [(d, 1 / e**2) for d, e in zip(differences, errors, strict=True) if e > 0]
    if len(known) < 2:
        return math.nan
    centre = sum(d * w for d, w in known) / sum(w for _, w in known)
    return float(chdtrc(len(known) - 1, sum(w * (d - centre) ** 2 for d, w in known)))
