"""A number to act on: its value, its uncertainty and the evidence behind it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from crmlib import i18n


class Grade(StrEnum):
    """How a number was come by; sums and ratios take the worst grade of their parts."""

    A = "A"  # randomised
    B = "B"  # quasi-experiment that passed enough placebos
    C = "C"  # adjusted for what was observed
    D = "D"  # raw comparison

    def words(self, lang: str) -> str:
        """Say what the grade means."""
        return i18n.text(_GRADE_WORDS[self], lang)


_GRADE_WORDS = {
    Grade.A: i18n.mark("randomised"),
    Grade.B: i18n.mark("quasi-experiment, placebos passed"),
    Grade.C: i18n.mark("adjusted for what was observed"),
    Grade.D: i18n.mark("raw comparison"),
}


def worst(grades: Iterable[Grade]) -> Grade:
    """Return the weakest evidence among ``grades``; letters sort from strong to weak."""
    return max(grades)


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed interval with its level of confidence (a fraction of one)."""

    low: float
    high: float
    level: float = 0.95

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise ValueError(f"level must lie between 0 and 1, got {self.level}")
        if self.low > self.high:
            raise ValueError(f"low must not exceed high, got {self.low} > {self.high}")

    def excludes(self, value: float) -> bool:
        """Tell whether ``value`` lies outside the interval."""
        return value < self.low or value > self.high


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its interval, the number of cases, the method and the evidence grade.

    Attributes
    ----------
    value
        The estimate, in the unit its name gives; rates are fractions of one.
    interval
        ``None`` for a total that was counted: it has no sampling error.
    n
        Number of independent cases, usually customers.
    method
        Short name of the method, in English, for the method card.
    grade
        Evidence grade of the comparison or number.
    """

    value: float
    interval: Interval | None
    n: int
    method: str
    grade: Grade = Grade.D


def jackknife_interval(
    value: float, fold_out: Iterable[float], level: float = 0.95
) -> Interval | None:
    """Give the interval of a statistic from its leave-one-fold-out values.

    Customers are drawn into folds at random, so folds are independent groups and the
    delete-a-group jackknife variance (K-1)/K * sum((theta_(k) - mean)^2) holds for any smooth
    statistic (Kott 2001, Journal of Official Statistics 17(4), equation 2). The interval takes
    Student's t with K - 1 degrees of freedom, since the variance is estimated from K groups.

    Parameters
    ----------
    value
        The statistic on all folds.
    fold_out
        The statistic with each fold left out in turn; folds without a customer are left out
        of the list.
    level
        Confidence level.

    Returns
    -------
    ``None`` when there are fewer than two folds: nothing is known about the spread.
    """
    from statistics import fmean

    values = list(fold_out)
    folds = len(values)
    if folds < 2:
        return None
    centre = fmean(values)
    variance = (folds - 1) / folds * sum((v - centre) ** 2 for v in values)
    half = student_quantile(0.5 + level / 2, folds - 1) * math.sqrt(variance)
    return Interval(value - half, value + half, level)


def ratio_interval(ratio: float, fold_out: Iterable[float], level: float = 0.95) -> Interval | None:
    """Give the jackknife interval of a ratio of positive sums, worked out on its logarithm.

    Half is as far from one as double is, and sums with a few large customers are skewed: on the
    logarithm the interval holds the truth nearer to its level (docs/reliability.md).
    """
    logs = [math.log(r) for r in fold_out if r > 0]
    if ratio <= 0 or not (found := jackknife_interval(math.log(ratio), logs, level)):
        return None
    return Interval(math.exp(found.low), math.exp(found.high), level)


def student_quantile(probability: float, degrees: int) -> float:
    """Give a quantile of Student's t by its Cornish-Fisher expansion.

    Abramowitz and Stegun 26.7.5, four terms: to 1e-3 from five degrees of freedom on; below, the
    quantile comes out short by up to an eighth.
    """
    from statistics import NormalDist

    z = NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / degrees**k for k, term in enumerate(terms, start=1))
