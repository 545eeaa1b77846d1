"""Exposure: the effect on those who were reached, where not all were as the draw had it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import polars as pl

from crmlib import i18n
from crmlib.campaigns.cells import SUMS, UNKNOWN, moments
from crmlib.campaigns.contrasts import z_of
from crmlib.estimate import Estimate, Grade, Interval

ASSUMPTIONS = (
    i18n.mark("The arms were drawn at random."),
    i18n.mark("Being drawn changes nothing but through being reached."),
    i18n.mark("Nobody would be reached only if drawn into the control."),
    i18n.mark("One customer's message does not change what another customer does."),
)
_WEAK = 10.0  # first-stage F under which the ratio's interval is not to be trusted


@dataclass(frozen=True, slots=True)
class Cace:
    """Complier average causal effect: of being reached, on those whom the draw decided for.

    Attributes
    ----------
    arm, outcome
        What was compared with the control.
    estimate
        Effect a customer reached, in the outcome's unit; ``None`` with ``why_not``.
    reached, reached_control
        Share of either arm that was reached; fractions.
    first_stage
        F of the difference of these shares.
    why_not
        English sentence.
    """

    arm: str
    outcome: str
    estimate: Estimate | None
    reached: float
    reached_control: float
    first_stage: float
    why_not: str = ""

    def assumptions(self, lang: str) -> list[str]:
        """Say what must hold for it."""
        return [i18n.text(a, lang) for a in ASSUMPTIONS]

    def headline(self, lang: str) -> str:
        """Say how many were reached, or why the effect on them is not known."""
        if self.estimate is None:
            return i18n.text(self.why_not, lang)
        return i18n.text(
            "{reached} of the arm and {control} of its control were reached; that is allowed for "
            "in the effect on those reached.",
            lang,
            reached=i18n.percent(self.reached, lang),
            control=i18n.percent(self.reached_control, lang),
        )


NOT_KNOWN = i18n.mark("The data do not say who was reached.")
HARDLY = i18n.mark("The draw hardly changed who was reached, so the effect on them is not known.")


def cace(cells: pl.DataFrame, arm: str, control: str, level: float = 0.95) -> Cace:
    """Divide the effect of being drawn by what the draw changed in being reached.

    Wald (1940); Angrist, Imbens, Rubin (1996), JASA 91. The standard error is that of the mean
    of y - effect x reached, over the difference reached (delta method, which is what
    two-stage least squares gives with one instrument and unequal variances).

    Parameters
    ----------
    cells
        Of one outcome, with ``exposed`` 1 or 0.
    arm, control
        Names.
    level
        Of the interval.
    """
    outcome = str(cells["outcome"][0])
    own = cells.filter(pl.col("arm").is_in([arm, control]))
    if own.filter(pl.col("exposed") == UNKNOWN).height:
        return Cace(arm, outcome, None, math.nan, math.nan, math.nan, NOT_KNOWN)
    one, zero = (_reached(own.filter(pl.col("arm") == a)) for a in (arm, control))
    gap = one.share - zero.share
    spread = one.share_error2 + zero.share_error2
    first = gap * gap / spread if spread > 0 else (math.inf if gap else 0.0)
    if first < _WEAK:
        return Cace(arm, outcome, None, one.share, zero.share, first, HARDLY)
    effect = (one.mean - zero.mean) / gap
    error = math.sqrt(one.residual_error2(effect) + zero.residual_error2(effect)) / abs(gap)
    half = z_of(level) * error
    return Cace(
        arm=arm,
        outcome=outcome,
        estimate=Estimate(
            effect,
            Interval(effect - half, effect + half, level),
            one.n + zero.n,
            "CACE, Wald estimate",
            Grade.A,
        ),
        reached=one.share,
        reached_control=zero.share,
        first_stage=first,
    )


@dataclass(frozen=True, slots=True)
class _Reached:
    """An arm's outcome y and reach d: means, variances and covariance."""

    n: int
    mean: float
    variance: float
    share: float
    covariance: float

    @property
    def share_error2(self) -> float:
        return self.share * (1 - self.share) / max(self.n - 1, 1)

    def residual_error2(self, effect: float) -> float:
        """Squared standard error of the mean of y - effect x d."""
        reach = self.share * (1 - self.share) * self.n / max(self.n - 1, 1)
        variance = self.variance - 2 * effect * self.covariance + effect**2 * reach
        return max(variance, 0.0) / self.n


def _reached(arm: pl.DataFrame) -> _Reached:
    whole = moments(arm)
    sent = arm.filter(pl.col("exposed") == 1)
    count = int(sent["n"].sum())
    share = count / whole.n
    total = math.fsum(sent[SUMS[0]]) + count * float(arm["centre_y"][0])
    covariance = (total - share * whole.n * whole.mean) / max(whole.n - 1, 1)
    return _Reached(whole.n, whole.mean, whole.variance, share, covariance)
